//! Tests of the evaluator, with expressions written as the plan writes them.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::types::{Type, Value};

fn name(name: &str) -> Expr {
    Expr::Name { name: name.to_owned() }
}

fn int(value: i64) -> Expr {
    Expr::Int { value }
}

fn dec(value: &str) -> Expr {
    Expr::Decimal { value: value.to_owned() }
}

fn text(value: &str) -> Expr {
    Expr::String { value: value.to_owned() }
}

fn bin(operator: BinaryOperator, left: Expr, right: Expr) -> Expr {
    Expr::Binary { operator, left: Box::new(left), right: Box::new(right) }
}

fn get(of: Expr, name: &str, optional: bool) -> Expr {
    Expr::Field { of: Box::new(of), name: name.to_owned(), optional }
}

fn at(of: Expr, index: Expr, optional: bool) -> Expr {
    Expr::Index { of: Box::new(of), index: Box::new(index), optional }
}

fn call(function: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Call { function: function.to_owned(), arguments }
}

fn scope() -> MapScope {
    let ticket = json!({"id": "T1", "amount": 40.5, "lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}], "note": null});
    MapScope {
        definitions: Definitions::new(),
        values: BTreeMap::from([
            ("ticket".to_owned(), Value::natural(&ticket).unwrap()),
            ("skipped".to_owned(), Value::Absent),
        ]),
        run_id: "run-1".to_owned(),
        run_started: crate::base::Timestamp(0),
    }
}

fn value(expr: &Expr) -> Value {
    evaluate(expr, &scope()).unwrap()
}

fn failure(expr: &Expr) -> EvalErrorKind {
    evaluate(expr, &scope()).unwrap_err().kind
}

#[test]
fn arithmetic_fails_rather_than_wraps_or_rounds() {
    use BinaryOperator::{Add, Divide, Multiply, Remainder, Subtract};
    let max = crate::base::limits::MAX_SAFE_INTEGER;
    assert_eq!(value(&bin(Subtract, int(max), int(1))), Value::Int(max - 1));
    assert_eq!(failure(&bin(Add, int(max), int(1))), EvalErrorKind::Overflow);
    assert_eq!(failure(&bin(Multiply, int(max), int(max))), EvalErrorKind::Overflow);
    assert_eq!(failure(&bin(Divide, int(1), int(0))), EvalErrorKind::DivisionByZero);
    assert_eq!(failure(&bin(Remainder, dec("1"), dec("0"))), EvalErrorKind::DivisionByZero);
    assert_eq!(value(&bin(Add, dec("0.1"), dec("0.2"))), value(&dec("0.3")));
    assert_eq!(value(&bin(Divide, int(-7), int(2))), Value::Int(-3));
    assert_eq!(failure(&bin(Add, int(1), dec("1"))), EvalErrorKind::Kind);
    let tiny = dec("0.0000000000000000000000000001");
    assert_eq!(failure(&bin(Multiply, tiny.clone(), tiny.clone())), EvalErrorKind::Overflow);
    let large = dec("79228162514264337593543950335");
    assert_eq!(failure(&bin(Add, large.clone(), large.clone())), EvalErrorKind::Overflow);
    assert_eq!(failure(&bin(Add, large, dec("0.1"))), EvalErrorKind::Overflow);
    let huge = Expr::Number { value: 1e308 };
    assert_eq!(failure(&bin(Multiply, huge.clone(), huge)), EvalErrorKind::Overflow);
}

#[test]
fn nothing_is_handled_by_name_only() {
    use BinaryOperator::{And, Coalesce, Equal, Or};
    assert_eq!(value(&get(name("skipped"), "id", true)), Value::Absent);
    assert_eq!(failure(&get(name("skipped"), "id", false)), EvalErrorKind::Nothing);
    assert_eq!(value(&get(get(name("ticket"), "note", false), "x", true)), Value::Absent);
    assert_eq!(
        value(&bin(Coalesce, get(name("ticket"), "note", false), text("d"))),
        Value::String("d".to_owned())
    );
    let boom = bin(BinaryOperator::Divide, int(1), int(0));
    assert_eq!(value(&bin(Coalesce, int(1), boom.clone())), Value::Int(1));
    assert_eq!(
        value(&bin(And, Expr::Bool { value: false }, bin(Equal, boom.clone(), int(1)))),
        Value::Bool(false)
    );
    assert_eq!(value(&bin(Or, Expr::Bool { value: true }, bin(Equal, boom, int(1)))), Value::Bool(true));
    assert_eq!(failure(&bin(And, name("skipped"), Expr::Bool { value: true })), EvalErrorKind::Nothing);
    assert_eq!(value(&bin(Equal, name("skipped"), Expr::Null)), Value::Bool(true));
    assert_eq!(failure(&bin(Equal, int(1), dec("1"))), EvalErrorKind::Kind);
    assert_eq!(failure(&Expr::List { items: vec![name("skipped")] }), EvalErrorKind::Nothing);
    let record = Expr::Record { members: vec![("a".to_owned(), name("skipped")), ("b".to_owned(), int(1))] };
    assert_eq!(value(&record).to_json().unwrap(), json!({"b": 1}));
}

#[test]
fn lists_are_indexed_within_and_comprehended_in_order() {
    let lines = get(name("ticket"), "lines", false);
    assert_eq!(value(&get(at(lines.clone(), int(1), false), "sku", false)), Value::String("b".to_owned()));
    for outside in [2, -1] {
        assert_eq!(failure(&at(lines.clone(), int(outside), false)), EvalErrorKind::OutOfRange);
        assert_eq!(value(&at(lines.clone(), int(outside), true)), Value::Absent);
    }
    let skus = Expr::Comprehension {
        variable: "line".to_owned(),
        list: Box::new(lines),
        condition: Some(Box::new(bin(BinaryOperator::Greater, get(name("line"), "n", false), int(1)))),
        item: Box::new(Expr::Interpolate {
            parts: vec![
                Part::Value(get(name("ticket"), "id", false)),
                Part::Text("/".to_owned()),
                Part::Value(get(name("line"), "sku", false)),
            ],
        }),
    };
    assert_eq!(value(&skus).to_json().unwrap(), json!(["T1/b"]));
    assert_eq!(value(&Expr::Run { member: "id".to_owned() }), Value::String("run-1".to_owned()));
    assert_eq!(failure(&name("nobody")), EvalErrorKind::Unresolved);
}

#[test]
fn work_memory_and_depth_are_bounded() {
    let mut deep = int(1);
    for _ in 0..1000 {
        deep = Expr::Unary { operator: UnaryOperator::Negate, of: Box::new(deep) };
    }
    assert_eq!(failure(&deep), EvalErrorKind::Limit);
    let mut scope = MapScope::default();
    let wrapped = Expr::List { items: vec![name("x")] };
    scope.values.insert("x".to_owned(), Value::Int(1));
    let ended = (0..200).find_map(|_| match evaluate(&wrapped, &scope) {
        Ok(value) => {
            scope.values.insert("x".to_owned(), value);
            None
        }
        Err(error) => Some(error.kind),
    });
    assert_eq!(ended, Some(EvalErrorKind::Limit));
    // A list of 16 items, squared again and again: 16^9 evaluations.
    let sixteen = Expr::List { items: (0..16).map(int).collect() };
    let mut nested = int(0);
    for _ in 0..9 {
        nested = call(
            "length",
            vec![Expr::Comprehension {
                variable: "x".to_owned(),
                list: Box::new(sixteen.clone()),
                condition: None,
                item: Box::new(nested),
            }],
        );
    }
    assert_eq!(failure(&nested), EvalErrorKind::Limit);
    // A string doubled forty times: a terabyte.
    let mut twice = text("0123456789");
    for _ in 0..40 {
        let part = || Part::Value(name("x"));
        twice = at(
            Expr::Comprehension {
                variable: "x".to_owned(),
                list: Box::new(Expr::List { items: vec![twice] }),
                condition: None,
                item: Box::new(Expr::Interpolate { parts: vec![part(), part()] }),
            },
            int(0),
            false,
        );
    }
    assert_eq!(failure(&twice), EvalErrorKind::Limit);
}

#[test]
fn functions() {
    let d = |text: &str| value(&dec(text));
    assert_eq!(value(&call("decimal", vec![text("12.50")])), d("12.5"));
    assert_eq!(value(&call("decimal", vec![Expr::Number { value: 0.1 }])), d("0.1"));
    for bad in ["", "1_000", "x", "1e40", "0.00000000000000000000000000001"] {
        assert_eq!(failure(&call("decimal", vec![text(bad)])), EvalErrorKind::Argument, "{bad}");
    }
    assert_eq!(value(&call("round", vec![dec("2.345"), int(2)])), d("2.34"));
    // What is rounded can be sent.
    assert_eq!(value(&call("round", vec![dec("9007199254740991"), int(2)])), d("9007199254740991"));
    let wide = bin(BinaryOperator::Divide, dec("2"), dec("3"));
    assert_eq!(failure(&call("round", vec![wide.clone(), int(16)])), EvalErrorKind::Overflow);
    assert_eq!(value(&call("round", vec![wide, int(15)])), d("0.666666666666667"));
    assert_eq!(failure(&call("int", vec![dec("2.5")])), EvalErrorKind::Argument);
    assert_eq!(value(&call("int", vec![dec("-2.0")])), Value::Int(-2));
    assert_eq!(failure(&call("int", vec![Expr::Number { value: 1e300 }])), EvalErrorKind::Overflow);
    assert_eq!(value(&call("sum", vec![Expr::List { items: vec![dec("0.1"), dec("0.2")] }])), d("0.3"));
    assert_eq!(value(&call("sum", vec![Expr::List { items: vec![] }])), Value::Int(0));
    assert_eq!(value(&call("length", vec![text("žß")])), Value::Int(2));
    assert_eq!(value(&call("max", vec![text("a"), text("b")])), Value::String("b".to_owned()));
    assert_eq!(value(&call("contains", vec![Expr::List { items: vec![int(1)] }, int(1)])), Value::Bool(true));
    assert_eq!(
        value(&call("join", vec![Expr::List { items: vec![text("a"), text("b")] }, text("-")])),
        Value::String("a-b".to_owned())
    );
    assert_eq!(failure(&call("lower", vec![name("skipped")])), EvalErrorKind::Nothing);
    assert_eq!(failure(&call("eval", vec![])), EvalErrorKind::Unresolved);
}

#[test]
fn the_table_types_what_it_computes() {
    let names: Vec<&str> = functions::FUNCTIONS.iter().map(|function| function.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted, "one table, sorted, without doubles");
    let samples = [
        (Type::Bool, Value::Bool(true)),
        (Type::int(), Value::Int(2)),
        (Type::Number, Value::Number(2.0)),
        (Type::Decimal, Value::Decimal(2.into())),
        (Type::string(), Value::String("2".to_owned())),
        (Type::Timestamp, Value::Timestamp(crate::base::Timestamp(2).moment().unwrap())),
        (Type::Duration, Value::Duration(2)),
        (Type::Bytes, Value::Bytes(vec![2])),
        (Type::list(Type::int()), Value::List(vec![Value::Int(2)])),
        (Type::list(Type::string()), Value::List(vec![Value::String("2".to_owned())])),
        (
            Type::closed_record([("a", Type::int())]),
            Value::Record(BTreeMap::from([("a".to_owned(), Value::Int(2))])),
        ),
    ];
    for function in functions::FUNCTIONS {
        for (a, x) in &samples {
            for (b, y) in &samples {
                let (types, values) = match function.parameters.len() {
                    1 => (vec![a.clone()], vec![x.clone()]),
                    _ => (vec![a.clone(), b.clone()], vec![x.clone(), y.clone()]),
                };
                let result = functions::call(function.name, &values);
                match function.result(&types) {
                    Ok(ty) => {
                        let value =
                            result.unwrap_or_else(|error| panic!("{} {types:?}: {error}", function.name));
                        assert_eq!(
                            Value::decode(&ty, &value.to_json().unwrap()),
                            Ok(value),
                            "{}",
                            function.name
                        );
                    }
                    // What the checker refuses, the evaluator may take by nature (a list of another type), never guess.
                    Err(error) => assert!(error.index < types.len(), "{}", function.name),
                }
            }
        }
    }
    let max = functions::signature("max").unwrap();
    assert_eq!(
        max.resolve(&[Type::int_value(0), Type::Decimal]),
        Ok(functions::Resolved { ty: Type::Decimal, widen: Some((0, "decimal")) })
    );
    assert_eq!(
        max.resolve(&[Type::Number, Type::int()]),
        Ok(functions::Resolved { ty: Type::Number, widen: Some((1, "number")) })
    );
    assert!(max.resolve(&[Type::Number, Type::Decimal]).is_err());
    for function in functions::FUNCTIONS {
        let nothing: Vec<Type> = function.parameters.iter().map(|_| Type::string().optional()).collect();
        assert!(function.result(&nothing).is_err(), "{} takes what may be absent", function.name);
    }
    let one_up = functions::signature("max").unwrap().result(&[Type::int_value(1), Type::int()]).unwrap();
    assert_eq!(one_up, Type::Int { minimum: Some(1), maximum: None });
}

#[test]
fn expressions_survive_canonical_json() {
    let expr = Expr::If {
        condition: Box::new(Expr::Bool { value: true }),
        then: Box::new(Expr::Record {
            members: vec![
                ("n".to_owned(), Expr::Number { value: 1.0 }),
                ("m".to_owned(), Expr::Number { value: 1e300 }),
                ("i".to_owned(), int(-crate::base::limits::MAX_SAFE_INTEGER)),
                ("d".to_owned(), dec("79228162514264337593543950335")),
                ("t".to_owned(), Expr::Duration { milliseconds: 93_600_000 }),
            ],
        }),
        otherwise: Box::new(call(
            "sum",
            vec![Expr::Comprehension {
                variable: "x".to_owned(),
                list: Box::new(at(name("xs"), int(0), true)),
                condition: None,
                item: Box::new(Expr::Widen {
                    to: "decimal".to_owned(),
                    of: Box::new(Expr::Unary { operator: UnaryOperator::Not, of: Box::new(Expr::Null) }),
                }),
            }],
        )),
    };
    let text = crate::base::canonical_json(&expr).unwrap();
    let back: Expr = serde_json::from_str(&text).unwrap();
    assert_eq!(back, expr);
    assert_eq!(crate::base::canonical_json(&back).unwrap(), text);
}

#[test]
fn comparisons_and_times() {
    use BinaryOperator::{Add, Greater, GreaterOrEqual, Less, LessOrEqual, Multiply, NotEqual, Subtract};
    // '!' < 'a' < 'ž' < an emoji: by code point, not by UTF-16 unit or locale.
    let ordered = [
        (int(-1), int(2)),
        (dec("0.1"), dec("0.10000001")),
        (text("Z"), text("a")),
        (text("\u{ffff}"), text("\u{1f600}")),
        (Expr::Duration { milliseconds: 1 }, Expr::Duration { milliseconds: 2 }),
    ];
    for (low, high) in &ordered {
        for (operator, below, same, above) in [
            (Less, true, false, false),
            (LessOrEqual, true, true, false),
            (Greater, false, false, true),
            (GreaterOrEqual, false, true, true),
        ] {
            let ask = |a: &Expr, b: &Expr| value(&bin(operator, a.clone(), b.clone()));
            assert_eq!(ask(low, high), Value::Bool(below), "{operator:?}");
            assert_eq!(ask(low, low), Value::Bool(same), "{operator:?}");
            assert_eq!(ask(high, low), Value::Bool(above), "{operator:?}");
        }
        assert_eq!(value(&bin(NotEqual, low.clone(), high.clone())), Value::Bool(true));
    }
    assert_eq!(failure(&bin(Less, int(1), text("2"))), EvalErrorKind::Kind);
    assert_eq!(failure(&bin(Less, name("skipped"), int(1))), EvalErrorKind::Nothing);
    let started = || Expr::Run { member: "started".to_owned() };
    let hour = || Expr::Duration { milliseconds: 3_600_000 };
    let later = bin(Add, started(), bin(Multiply, hour(), int(2)));
    assert_eq!(value(&bin(Subtract, later.clone(), started())), Value::Duration(7_200_000));
    assert_eq!(failure(&bin(Subtract, started(), later)), EvalErrorKind::Overflow);
    let ever = Expr::Duration { milliseconds: 1 << 52 };
    assert_eq!(failure(&bin(Add, started(), ever)), EvalErrorKind::Overflow);
    let condition = Expr::If {
        condition: Box::new(bin(Less, int(1), int(2))),
        then: Box::new(int(1)),
        otherwise: Box::new(bin(BinaryOperator::Divide, int(1), int(0))),
    };
    assert_eq!(value(&condition), Value::Int(1));
    let condition = Expr::Unary { operator: UnaryOperator::Not, of: Box::new(int(1)) };
    assert_eq!(failure(&condition), EvalErrorKind::Kind);
    let interpolated = |expr| Expr::Interpolate { parts: vec![Part::Value(expr)] };
    assert_eq!(value(&interpolated(dec("1.50"))), Value::String("1.5".to_owned()));
    assert_eq!(failure(&interpolated(name("ticket"))), EvalErrorKind::Kind);
    assert_eq!(failure(&interpolated(name("skipped"))), EvalErrorKind::Nothing);
}
