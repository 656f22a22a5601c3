//! Tests of reading schemas.

use super::*;
use crate::types::literal::tests::literal;
use crate::types::{Answer, assignable_to_field};
use serde_json::json;

fn read(schema: Json) -> (String, Vec<String>) {
    let schema = Schema::read(&json!({"s": schema}), "/s");
    (schema.ty.to_string(), schema.undecided)
}

fn ty(schema: Json) -> String {
    let (ty, undecided) = read(schema);
    assert!(undecided.is_empty(), "{undecided:?}");
    ty
}

#[test]
fn scalars() {
    assert_eq!(ty(json!({"type": "integer", "minimum": 0.5, "exclusiveMaximum": 10})), "int(1..9)");
    assert_eq!(ty(json!({"type": ["string", "null"]})), "string | null");
    assert_eq!(ty(json!({"enum": ["b", "a", null]})), r#"null | "a" | "b""#);
    assert_eq!(ty(json!({"type": "string", "enum": ["a", null]})), r#""a""#);
    assert_eq!(ty(json!({"type": "string", "format": "date-time"})), "timestamp");
    assert_eq!(ty(json!({"type": "string", "contentEncoding": "base64"})), "bytes");
    assert_eq!(ty(json!({"type": "number", "format": "decimal"})), "decimal");
    assert_eq!(ty(json!({"type": "integer", "enum": [3, 1, 2]})), "int(1..3)");
    // What stands beside an enumeration takes some of it away.
    assert_eq!(ty(json!({"type": "string", "enum": ["a", "bbbbb"], "minLength": 5})), r#""bbbbb""#);
    assert_eq!(ty(json!({"type": "integer", "enum": [1, 2, 3], "maximum": 2})), "int(1..2)");
    assert_eq!(ty(json!({"type": "string", "enum": ["a", "b"], "pattern": "^b$"})), r#""b""#);
    assert_eq!(ty(json!({"const": "a", "enum": ["b"]})), "never");
    assert_eq!(ty(json!({"type": "integer", "minimum": 3, "maximum": 2})), "never");
    assert_eq!(ty(json!({"type": "integer", "maximum": 1e300})), "int");
    assert_eq!(ty(json!({"type": "integer", "minimum": -1e300})), "int");
    for beyond in [
        json!({"minimum": 1e300}),
        json!({"maximum": -1e300}),
        json!({"exclusiveMinimum": 9_007_199_254_740_991_u64}),
    ] {
        let mut schema = beyond.clone();
        schema["type"] = json!("integer");
        assert_eq!(ty(schema), "never", "{beyond}");
    }
    assert_eq!(
        (ty(json!(true)), ty(json!({"title": "x"})), ty(json!(false))),
        ("any".into(), "any".into(), "never".into())
    );
    assert_eq!(
        read(json!({"type": "number", "multipleOf": 0.01})),
        ("decimal".into(), vec!["multipleOf".into()])
    );
    assert_eq!(read(json!({"type": "integer", "enum": [1, 9]})), ("int(1..9)".into(), vec!["enum".into()]));
}

/// A schema without `type` that speaks of members is an object's, unless what stands beside names other kinds.
#[test]
fn kinds_that_are_named_beside_count() {
    let object = || json!({"type": "object"});
    assert_eq!(
        ty(json!({"anyOf": [{"type": "string"}, object()], "additionalProperties": true})),
        "string | { … }"
    );
    let list = json!({"type": "array", "items": {"type": "string"}});
    assert_eq!(
        ty(
            json!({"oneOf": [list, {"$ref": "#/s/$defs/o"}], "properties": {"a": {"type": "null"}}, "$defs": {"o": object()}})
        ),
        "[string] | { a: null?, … }"
    );
    let either = json!([{"required": ["a"]}, {"required": ["b"]}]);
    let both = json!({"a": {"type": "null"}, "b": {"type": "null"}});
    assert_eq!(
        ty(json!({"anyOf": either, "properties": both})),
        "{ a: null, b: null?, … } | { a: null?, b: null, … }"
    );
    assert_eq!(ty(json!({"allOf": [object()], "properties": {"a": {"type": "null"}}})), "{ a: null?, … }");
}

/// What nothing is known of may be there, and a closed target refuses it: nobody knows, which is no yes.
#[test]
fn members_of_an_unknown_kind_are_no_yes_for_a_closed_target() {
    let schema = |schema: Json| Schema::read(&json!({"s": schema}), "/s").ty;
    let a = || json!({"a": {"type": "string"}});
    let closed = schema(json!({"type": "object", "properties": a(), "additionalProperties": false}));
    let open = |more: Json| {
        let mut whole = json!({"type": "object", "properties": a(), "additionalProperties": false});
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        crate::types::assignable(&schema(whole), &closed)
    };
    assert_eq!(open(json!({})), Answer::Yes);
    for more in [
        json!({"patternProperties": {"^b": {"type": "integer"}}}),
        json!({"properties": {"a": {"type": "string"}, "b": {"$ref": "#/s"}}}),
    ] {
        assert!(matches!(open(more.clone()), Answer::Unknown(_)), "{more}");
    }
    assert_eq!(open(json!({"properties": {"a": {"type": "string"}, "b": false}})), Answer::Yes);
}

/// A keyword that refuses everything says a lot.
#[test]
fn what_refuses_everything_is_not_decided() {
    for (kind, keyword) in [("array", "unevaluatedItems"), ("array", "contains"), ("object", "propertyNames")]
    {
        let said = |value: bool| read(json!({"type": kind, keyword: value})).1;
        assert_eq!(said(false), [keyword]);
        assert_eq!(said(true).is_empty(), keyword != "contains", "{keyword}");
    }
    assert!(read(json!({"type": "array", "uniqueItems": false})).1.is_empty());
    assert_eq!(read(json!({"type": "array", "uniqueItems": true})).1, ["uniqueItems"]);
}

/// Without a `type` a keyword says something all the same, of values of its kind.
#[test]
fn keywords_without_a_type_are_not_decided() {
    for (keyword, value) in [
        ("unevaluatedProperties", json!(false)),
        ("minProperties", json!(9)),
        ("maxProperties", json!(0)),
        ("propertyNames", json!({"maxLength": 0})),
        ("uniqueItems", json!(true)),
        ("contains", json!({"type": "integer"})),
        ("unevaluatedItems", json!(false)),
        ("exclusiveMaximum", json!(0)),
        ("exclusiveMinimum", json!(0)),
        ("minimum", json!(0)),
    ] {
        assert_eq!(read(json!({keyword: value})).1, [keyword]);
        let composed =
            json!({"allOf": [{"type": "object"}, {keyword: value}], "$defs": {"o": {"type": "object"}}});
        assert_eq!(read(composed).1, [keyword]);
        assert_eq!(
            read(json!({"$ref": "#/s/$defs/o", keyword: value, "$defs": {"o": {"type": "object"}}})).1,
            [keyword]
        );
    }
}

/// What is not checked may declare members: nothing is closed by `unevaluatedProperties` then.
#[test]
fn what_is_not_checked_closes_nothing() {
    let text = || json!({"a": {"type": "string"}});
    let closed = |more: Json| {
        let mut schema = json!({"type": "object", "properties": text(), "unevaluatedProperties": false});
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ty(schema)
    };
    assert_eq!(closed(json!({})), "{ a: string? }");
    let (open, undecided) = read(
        json!({"type": "object", "properties": text(), "unevaluatedProperties": false, UNCHECKED: "pattern"}),
    );
    assert_eq!(open, "{ a: string?, … }");
    assert!(undecided.contains(&"unevaluatedProperties".to_owned()), "{undecided:?}");
    // A member without a name keeps what is said of its own.
    let (_, undecided) = read(
        json!({"type": "object", "properties": {"": {"type": "object", "properties": {"b": {"type": "string", "pattern": "^z"}}}}}),
    );
    assert_eq!(undecided, ["\"\".b: pattern"]);
}

#[test]
fn objects() {
    let schema = json!({"type": "object", "required": ["id"], "additionalProperties": false, "properties": {
        "id": {"type": "string", "minLength": 1},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    }});
    let (spelled, undecided) = read(schema);
    assert_eq!(spelled, "{ id: string, lines: [{ n: int?, … }]? }");
    assert_eq!(undecided, ["id: minLength"]);
    assert_eq!(ty(json!({"type": "object", "additionalProperties": {"type": "boolean"}})), "{string: bool}");
    let closed =
        json!({"type": "object", "properties": {"a": {"type": "null"}}, "unevaluatedProperties": false});
    assert_eq!(ty(closed), "{ a: null? }");
    // What is demanded must be able to stand there.
    let ghost = json!({"type": "object", "required": ["ghost"], "additionalProperties": false});
    assert_eq!(ty(ghost), "never");
    let (spelled, undecided) = read(json!({"type": "object", "properties": {"a": {"type": "null"}},
        "if": true, "then": {"allOf": [{"properties": {"b": {"type": "null"}}}]}, "else": {"properties": {"a": true}}}));
    assert_eq!((spelled.as_str(), undecided), ("{ a: null?, b: unknown?, … }", vec!["if".to_owned()]));
}

#[test]
fn combined() {
    let all = json!({"allOf": [
        {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"a": {"enum": ["x", "y"]}, "b": {"type": "integer", "minimum": 1}}}
    ], "properties": {"b": {"maximum": 5, "type": "integer"}}});
    assert_eq!(ty(all), r#"{ a: "x" | "y", b: int(1..5)?, … }"#);
    let tagged = json!({"oneOf": [
        {"type": "object", "required": ["k"], "properties": {"k": {"const": "a"}}},
        {"type": "object", "required": ["k"], "properties": {"k": {"const": "b"}}},
        {"type": "null"}
    ]});
    assert_eq!(ty(tagged), r#"{ k: "a", … } | { k: "b", … } | null"#);
    let overlapping = json!({"oneOf": [{"type": "integer"}, {"type": "number"}]});
    assert_eq!(read(overlapping), ("int | number".into(), vec!["oneOf".into()]));
    assert_eq!(ty(json!({"type": "string", "anyOf": [{"type": "string"}, {"type": "integer"}]})), "string");
    assert_eq!(read(json!({"type": "string", "not": {"const": "x"}})), ("string".into(), vec!["not".into()]));
}

#[test]
fn circles_and_explosions_end_as_unknown() {
    let mut root = json!({"node": {"type": "object", "properties": {"next": {"$ref": "#/node"}, "all": {"type": "array", "items": {"$ref": "#/node"}}}}});
    let node = Schema::read(&root, "/node").ty;
    assert_eq!(node.to_string(), "{ all: [unknown]?, next: unknown?, … }");
    for level in 0..40 {
        let next = json!({"$ref": format!("#/l{}", level + 1)});
        root[format!("l{level}")] =
            json!({"type": "object", "properties": {"a": next, "b": next, "c": next}});
        root[format!("m{level}")] =
            json!({"allOf": [{"$ref": format!("#/m{}", level + 1)}, {"$ref": format!("#/m{}", level + 1)}]});
    }
    root["m40"] = json!({"type": "integer"});
    for pointer in ["/l0", "/m0", "/nowhere"] {
        let schema = Schema::read(&root, pointer);
        let text = serde_json::to_string(&schema.ty).unwrap();
        assert_eq!(serde_json::from_str::<Type>(&text).unwrap(), schema.ty, "{pointer}");
    }
    for bad in [
        json!(3),
        json!({"$ref": 3}),
        json!({"$ref": "other.yaml"}),
        json!({"type": 3}),
        json!({"type": "float"}),
    ] {
        assert_eq!(ty(bad), "unknown");
    }
}

#[test]
fn products_of_alternatives_are_bounded() {
    let records = |group: usize, many: usize| -> Vec<_> {
        let named =
            |one| json!({"type": "object", "properties": {format!("p{group}_{one}"): {"type": "integer"}}});
        (0..many).map(named).collect()
    };
    // 10^12 records, were all pairs made.
    let parts: Vec<_> = (0..12).map(|group| json!({"oneOf": records(group, 10)})).collect();
    let schema = Schema::read(&json!({"allOf": parts}), "");
    assert!(schema.ty.weight() < 1000, "{}", schema.ty.weight());
    assert!(schema.undecided.iter().any(|why| why.contains("too many alternatives together")));
    let mut schema = json!({});
    for group in 0..12 {
        schema = json!({"anyOf": records(group, 10), "allOf": [schema]});
    }
    assert!(Schema::read(&schema, "").ty.weight() < 1000);
    // One base with many alternatives, and a small product, are read as before.
    let one = json!({"type": "object", "required": ["id"], "anyOf": records(0, 200)});
    assert_eq!(Schema::read(&one, "").ty.alternatives().len(), 200);
    let small = json!({"allOf": [{"anyOf": records(0, 8)}, {"anyOf": records(1, 8)}]});
    assert_eq!(Schema::read(&small, "").ty.alternatives().len(), 64);
    let many = json!({"anyOf": records(0, 600)});
    assert_eq!(Schema::read(&many, "").ty, Type::unknown("there are too many alternatives"));
}

#[test]
fn an_object_that_declares_nothing_takes_any_literal() {
    let value = Type::closed_record([("anything", Type::int())]);
    let literal = literal(&["anything"]);
    let free = Schema::read(&json!({"type": "object"}), "");
    assert_eq!(assignable_to_field(&value, &Field::of(free.ty.clone()), &literal), Answer::Yes);
    let declared = Schema::read(&json!({"type": "object", "properties": {"a": {"type": "integer"}}}), "");
    assert!(matches!(assignable_to_field(&value, &Field::of(declared.ty.clone()), &literal), Answer::No(_)));
    let closed = Schema::read(&json!({"type": "object", "additionalProperties": false}), "");
    assert!(matches!(assignable_to_field(&value, &Field::of(closed.ty.clone()), &literal), Answer::No(_)));
}
