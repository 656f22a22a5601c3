//! Random pairs of schemas: the judge confirms every no, and 200 values every yes. Some of them were also put to another
//! checker (docs/testing.md).

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value as Json, json};

use super::judge;
use crate::types::{Answer, Direction, JsonSchema};

/// A schema and its keywords as they come.
fn schema() -> impl Strategy<Value = Json> {
    let small = 0i64..5;
    let sized = |name: &'static str, least: &'static str, most: &'static str| {
        (proptest::option::of(0i64..4), proptest::option::of(0i64..6)).prop_map(move |(low, high)| {
            let mut schema = json!({"type": name});
            for (keyword, size) in [(least, low), (most, high)] {
                if let Some(size) = size {
                    schema[keyword] = json!(size);
                }
            }
            schema
        })
    };
    let leaf = prop_oneof![
        Just(json!({"type": "null"})),
        Just(json!({"type": "boolean"})),
        sized("integer", "minimum", "maximum"),
        sized("number", "minimum", "maximum"),
        sized("string", "minLength", "maxLength"),
        small.prop_map(|step| json!({"type": "integer", "multipleOf": step + 1})),
        proptest::sample::select(vec!["^a*$", "^[0-9]+$"])
            .prop_map(|pattern| json!({"type": "string", "pattern": pattern})),
        proptest::sample::subsequence(
            vec![json!("a"), json!("text"), json!(1), json!(2.5), Json::Null, json!(true)],
            1..4
        )
        .prop_map(|values| json!({"enum": values})),
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let members = proptest::collection::btree_map("[a-c]", inner.clone(), 0..3);
        let rest = prop_oneof![Just(None), Just(Some(json!(false))), inner.clone().prop_map(Some)];
        let object = (members, proptest::sample::subsequence(vec!["a", "b", "c"], 0..3), rest);
        prop_oneof![
            object.prop_map(|(members, required, rest)| {
                let members: Map<String, Json> = members.into_iter().collect();
                let mut schema = json!({"type": "object", "properties": members});
                if !required.is_empty() {
                    schema["required"] = json!(required);
                }
                if let Some(rest) = rest {
                    schema["additionalProperties"] = rest;
                }
                schema
            }),
            (sized("array", "minItems", "maxItems"), inner.clone(), any::<bool>()).prop_map(
                |(mut list, items, unique)| {
                    list["items"] = items;
                    if unique {
                        list["uniqueItems"] = json!(true);
                    }
                    list
                }
            ),
            (
                proptest::sample::select(vec!["anyOf", "allOf", "oneOf"]),
                proptest::collection::vec(inner.clone(), 1..3)
            )
                .prop_map(|(keyword, several)| json!({keyword: several})),
            inner.prop_map(|inner| json!({"not": inner})),
        ]
    })
}

/// Two schemas, often related, so that yes is not rare.
fn pair() -> impl Strategy<Value = (Json, Json)> {
    (schema(), schema(), 0..7).prop_map(|(a, b, how)| match how {
        0 => (a.clone(), a),
        1 => (a.clone(), json!({"anyOf": [b, a]})),
        2 => (json!({"allOf": [a.clone(), b]}), a),
        3 => (
            json!({"type": "array", "items": a.clone()}),
            json!({"type": "array", "items": {"anyOf": [a, b]}}),
        ),
        4 => (a, json!({"not": b})),
        _ => (a, b),
    })
}

fn ask(left: &Json, right: &Json) -> Answer {
    let read = |schema: &Json| JsonSchema::read(schema, "", Direction::Both).unwrap();
    read(left).is_within(&read(right))
}

proptest! {
    #![proptest_config(Config { cases: 60, failure_persistence: None, ..Config::default() })]

    #[test]
    fn every_answer_is_confirmed((left, right) in pair()) {
        judge(&left, &right, &ask(&left, &right));
    }

    #[test]
    fn every_schema_holds_itself(one in schema()) {
        prop_assert!(!matches!(ask(&one, &one.clone()), Answer::No(_)));
    }
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No(_) => "no",
        Answer::Unknown(_) => "unknown",
    }
}

/// Writes the pairs that `benches/peers/subschema.py` puts to another checker, one JSON list a line: the schemas, the
/// answer, and of a no the value that shows it.
#[test]
#[ignore = "writes the file that ECZFLOW_PAIRS names, for benches/peers/subschema.py"]
fn pairs_are_written() {
    let path = std::env::var_os("ECZFLOW_PAIRS").expect("ECZFLOW_PAIRS names the file");
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut text = String::new();
    for _ in 0..2000 {
        let (left, right) = pair().new_tree(&mut runner).unwrap().current();
        let answer = ask(&left, &right);
        judge(&left, &right, &answer);
        let shown = if let Answer::No(no) = &answer { no.value.clone() } else { None };
        text.push_str(&format!("{}\n", json!([left, right, word(&answer), shown])));
    }
    std::fs::write(path, text).unwrap();
}

/// Pairs of each class of answers, as `benches/peers/subschema.py` writes them: what was decided then is so still, and a
/// judge confirms it against whatever the other says. The page has each class.
#[test]
fn another_checker_is_contradicted_where_the_page_says_so() {
    let mut classes = std::collections::BTreeSet::new();
    for line in include_str!("../../tests/oracle/jsonsubschema.jsonl").lines() {
        let (left, right, ours, theirs): (Json, Json, String, String) = serde_json::from_str(line).unwrap();
        let answer = ask(&left, &right);
        judge(&left, &right, &answer);
        assert!(ours == "unknown" || ours == word(&answer), "{left} -> {right}: {answer:?}");
        classes.insert((ours, theirs));
    }
    let page = include_str!("../../docs/testing.md").replace('`', "");
    for (ours, theirs) in &classes {
        assert!(page.contains(&format!("| {ours} | {theirs} |")), "{ours}, {theirs}");
    }
    assert!(classes.len() >= 12, "{}", classes.len());
}
