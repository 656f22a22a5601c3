//! Properties of types, with the `jsonschema` crate as oracle.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::assign::sendable;
use super::literal::tests::literal;
use super::*;

fn scalar() -> impl Strategy<Value = Type> {
    let bound = prop_oneof![Just(None), (-3i64..4).prop_map(Some)];
    prop_oneof![
        Just(Type::Null),
        Just(Type::Bool),
        (bound.clone(), bound).prop_map(|(minimum, maximum)| Type::Int { minimum, maximum }),
        Just(Type::Number),
        Just(Type::string()),
        proptest::collection::btree_set("[ab]", 1..3)
            .prop_map(|values| Type::String { values: Some(values) }),
    ]
}

fn any_type() -> impl Strategy<Value = Type> {
    scalar().prop_recursive(3, 16, 3, |inner| {
        let field = (inner.clone(), any::<bool>()).prop_map(|(ty, required)| Field { ty, required });
        let others = prop_oneof![
            Just(Members::Closed),
            Just(Members::Open),
            inner.clone().prop_map(|ty| Members::Of(Box::new(ty)))
        ];
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(|of| Type::Map { of: Box::new(of) }),
            (proptest::collection::btree_map("[a-c]", field, 0..3), others)
                .prop_map(|(fields, others)| Type::Record(RecordType { fields, others })),
            proptest::collection::vec(inner, 2..4).prop_map(Type::union),
        ]
    })
}

/// Two types that are often related, so that yes is not rare.
fn two_types() -> impl Strategy<Value = (Type, Type)> {
    (any_type(), any_type(), 0..6).prop_map(|(a, b, how)| match how {
        0 => (a.clone(), a),
        1 => (a.clone(), Type::union(vec![b, a])),
        2 => (Type::closed_record([("a", a.clone())]), Type::closed_record([("a", a), ("b", b.optional())])),
        3 => (Type::list(a.clone()), Type::list(Type::union(vec![a, b]))),
        _ => (a, b),
    })
}

/// A value of a type; choices come from a stream of numbers.
fn sample(ty: &Type, choose: &mut impl FnMut(usize) -> usize) -> Option<Json> {
    Some(match ty {
        Type::Never => return None,
        Type::Unknown { .. } | Type::Null => Json::Null,
        Type::Bool => json!(choose(2) == 0),
        Type::Int { minimum, maximum } => {
            let (low, high) = (minimum.unwrap_or(-9), maximum.unwrap_or(9));
            if low > high {
                return None;
            }
            json!(low + choose((high - low + 1) as usize) as i64)
        }
        Type::Number | Type::Decimal => json!([0.5, 3.0, -7.25][choose(3)]),
        Type::String { values: None } => json!(["a", "b", "zz", ""][choose(4)]),
        Type::String { values: Some(values) } => json!(values.iter().nth(choose(values.len()))?),
        Type::Timestamp | Type::Duration | Type::Bytes | Type::EczId => ty.witness()?,
        Type::List { of } => (0..choose(3)).map(|_| sample(of, choose)).collect::<Option<Vec<_>>>()?.into(),
        Type::Map { of } => members(&BTreeMap::new(), &Members::Of(of.clone()), choose)?,
        Type::Record(record) => members(&record.fields, &record.others, choose)?,
        Type::Union { of } => sample(&of[choose(of.len())], choose)?,
        Type::Optional { of } => sample(of, choose)?,
    })
}

fn members(
    fields: &BTreeMap<String, Field>,
    others: &Members,
    choose: &mut impl FnMut(usize) -> usize,
) -> Option<Json> {
    let mut members = Map::new();
    for (name, field) in fields {
        match sample(&field.ty, choose) {
            Some(value) if field.required || choose(2) == 0 => {
                members.insert(name.clone(), value);
            }
            None if field.required => return None,
            _ => {}
        }
    }
    for name in ["a", "b", "x"].into_iter().filter(|name| !fields.contains_key(*name)) {
        let value = match others {
            Members::Closed => None,
            Members::Open => Some([json!(1), json!("a"), Json::Null][choose(3)].clone()),
            Members::Of(of) => sample(of, choose),
        };
        if let Some(value) = value.filter(|_| choose(2) == 0) {
            members.insert(name.to_owned(), value);
        }
    }
    Some(Json::Object(members))
}

