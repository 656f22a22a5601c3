use serde_json::{Value as Json, json};

use super::*;
use crate::types::dialect::Direction;
use crate::types::{Schema, assignable};

/// The answer for a value of one schema at the place of another, and whether a validator takes what is shown.
fn asked(left: &Json, right: &Json, steps: &[Step]) -> Answer {
    let root = Arc::new(left.clone());
    let checked = Arc::new(Checked::new(&root, Some(""), Direction::Answer));
    let mut from = checked.schema().unwrap().ty.clone();
    let mut provenance = Provenance::answer(vec![Some(Arc::clone(&checked))]);
    for step in steps {
        (from, provenance) = match (step, from) {
            (Step::First, Type::List { of }) => (*of, provenance.item()),
            (Step::Member(name), Type::Record(record)) => {
                (record.fields[name].ty.clone(), provenance.member(name))
            }
            (_, other) => panic!("{other}"),
        };
    }
    let to = Schema::read(right, "").ty;
    let answer = provenance.confirmed(assignable(&from, &to), &to, &|_| false);
    if let Answer::No(Counterexample { value: Some(value), .. }) = &answer {
        assert!(!to.accepts(value), "{left} to {right}: {value}");
        if steps.is_empty() {
            assert!(jsonschema_accepts(left, value), "{left} to {right}: {value}");
        }
    }
    answer
}

fn jsonschema_accepts(schema: &Json, value: &Json) -> bool {
    Checked::new(&Arc::new(schema.clone()), Some(""), Direction::Answer).check(value).is_ok()
}

#[test]
fn what_the_schema_forbids_shows_nothing() {
    let text = || json!({"type": "string"});
    for (left, right) in [
        (
            json!({"type": "integer", "minimum": -1, "multipleOf": 2}),
            json!({"type": "integer", "minimum": 0}),
        ),
        (json!({"type": "string", "pattern": "^(a|b)$"}), json!({"enum": ["a", "b"]})),
        (json!({"enum": ["a", "b"], "not": {"enum": ["a"]}}), json!({"enum": ["b"]})),
        (json!({"type": "integer", "not": {"minimum": 5}}), json!({"type": "integer", "maximum": 5})),
        (
            json!({"type": "object", "minProperties": 1, "additionalProperties": false, "properties": {"a": text()}}),
            json!({"type": "object", "required": ["a"], "properties": {"a": text()}}),
        ),
        (
            json!({"type": "object", "required": ["b"], "dependentRequired": {"b": ["a"]}, "properties": {"a": text(), "b": text()}}),
            json!({"type": "object", "required": ["a"], "properties": {"a": text()}}),
        ),
        (
            json!({"type": "array", "maxItems": 0, "items": text()}),
            json!({"type": "array", "items": {"type": "integer"}}),
        ),
        (
            json!({"type": "object", "patternProperties": {"^x": {"type": "integer"}}, "required": ["xa"],
                "properties": {"xa": {"type": ["string", "integer"]}}}),
            json!({"type": "object", "properties": {"xa": {"type": "integer"}}}),
        ),
        (
            json!({"type": "object", "propertyNames": {"enum": ["a"]}, "additionalProperties": text()}),
            json!({"type": "object", "additionalProperties": false, "properties": {"a": text()}}),
        ),
        (
            json!({"type": "object", "required": ["a"], "properties": {"a": {"type": ["string", "null"]}},
                "not": {"properties": {"a": {"type": "null"}}}}),
            json!({"type": "object", "required": ["a"], "properties": {"a": text()}}),
        ),
    ] {
        let answer = asked(&left, &right, &[]);
        assert!(matches!(answer, Answer::Unknown(_)), "{left} to {right}: {answer:?}");
    }
}

