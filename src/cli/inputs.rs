//! The inputs of a run, read by their declared types, defaults filled in.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde_json::{Map, Value as Json};

use super::error::{CliError, Failure};
use crate::base::{did_you_mean, json, limits};
use crate::expr::{MapScope, evaluate};
use crate::plan::{Input, Plan};
use crate::report::harmless_line;
use crate::source::{DiskFiles, FileSystem as _};
use crate::types::{Misfit, Type, Value};

/// Complete inputs in wire form, from a file of them and from `NAME=VALUE`, which goes first.
pub(crate) fn read(
    plan: &Plan,
    given: &[String],
    file: Option<&Utf8Path>,
) -> Result<Map<String, Json>, Failure> {
    let from_file = match file {
        Some(path) => {
            let bytes = DiskFiles.read(path, limits::PLAN_BYTES)?;
            let unusable = |reason: String| CliError::InputsFile { path: path.to_owned(), reason };
            match json::read_strict(&bytes).map_err(|error| unusable(error.to_string()))? {
                Json::Object(members) => members,
                _ => return Err(unusable("it is not an object".into()).into()),
            }
        }
        None => Map::new(),
    };
    let scope = MapScope { definitions: plan.functions.clone(), ..MapScope::default() };
    Ok(complete(&plan.flow.inputs, &scope, &from_file, given)?)
}

fn complete(
    declared: &[Input],
    scope: &MapScope,
    from_file: &Map<String, Json>,
    given: &[String],
) -> Result<Map<String, Json>, CliError> {
    let mut texts: BTreeMap<&str, &str> = BTreeMap::new();
    for text in given {
        let (name, value) = text.split_once('=').ok_or_else(|| CliError::Input {
            name: harmless_line(text),
            reason: "it has no value".into(),
            help: "write `--input NAME=VALUE`".into(),
        })?;
        known(declared, name)?;
        if texts.insert(name, value).is_some() {
            return Err(CliError::Input {
                name: harmless_line(name),
                reason: "it is given twice".into(),
                help: "give each input once".into(),
            });
        }
    }
    for name in from_file.keys() {
        known(declared, name)?;
    }
    let (mut inputs, mut missing) = (Map::new(), Vec::new());
    for input in declared {
        let value = match (texts.get(input.name.as_str()), from_file.get(&input.name)) {
            (Some(text), _) => Some(by_type(&input.ty, text)),
            (None, Some(value)) => Some(Value::decode(&input.ty, value)),
            (None, None) => None,
        };
        let wrong = |reason: String| CliError::Input {
            name: input.name.clone(),
            reason,
            help: format!("the flow declares `{}: {}`", input.name, input.ty),
        };
        let value = match value {
            Some(value) => value.map_err(|misfit| wrong(misfit.to_string()))?,
            None => match &input.default {
                Some(default) => {
                    evaluate(default, scope).map_err(|error| wrong(format!("its default fails: {error}")))?
                }
                None if input.ty.is_optional() => continue,
                None => {
                    missing.push((input.name.clone(), input.ty.to_string()));
                    continue;
                }
            },
        };
        if value.is_absent() {
            continue;
        }
        inputs.insert(input.name.clone(), value.to_json().map_err(|error| wrong(error.to_string()))?);
    }
    match missing.as_slice() {
        [] => Ok(inputs),
        [(name, ty)] => Err(CliError::Input {
            name: name.clone(),
            reason: "it is missing".into(),
            help: format!("the flow needs `{name}: {ty}`; give it with `--input {name}=VALUE`"),
        }),
        _ => Err(CliError::MissingInputs { inputs: missing }),
    }
}

fn known(declared: &[Input], name: &str) -> Result<(), CliError> {
    if declared.iter().any(|input| input.name == name) {
        return Ok(());
    }
    let names: Vec<&str> = declared.iter().map(|input| input.name.as_str()).collect();
    Err(CliError::Input {
        name: harmless_line(name),
        reason: "the flow has no such input".into(),
        help: match did_you_mean(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "the flow takes no inputs".into(),
            None => format!("the flow takes `{}`", names.join("`, `")),
        },
    })
}