fn samples(ty: &Type, choices: &[usize]) -> Vec<Json> {
    let mut next = 0;
    let mut choose = |bound: usize| {
        next += 1;
        choices[next % choices.len()].wrapping_add(next) % bound.max(1)
    };
    (0..12).filter_map(|_| sample(ty, &mut choose)).collect()
}

/// The schema of a type.
fn schema(ty: &Type) -> Json {
    match ty {
        Type::Null => json!({"type": "null"}),
        Type::Bool => json!({"type": "boolean"}),
        Type::Int { minimum, maximum } => {
            let mut schema = json!({"type": "integer"});
            for (keyword, bound) in [("minimum", minimum), ("maximum", maximum)] {
                if let Some(bound) = bound {
                    schema[keyword] = json!(bound);
                }
            }
            schema
        }
        Type::Number => json!({"type": "number"}),
        Type::String { values: None } => json!({"type": "string"}),
        Type::String { values: Some(values) } => json!({"enum": values}),
        Type::List { of } => json!({"type": "array", "items": schema(of)}),
        Type::Map { of } => json!({"type": "object", "additionalProperties": schema(of)}),
        Type::Record(record) => {
            let properties: Map<String, Json> =
                record.fields.iter().map(|(name, field)| (name.clone(), schema(&field.ty))).collect();
            let required: Vec<&String> =
                record.fields.iter().filter(|(_, field)| field.required).map(|(name, _)| name).collect();
            let others = match &record.others {
                Members::Closed => json!(false),
                Members::Open => json!(true),
                Members::Of(of) => schema(of),
            };
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": others})
        }
        Type::Union { of } => json!({"anyOf": of.iter().map(schema).collect::<Vec<_>>()}),
        Type::Never => json!(false),
        other => panic!("{other} is not generated"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_true((from, to) in two_types(), choices in proptest::collection::vec(any::<usize>(), 40)) {
        match sendable(&from, &Field::of(to.clone()), &Literal::default()) {
            Answer::Yes => {
                for value in samples(&from, &choices) {
                    prop_assert!(from.accepts(&value), "the sampler is wrong: {value}");
                    prop_assert!(to.accepts(&value), "{from} -> {to}: yes, but {value}");
                }
            }
            Answer::No(Counterexample { value, why, .. }) => {
                let value = value.expect("these kinds can all be told apart in JSON");
                prop_assert!(from.accepts(&value), "{from} -> {to}: {value} is not of the source; {why}");
                prop_assert!(!to.accepts(&value), "{from} -> {to}: {value} fits; {why}");
            }
            Answer::Unknown(_) => {}
        }
    }

    #[test]
    fn every_type_takes_itself(ty in any_type()) {
        prop_assert!(!matches!(assignable(&ty, &ty), Answer::No(_)));
        let wider = Type::union(vec![ty.clone(), Type::Timestamp]);
        prop_assert!(!matches!(assignable(&ty, &wider), Answer::No(_)));
    }

    #[test]
    fn types_and_schemas_accept_the_same(ty in any_type(), other in any_type(), choices in proptest::collection::vec(any::<usize>(), 40)) {
        let schema = schema(&ty);
        let read = Schema::read(&schema, "");
        prop_assert!(read.undecided.is_empty());
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        for value in samples(&ty, &choices).iter().chain(&samples(&other, &choices)) {
            let valid = validator.is_valid(value);
            prop_assert_eq!(ty.accepts(value), valid, "{} {}", &ty, value);
            prop_assert_eq!(read.ty.accepts(value), valid, "{} read as {} {}", &schema, &read.ty, value);
        }
    }

    #[test]
    fn combined_schemas_are_never_read_too_narrow(a in any_type(), b in any_type(), choices in proptest::collection::vec(any::<usize>(), 40)) {
        for keyword in ["allOf", "oneOf", "anyOf"] {
            let schema = json!({keyword: [schema(&a), schema(&b)]});
            let read = Schema::read(&schema, "");
            let validator = jsonschema::draft202012::new(&schema).unwrap();
            for value in samples(&a, &choices).iter().chain(&samples(&b, &choices)) {
                if validator.is_valid(value) {
                    prop_assert!(read.ty.accepts(value), "{} read as {}: {}", schema, read.ty, value);
                } else if read.undecided.is_empty() {
                    prop_assert!(!read.ty.accepts(value), "{} read as {}, decided: {}", schema, read.ty, value);
                }
            }
        }
    }
}

fn refused(answer: Answer) -> Counterexample {
    match answer {
        Answer::No(counterexample) => counterexample,
        other => panic!("{other:?}"),
    }
}

#[test]
fn optional_values_fit_optional_and_nullable_members() {
    let text = Type::string();
    let field = |ty: Type, required| Field { ty, required };
    let nullable = Type::union(vec![Type::Null, Type::string()]);
    let optional = text.clone().optional();
    assert_eq!(assignable_to_field(&optional, &field(text.clone(), false), &Literal::default()), Answer::Yes);
    assert_eq!(
        assignable_to_field(&optional, &field(nullable.clone(), true), &Literal::default()),
        Answer::Yes
    );
    assert!(conversion(&optional, &field(nullable.clone(), true)).absent_as_null);
    assert!(!conversion(&optional, &field(nullable, false)).absent_as_null);
    assert_eq!(
        refused(assignable_to_field(&optional, &field(text.clone(), true), &Literal::default())).value,
        None
    );
    assert_eq!(refused(assignable(&optional, &text)).value, None);
}

#[test]
fn numbers_widen_and_never_convert_in_secret() {
    assert_eq!(widening(&Type::int().optional(), &Type::Decimal), Some("decimal"));
    assert_eq!(widening(&Type::int_value(3), &Type::union(vec![Type::Null, Type::Number])), Some("number"));
    let literals = Type::union(vec![Type::int_value(1), Type::int_value(9), Type::Null]);
    assert_eq!(widening(&literals, &Type::Decimal), Some("decimal"));
    assert_eq!(widening(&Type::union(vec![Type::int(), Type::string()]), &Type::Decimal), None);
    assert_eq!(widening(&Type::int(), &Type::union(vec![Type::int(), Type::Number])), None);
    assert_eq!(assignable(&Type::int(), &Type::Decimal), Answer::Yes);
    for (from, to) in [
        (Type::Decimal, Type::Number),
        (Type::Number, Type::Decimal),
        (Type::Number, Type::int()),
        (Type::Timestamp, Type::string()),
    ] {
        assert_eq!(refused(assignable(&from, &to)).value, None, "{from} {to}");
    }
    // What is sent is JSON, where a number may be whole.
    let sent = sendable(&Type::Number, &Field::of(Type::int()), &Literal::default());
    assert_eq!(refused(sent).value, Some(json!(0.5)));
}

#[test]
fn counterexamples_say_where() {
    let quantity =
        |minimum| Type::list(Type::closed_record([("quantity", Type::Int { minimum, maximum: None })]));
    let counterexample = refused(assignable(
        &Type::closed_record([("lines", quantity(None))]),
        &Type::closed_record([("lines", quantity(Some(1)))]),
    ));
    assert_eq!(counterexample.path, "lines[0].quantity");
    assert_eq!(counterexample.value, Some(json!({"lines": [{"quantity": 0}]})));
    assert_eq!(counterexample.why, "it may be below 1");
}

#[test]
fn literals_may_not_name_what_an_open_schema_does_not_declare() {
    let open = Type::Record(RecordType {
        fields: BTreeMap::from([("sku".to_owned(), Field { ty: Type::string(), required: true })]),
        others: Members::Open,
    });
    let misspelt = Type::closed_record([("sku", Type::string()), ("quantty", Type::int())]);
    assert_eq!(assignable(&misspelt, &open), Answer::Yes);
    assert_eq!(
        refused(assignable_to_field(&misspelt, &Field::of(open.clone()), &literal(&["sku", "quantty"]))).path,
        "quantty"
    );
    // What an answer may hold beyond its declaration is no proof of anything.
    let closed = Type::closed_record([("sku", Type::string())]);
    assert!(matches!(assignable(&open, &closed), Answer::Unknown(_)));
}

#[test]
fn large_types_are_undecided_rather_than_slow() {
    let wide = |offset: i64| {
        let of = (0..2000).map(|n| Type::closed_record([("a", Type::int_value(n * 10 + offset))])).collect();
        Type::Union { of }
    };
    assert!(matches!(assignable(&wide(0), &wide(5)), Answer::Unknown(_) | Answer::No(_)));
}
