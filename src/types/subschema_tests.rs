//! Tests of the question between schemas, with the `jsonschema` crate as judge.

use super::*;
use serde_json::json;

fn ask(left: Json, right: Json) -> Answer {
    let read = |schema: &Json| JsonSchema::read(schema, "", Direction::Both).unwrap();
    let answer = read(&left).is_within(&read(&right));
    judge(&left, &right, &answer);
    answer
}

/// Holds an answer against the judge: a no shows a value, a yes is sampled.
fn judge(left: &Json, right: &Json, answer: &Answer) {
    let (accepts, takes) =
        (jsonschema::draft202012::new(left).unwrap(), jsonschema::draft202012::new(right).unwrap());
    match answer {
        Answer::No(counterexample) => {
            let value = counterexample.value.as_ref().unwrap();
            assert!(accepts.is_valid(value) && !takes.is_valid(value), "{left} -> {right}: no, but {value}");
        }
        Answer::Yes => {
            for value in JsonSchema::read(left, "", Direction::Both).unwrap().values(200) {
                assert!(
                    accepts.is_valid(&value) && takes.is_valid(&value),
                    "{left} -> {right}: yes, but {value}"
                );
            }
        }
        Answer::Unknown(_) => {}
    }
}

fn yes(left: Json, right: Json) {
    let answer = ask(left.clone(), right.clone());
    assert_eq!(answer, Answer::Yes, "{left} -> {right}");
}

fn no(left: Json, right: Json) -> Counterexample {
    match ask(left.clone(), right.clone()) {
        Answer::No(counterexample) => counterexample,
        other => panic!("{left} -> {right}: {other:?}"),
    }
}

/// No value that shows it need be found, but it is no yes.
fn unshown(left: Json, right: Json) {
    let answer = ask(left.clone(), right.clone());
    assert_ne!(answer, Answer::Yes, "{left} -> {right}");
}

#[test]
fn bounds_are_compared() {
    yes(json!({"type": "integer", "exclusiveMinimum": 0}), json!({"type": "number", "minimum": 1}));
    no(json!({"type": "number", "exclusiveMinimum": 0}), json!({"type": "number", "minimum": 1}));
    yes(json!({"type": "integer", "multipleOf": 6}), json!({"multipleOf": 3}));
    yes(json!({"type": "integer"}), json!({"type": "number", "multipleOf": 0.01}));
    no(json!({"type": "integer", "multipleOf": 3}), json!({"multipleOf": 6}));
    yes(json!({"type": "string", "minLength": 2, "maxLength": 5}), json!({"minLength": 1, "maxLength": 5}));
    no(json!({"type": "string", "maxLength": 6}), json!({"maxLength": 5}));
    yes(json!({"type": "string", "pattern": "^a+$"}), json!({"type": "string", "pattern": "^a+$"}));
    yes(json!({"enum": ["a", "aa"]}), json!({"type": "string", "pattern": "^a+$", "maxLength": 2}));
    no(json!({"enum": ["a", "b"]}), json!({"type": "string", "pattern": "^a+$"}));
    yes(json!({"type": "array", "maxItems": 1}), json!({"uniqueItems": true}));
    yes(
        json!({"type": "array", "items": {"type": "integer"}, "minItems": 2, "uniqueItems": true}),
        json!({"type": "array", "items": {"type": "number"}, "minItems": 1, "uniqueItems": true}),
    );
    no(json!({"type": "array"}), json!({"uniqueItems": true}));
}