/// The text as it is where the type is a kind of string, else JSON, else the text after all.
fn by_type(ty: &Type, text: &str) -> Result<Value, Misfit> {
    let as_text = || Value::decode(ty, &Json::String(text.to_owned()));
    if is_textual(ty) {
        return as_text();
    }
    match json::read_strict(text.as_bytes()) {
        Ok(value) => match Value::decode(ty, &value) {
            Ok(value) => Ok(value),
            Err(misfit) => as_text().map_err(|_| misfit),
        },
        // JSON is read with the integers that every reader keeps.
        Err(_) if is_integer(ty) && is_digits(text) => {
            Err(Misfit::whole("the integer is out of range: at most ±(2^53 − 1), which is 9007199254740991"))
        }
        Err(_) => as_text(),
    }
}

fn is_digits(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_integer(ty: &Type) -> bool {
    match ty {
        Type::Int { .. } => true,
        Type::Optional { of } => is_integer(of),
        _ => false,
    }
}

fn is_textual(ty: &Type) -> bool {
    match ty {
        Type::String { .. } | Type::Timestamp | Type::Duration | Type::Bytes | Type::EczId => true,
        Type::Optional { of } => is_textual(of),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Explained as _;
    use crate::expr::Expr;

    fn declared() -> Vec<Input> {
        let input =
            |name: &str, ty, default| Input { name: name.into(), ty, default, classified: Vec::new() };
        vec![
            input("ticket_id", Type::string(), None),
            input("limit", Type::Decimal, Some(Expr::Decimal { value: "500".into() })),
            input("tags", Type::list(Type::string()), Some(Expr::List { items: vec![] })),
            input("note", Type::string().optional(), None),
        ]
    }

    fn inputs(given: &[&str], file: Json) -> Result<Json, String> {
        let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
        let Json::Object(file) = file else { panic!("an object") };
        complete(&declared(), &MapScope::default(), &file, &given)
            .map(Json::Object)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn texts_are_read_by_type_and_defaults_filled_in() {
        let none = serde_json::json!({});
        assert_eq!(
            inputs(&["ticket_id=12"], none.clone()).unwrap(),
            serde_json::json!({ "ticket_id": "12", "limit": 500, "tags": [] })
        );
        let all = inputs(&["ticket_id=a=b", "limit=0.10", r#"tags=["x"]"#, "note="], none).unwrap();
        assert_eq!(all["ticket_id"], "a=b");
        assert_eq!(all["limit"].to_string(), "0.1");
        assert_eq!((&all["tags"][0], &all["note"]), (&"x".into(), &"".into()));
    }

    #[test]
    fn the_command_line_goes_before_the_file() {
        let file = serde_json::json!({ "ticket_id": "T1", "tags": ["y"] });
        let both = inputs(&["ticket_id=T2"], file).unwrap();
        assert_eq!((&both["ticket_id"], &both["tags"][0]), (&"T2".into(), &"y".into()));
    }

    #[test]
    fn what_does_not_fit_is_named_and_never_shown() {
        let none = || serde_json::json!({});
        assert_eq!(inputs(&[], none()).unwrap_err(), "input `ticket_id`: it is missing");
        assert_eq!(inputs(&["ticket"], none()).unwrap_err(), "input `ticket`: it has no value");
        assert_eq!(
            inputs(&["tiket_id=1"], none()).unwrap_err(),
            "input `tiket_id`: the flow has no such input"
        );
        assert_eq!(
            inputs(&["ticket_id=1", "ticket_id=2"], none()).unwrap_err(),
            "input `ticket_id`: it is given twice"
        );
        let misfit = inputs(&["ticket_id=1", "limit=hunter2"], none()).unwrap_err();
        assert!(misfit.starts_with("input `limit`: ") && !misfit.contains("hunter2"), "{misfit}");
        let two = [
            Input { name: "guests".into(), ty: Type::int(), default: None, classified: Vec::new() },
            Input { name: "name".into(), ty: Type::string(), default: None, classified: Vec::new() },
        ];
        let told = |given: &[String]| complete(&two, &MapScope::default(), &Map::new(), given).unwrap_err();
        assert_eq!(told(&[]).to_string(), "inputs are missing: `guests`, `name`");
        assert!(told(&[]).help().unwrap().contains("`guests: int`, `name: string`"));
        assert!(
            told(&["guests=9999999999999999999".to_owned()])
                .to_string()
                .contains("out of range: at most ±(2^53 − 1)")
        );
        let misfit = inputs(&[], serde_json::json!({ "ticket_id": 7 })).unwrap_err();
        assert!(misfit.starts_with("input `ticket_id`: "), "{misfit}");
    }
}
