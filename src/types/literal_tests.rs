//! Members that nothing declares are found wherever a record literal was put.

use serde_json::json;

use super::*;
use crate::types::{Answer, Field, Schema, assignable_to_field};

/// A record literal with these members.
pub(crate) fn literal(members: &[&str]) -> Literal {
    Literal::record(members.iter().map(|name| ((*name).to_owned(), (Span::default(), Literal::default()))))
}

fn with(name: &str, inner: Literal) -> Literal {
    Literal::record([(name.to_owned(), (Span::default(), inner))])
}

fn schema(schema: &serde_json::Value) -> Type {
    Schema::read(schema, "").ty
}

fn record(members: &[&str]) -> Type {
    Type::closed_record(members.iter().map(|name| (*name, Type::string())))
}

fn refused(from: &Type, to: &Type, literal: &Literal) -> Option<(String, Option<String>)> {
    match assignable_to_field(from, &Field::of(to.clone()), literal) {
        Answer::No(wrong) if wrong.why == UNDECLARED => Some((wrong.path, wrong.help)),
        Answer::No(other) => panic!("{other:?}"),
        Answer::Yes | Answer::Unknown(_) => None,
    }
}

#[test]
fn only_what_is_written_is_misspelt() {
    let text = json!({"type": "string"});
    let holder = json!({"type": "object", "properties": {"name": text}});
    let to = schema(&json!({"type": "object", "properties": {"holder": holder, "tariff": text}}));
    let from = Type::closed_record([("holder", record(&["nmae"])), ("tariff", Type::string())]);
    // The holder comes by name.
    assert_eq!(refused(&from, &to, &literal(&["holder", "tariff"])), None);
    let written = with("holder", literal(&["nmae"]));
    let found = Some(("holder.nmae".to_owned(), Some("did you mean `name`?".to_owned())));
    assert_eq!(refused(&from, &to, &written), found);
    // One of two values, one of them written.
    assert_eq!(refused(&from, &to, &literal(&["holder"]).or(written.clone())), found);
    let lists = (Type::list(from), Type::list(to));
    let found = refused(&lists.0, &lists.1, &Literal::list(written));
    assert_eq!(found.map(|(path, _)| path).as_deref(), Some("[].holder.nmae"));
}

#[test]
fn an_alternative_that_a_value_can_be_must_declare_its_members() {
    let alternative = |kind: &str, own: &str| {
        json!({"type": "object", "required": ["kind", own], "properties":
            {"kind": {"enum": [kind]}, own: {"type": "string"}, "name": {"type": "string"}}})
    };
    let tagged = schema(&json!({"oneOf": [alternative("a", "born"), alternative("b", "number")]}));
    let value = |kind: &[&str], members: &[&str]| {
        let members = members.iter().map(|name| (*name, Type::string()));
        Type::closed_record(members.chain([("kind", Type::strings(kind.iter().copied()))]))
    };
    let found = |kind: &[&str], members: &[&str]| {
        let written: Vec<&str> = members.iter().copied().chain(["kind"]).collect();
        refused(&value(kind, members), &tagged, &literal(&written)).map(|(path, _)| path)
    };
    assert_eq!(found(&["a"], &["born", "name"]), None);
    assert_eq!(found(&["a"], &["born", "nmae"]).as_deref(), Some("nmae"));
    // The other alternative declares it, but the value is none of that.
    assert_eq!(found(&["a"], &["born", "number"]).as_deref(), Some("number"));
    // It can be either.
    assert_eq!(found(&["a", "b"], &["born", "number"]), None);
    assert_eq!(found(&["a", "b"], &["born", "number", "nmae"]).as_deref(), Some("nmae"));
    // Of the one that it was meant to be.
    assert_eq!(found(&["b"], &["numbr"]).as_deref(), Some("numbr"));
    // Both at once.
    let one = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}});
    let both = schema(&json!({"anyOf": [one("left"), one("right")]}));
    assert_eq!(refused(&record(&["left", "right"]), &both, &literal(&["left", "right"])), None);
    let found = refused(&record(&["left", "rihgt"]), &both, &literal(&["left", "rihgt"]));
    assert_eq!(found.map(|(path, _)| path).as_deref(), Some("rihgt"));
    // Where one says nothing of what it takes, nothing is misspelt.
    let free = schema(&json!({"anyOf": [one("left"), {"type": "object"}]}));
    assert_eq!(refused(&record(&["lfet"]), &free, &literal(&["lfet"])), None);
}