#[test]
fn items_that_a_list_contains_are_counted() {
    let list = |more: Json| {
        let mut schema = json!({"type": "array", "contains": {"type": "integer"}});
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    let (none, some) = (list(json!({"minContains": 0})), list(json!({})));
    yes(some.clone(), none.clone());
    no(none, some.clone());
    no(json!({"type": "array"}), some);
    yes(list(json!({"minContains": 3})), list(json!({"minContains": 2})));
    unshown(list(json!({"minContains": 2})), list(json!({"minContains": 3})));
    yes(list(json!({"maxContains": 2})), list(json!({"maxContains": 3})));
    unshown(list(json!({"maxContains": 3})), list(json!({"maxContains": 2})));
    yes(list(json!({"maxItems": 2})), list(json!({"maxContains": 2})));
    yes(json!({"type": "array", "maxItems": 2}), list(json!({"minContains": 0, "maxContains": 2})));
    // Bounds alone say nothing.
    yes(json!({"type": "array"}), json!({"minContains": 2, "maxContains": 3}));
    yes(json!({"type": "string"}), json!({"contains": {"type": "integer"}}));
}

#[test]
fn combined_schemas_are_taken_apart() {
    let tagged =
        |tag: &str| json!({"type": "object", "required": ["k"], "properties": {"k": {"const": tag}}});
    yes(
        json!({"oneOf": [tagged("a"), tagged("b")]}),
        json!({"oneOf": [tagged("c"), tagged("b"), tagged("a")]}),
    );
    no(json!({"oneOf": [tagged("a"), tagged("d")]}), json!({"oneOf": [tagged("b"), tagged("a")]}));
    yes(json!({"type": ["string", "null"]}), json!({"anyOf": [{"type": "null"}, {"type": "string"}]}));
    yes(
        json!({"allOf": [{"type": "integer", "minimum": 1}, {"maximum": 3}]}),
        json!({"type": "integer", "minimum": 0, "maximum": 9}),
    );
    yes(json!({"type": "string"}), json!({"not": {"type": "integer"}}));
    no(json!({"type": "integer"}), json!({"oneOf": [{"type": "integer"}, {"minimum": 5}]}));
    yes(json!({"type": "boolean"}), json!({"enum": [true, false]}));
    yes(json!({"enum": [1, 2.0]}), json!({"type": "integer", "minimum": 1}));
}

#[test]
fn what_is_not_is_compared() {
    let not = |schema: Json| json!({"not": schema});
    yes(not(json!({"type": "number"})), not(json!({"type": "integer"})));
    no(not(json!({"type": "integer"})), not(json!({"type": "number"})));
    yes(not(json!({"minLength": 2, "type": "string"})), not(json!({"minLength": 3, "type": "string"})));
    yes(not(not(json!({"type": "null"}))), json!({"enum": [null]}));
    yes(not(json!({"enum": [null, true, false]})), not(json!({"type": ["boolean", "null"]})));
    no(not(json!({"enum": [null, true]})), not(json!({"type": "boolean"})));
    yes(not(json!({"anyOf": [{"type": "string"}, {"type": "array"}]})), not(json!({"type": "string"})));
    yes(json!({"enum": [1, "ab"]}), not(json!({"type": "number", "minimum": 2})));
    yes(json!({"type": "string"}), not(not(not(json!({"type": "null"})))));
    no(not(json!({"type": "integer", "minimum": 3})), not(json!({"type": "integer", "minimum": 2})));
    let either = json!({"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 2}]});
    yes(json!({"allOf": [either, {"type": "number"}]}), either);
}

#[test]
fn undeclared_members_may_stand_where_nothing_forbids_them() {
    let open = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}});
    let counterexample =
        no(open.clone(), json!({"type": "object", "properties": {"b": {"type": "integer"}}}));
    assert_eq!(counterexample.path, "b");
    no(open.clone(), json!({"type": "object", "additionalProperties": false, "properties": {"a": {}}}));
    yes(open.clone(), json!({"type": "object", "properties": {"a": {"type": "string", "minLength": 0}}}));
    let mut closed = open;
    closed["additionalProperties"] = json!(false);
    yes(closed.clone(), json!({"type": "object", "properties": {"b": {"type": "integer"}}}));
    yes(closed, json!({"type": "object", "maxProperties": 1, "propertyNames": {"maxLength": 1}}));
    yes(
        json!({"type": "object", "patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": false}),
        json!({"type": "object", "patternProperties": {"^x": {"type": "number"}}, "additionalProperties": false}),
    );
    yes(
        json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        json!({"type": "object", "properties": {"n": {"type": "number"}}}),
    );
}

#[test]
fn recursion_is_followed_until_it_repeats() {
    let tree = |leaf: Json, name: &str| {
        json!({"$ref": format!("#/$defs/{name}"), "$defs": {name: {
            "type": "object", "required": ["value"], "additionalProperties": false,
            "properties": {"value": leaf, "all": {"type": "array", "items": {"$ref": format!("#/$defs/{name}")}}}
        }}})
    };
    yes(tree(json!({"type": "integer"}), "a"), tree(json!({"type": "number"}), "b"));
    no(tree(json!({"type": "number"}), "a"), tree(json!({"type": "integer"}), "b"));
    // A circle that never goes inside the value says nothing.
    let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}});
    let read = JsonSchema::read(&circle, "", Direction::Both);
    if let Ok(circle) = read {
        assert!(!matches!(circle.is_within(&circle), Answer::No(_)));
    }
}

#[test]
fn a_member_goes_the_way_it_is_meant() {
    let account = json!({
        "openapi": "3.0.3",
        "s": {"type": "object", "required": ["id", "password"], "additionalProperties": false, "properties": {
            "id": {"type": "string", "readOnly": true},
            "password": {"type": "string", "writeOnly": true, "nullable": true},
            "age": {"type": "integer", "minimum": 0, "exclusiveMinimum": true}
        }}
    });
    let read = |direction| JsonSchema::read(&account, "/s", direction).unwrap();
    let (answer, request) = (read(Direction::Answer), read(Direction::Request));
    assert!(matches!(answer.is_within(&request), Answer::No(_)));
    assert_eq!(request.is_within(&read(Direction::Both)), Answer::Yes);
}