#[test]
fn a_no_shows_a_value_that_the_schema_lets_through() {
    for (left, right) in [
        (json!({"type": "string", "minLength": 9}), json!({"enum": ["a", "b"]})),
        (json!({"type": "string", "pattern": "^[A-Z]{2}$"}), json!({"type": "integer"})),
        (json!({"type": "array", "minItems": 1, "items": {"type": "string"}}), json!({"type": "object"})),
        (json!({"type": "integer", "multipleOf": 3, "minimum": 1}), json!({"type": "integer", "maximum": 5})),
    ] {
        assert!(matches!(asked(&left, &right, &[]), Answer::No(_)), "{left} to {right}");
    }
}

#[test]
fn only_what_is_said_of_the_place_counts() {
    let left = json!({"type": "object", "required": ["lines"], "properties": {
        "lines": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["kind", "sku"], "properties": {
            "kind": {"type": "string", "pattern": "^a$"}, "sku": {"type": "string"}}}}}});
    let line = |name: &str| [Step::Member("lines".to_owned()), Step::First, Step::Member(name.to_owned())];
    let wanted = json!({"enum": ["a"]});
    assert!(matches!(asked(&left, &wanted, &line("kind")), Answer::Unknown(_)));
    assert!(matches!(asked(&left, &wanted, &line("sku")), Answer::No(_)));
}

#[test]
fn a_place_is_compared_by_its_parts() {
    let all = |path: &'static str| segments(path).collect::<Vec<_>>();
    assert_eq!(all("a[][].b"), ["a", "[]", "[]", "b"]);
    assert_eq!(all("[].b"), ["[]", "b"]);
    assert!(all("").is_empty());
}

/// Many steps of a flow ask the same of one answer: it is looked for once.
#[test]
fn what_was_found_is_not_looked_for_again() {
    let schema =
        Arc::new(json!({"type": "object", "properties": {"kind": {"type": "string", "pattern": "^a$"}}}));
    let checked = Checked::new(&schema, Some(""), Direction::Answer);
    let at = [Step::Member("kind".to_owned())];
    let first = checked.values_at(&at, &json!("text"));
    assert_eq!(first.first(), Some(&json!("a")));
    assert!(Arc::ptr_eq(&first, &checked.values_at(&at, &json!("text"))));
    assert!(!Arc::ptr_eq(&first, &checked.values_at(&at, &json!("a"))));
}

#[test]
fn each_part_of_a_whole_has_its_turn() {
    let parts = [vec![json!(1), json!(2), json!(3)], vec![json!("a")]];
    assert_eq!(together(&parts), [[json!(1), json!("a")], [json!(2), json!("a")], [json!(3), json!("a")]]);
    assert!(together(&[vec![json!(1)], Vec::new()]).is_empty());
}

/// A schema without `type` takes other kinds to the letter: such a value is not shown.
#[test]
fn what_the_target_takes_to_the_letter_shows_nothing() {
    let shown = |left: Json, right: Json| {
        let checked =
            |schema: &Json| Arc::new(Checked::new(&Arc::new(schema.clone()), Some(""), Direction::Answer));
        let (from, to) = (checked(&left), checked(&right));
        let (left, right) = (from.schema().unwrap().ty.clone(), to.schema().unwrap().ty.clone());
        let takes = |json: &Json| to.check_strictly(json).is_ok();
        match Provenance::answer(vec![Some(from)]).confirmed(assignable(&left, &right), &right, &takes) {
            Answer::No(wrong) => wrong.value,
            other => panic!("{other:?}"),
        }
    };
    let multiples = json!({"type": "number", "multipleOf": 1.5});
    assert_eq!(shown(multiples, json!({"anyOf": [{"multipleOf": 1.5}], "additionalProperties": true})), None);
    let texts = json!({"type": "array", "items": {"type": "string"}, "minItems": 3});
    let records = json!({"type": "array", "items": {"properties": {"a": {"type": "string"}}}, "minItems": 2});
    assert_eq!(shown(texts.clone(), records), None);
    let more = json!({"type": "array", "items": {"properties": {"a": {"type": "string"}}}, "minItems": 4});
    assert_eq!(shown(texts, more), Some(json!(["text", "text", "text"])));
}
