//! What an expression says of its value before anything runs.

use super::{Expr, Part};
use crate::types::{Type, Value, Written};

/// The parts of an expression's value that the flow writes, and those that its type says.
pub fn written(expression: &Expr, ty: &Type) -> Written {
    let value = |value: Value| value.to_json().map_or(Written::Open, Written::Value);
    match expression {
        // What was reported stands for nothing.
        _ if *ty == Type::Never => Written::Open,
        Expr::Null => value(Value::Null),
        Expr::Bool { value: bool } => value(Value::Bool(*bool)),
        Expr::Int { value: int } => value(Value::Int(*int)),
        Expr::Number { value: number } => value(Value::Number(*number)),
        Expr::Decimal { value: text } => {
            text.parse().map_or(Written::Open, |text| value(Value::Decimal(text)))
        }
        Expr::String { value: text } => value(Value::String(text.clone())),
        Expr::Duration { milliseconds } => value(Value::Duration(*milliseconds)),
        Expr::Timestamp { at } => value(Value::Timestamp(*at)),
        Expr::Interpolate { parts } => {
            let texts = parts.iter().map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Value(_) => None,
            });
            texts.collect::<Option<String>>().map_or(Written::Open, |text| value(Value::String(text)))
        }
        // The number stays what it is.
        Expr::Widen { of, .. } => written(of, ty),
        Expr::List { items } => {
            let of = ty.items().unwrap_or_else(Type::any);
            Written::List(items.iter().map(|item| written(item, &of)).collect())
        }
        Expr::Record { members } => {
            let member = |(name, value): &(String, Expr)| {
                let known = if let Type::Record(record) = ty { record.fields.get(name) } else { None };
                let open = Type::any();
                let ty = known.filter(|field| field.required).map_or(&open, |field| &field.ty);
                (name.clone(), written(value, ty))
            };
            Written::Record(members.iter().map(member).collect())
        }
        _ => Written::of_type(ty),
    }
}