/// Who demands a member and who says which way it goes may be two schemas of one `allOf`.
#[test]
fn a_member_of_another_schema_of_the_same_all_of_goes_the_way_it_is_meant() {
    let base = json!({"type": "object", "properties": {"id": {"type": "string", "readOnly": true}}});
    for schema in [
        json!({"allOf": [{"required": ["id", "k"]}, base]}),
        json!({"allOf": [{"$ref": "#/base"}, {"type": "object", "required": ["k", "id"]}]}),
        json!({"allOf": [{"$ref": "#/base"}], "required": ["id", "k"]}),
    ] {
        let root = json!({"openapi": "3.0.3", "base": base, "s": schema});
        let read = |direction| JsonSchema::read(&root, "/s", direction).unwrap();
        let value = json!({"k": 1});
        assert!(read(Direction::Request).check(&value).is_ok(), "{root}");
        assert!(read(Direction::Answer).check(&value).is_err(), "{root}");
    }
}

/// Questions that would take forever, or all memory, if they were followed to their end.
mod hostile {
    use super::*;
    use std::time::{Duration, Instant};

    /// The answer, which must come in bounded time, and be true. An unreadable schema is an answer, too.
    #[expect(clippy::disallowed_methods, reason = "the tests are about time")]
    fn bounded(left: &Json, right: &Json) {
        let start = Instant::now();
        let read = |schema: &Json| JsonSchema::read(schema, "", Direction::Both);
        if let (Ok(a), Ok(b)) = (read(left), read(right)) {
            judge(left, right, &a.is_within(&b));
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    }

    #[test]
    fn endless_recursion() {
        let list = |name: &str| {
            json!({"$ref": format!("#/$defs/{name}"), "$defs": {name: {
                "type": "array", "minItems": 1, "items": {"$ref": format!("#/$defs/{name}")}
            }}})
        };
        bounded(&list("a"), &list("b"));
        let both = json!({"$ref": "#/$defs/a", "$defs": {
            "a": {"type": "object", "properties": {"x": {"$ref": "#/$defs/b"}, "y": {"$ref": "#/$defs/a"}}},
            "b": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "array", "items": {"$ref": "#/$defs/b"}}]}
        }});
        bounded(&both, &both.clone());
        let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}});
        bounded(&circle, &json!({"type": "null"}));
    }

    #[test]
    fn ten_thousand_alternatives() {
        let of = |offset: usize, keyword: &str| {
            let one = |n: usize| json!({"type": "object", "required": ["k"], "properties": {"k": {"const": n + offset}}});
            json!({keyword: (0..10_000).map(one).collect::<Vec<_>>()})
        };
        bounded(&of(0, "anyOf"), &of(1, "anyOf"));
        bounded(&of(0, "oneOf"), &of(0, "oneOf"));
    }

    #[test]
    fn products_of_alternatives() {
        let mut levels = json!({"type": "integer"});
        for level in 0..12 {
            levels = json!({"allOf": [{"oneOf": [levels, {"const": level}]}, {"oneOf": [{"minimum": level}, {"type": "string"}]}]});
        }
        bounded(&levels, &json!({"type": "integer", "maximum": 3}));
        bounded(&json!({"type": "object"}), &levels);
        let parts: Vec<_> = (0..40)
            .map(|n| json!({"anyOf": [{"required": [format!("a{n}")]}, {"required": [format!("b{n}")]}]}))
            .collect();
        let many = json!({"type": "object", "allOf": parts});
        bounded(&many, &json!({"type": "object", "minProperties": 41}));
        bounded(&many, &many.clone());
    }

    #[test]
    fn deep_nesting() {
        let mut deep = json!({"type": "integer"});
        for _ in 0..100 {
            deep = json!({"type": "array", "items": deep});
        }
        bounded(&deep, &deep.clone());
        let mut large = json!({"type": "string", "minLength": 1_000_000_000});
        bounded(&large, &json!({"type": "string", "minLength": 2_000_000_000}));
        large = json!({"type": "array", "minItems": 4_000_000_000_u64, "items": large});
        bounded(&large, &json!({"type": "array", "maxItems": 3}));
    }

    #[test]
    fn names_that_mislead_are_names() {
        // A Cyrillic letter and a mark that turns the direction of writing: other names, and shown as such.
        let named = |name: &str| json!({"type": "object", "required": [name], "properties": {name: {"type": "string"}}});
        for other in ["p\u{430}yload", "pay\u{202e}load"] {
            no(named("payload"), named(other));
        }
    }
}

#[path = "subschema_random_tests.rs"]
mod random;
