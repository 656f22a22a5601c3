//! What an OpenAPI document offers a flow: a line for each operation, and one operation whole.

use std::fmt::Write as _;

use url::{Origin, Url};

use super::shown::{harmless, harmless_line};
use crate::documents::{Location, OperationEntry, OperationView, Scheme, StatusRange};
use crate::types::{Contract, RecordType, Response, Type};

/// Members deeper than this are written in one line, and cut.
const DEPTH: usize = 2;
/// Columns a type written in one line may take.
const WIDTH: usize = 70;

/// A line for each operation: how a flow names it, its method and path.
pub fn operations(entries: &[&OperationEntry]) -> String {
    let widest = entries.iter().map(|entry| called(&entry.key).chars().count()).max().unwrap_or(0).min(44);
    let mut text = String::new();
    for entry in entries {
        let (method, path) = (&entry.method, harmless_line(&entry.path));
        let _ = writeln!(text, "{:widest$}  {method:7} {path}", called(&entry.key));
    }
    text
}

/// One operation: arguments, body, answers, what it wants as authentication, and the call as a flow has it.
pub fn operation(view: &OperationView, contract: &Contract) -> String {
    let mut text = String::new();
    let name = called(&view.key());
    let _ = writeln!(text, "{name}\n  {}, OpenAPI {}", harmless_line(&view.route()), view.dialect.as_str());
    let mut arguments = Vec::new();
    for parameter in &contract.parameters {
        let mark = if parameter.required { "" } else { "?" };
        let ty = written(&parameter.schema.ty, 0, 4);
        let location = parameter.location.as_str();
        let _ = writeln!(text, "  {location:7} {}: {ty}{mark}", called(&parameter.name));
        if parameter.required {
            let same = contract.parameters_named(&parameter.name).len() > 1;
            let prefix = if same { format!("{location}.") } else { String::new() };
            arguments.push(format!("{prefix}{}: …", called(&parameter.name)));
        }
    }
    if let Some(body) = &contract.body {
        let mark = if body.required { "" } else { ", may be left out" };
        let _ = writeln!(text, "  body    {}{mark}", harmless_line(&body.media_type));
        let _ = writeln!(text, "          {}", written(&body.schema.ty, 0, 10));
        arguments.extend(body.required.then(|| "{ … }".to_owned()));
    }
    if let Some(header) = &contract.idempotency_header {
        let _ = writeln!(text, "  key     in `{}`: a call may be retried", harmless_line(header));
    }
    let successes: Vec<_> = contract.successes().map(|response| response.status).collect();
    let (successes, refusals): (Vec<_>, Vec<_>) =
        contract.responses.iter().partition(|response| successes.contains(&response.status));
    successes.into_iter().for_each(|response| answer(&mut text, response));
    if !refusals.is_empty() {
        let statuses: Vec<String> = refusals.iter().map(|response| response.status.to_string()).collect();
        let _ = writeln!(text, "  fails   {}", statuses.join(", "));
    }
    // What an arm of a `match` can read of a refusal.
    for response in refusals {
        let StatusRange::Exact(status @ 400..=499) = response.status else { continue };
        let ty = contract.answer_type(status);
        if !matches!(ty, Type::Null | Type::Unknown { .. }) {
            let _ = writeln!(text, "  {status:<7} {}", written(&ty, 0, 10));
        }
    }
    let _ = writeln!(text, "  auth    {}", auth(view));
    for missing in &contract.unsupported {
        let _ = writeln!(text, "  can't be called: {}", harmless_line(&missing.to_string()));
    }
    let _ = writeln!(text, "  step x = API.{name}({})", arguments.join(", "));
    text
}

/// An answer's status, body and headers.
fn answer(text: &mut String, response: &Response) {
    let _ = writeln!(text, "  {:7} {}", response.status.to_string(), written(&response.ty, 0, 10));
    for header in &response.headers {
        let mark = if header.required { "" } else { "?" };
        let ty = written(&header.ty, DEPTH, 0);
        let _ = writeln!(text, "          header {}: {ty}{mark}", called(&header.name));
    }
}

/// A name as a flow writes it: in quotes where it is no plain word.
fn called(name: &str) -> String {
    let mut letters = name.chars();
    let plain = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    let name = harmless_line(name);
    if plain { name } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// The alternatives of its security, as a flow's `auth` would satisfy them.
fn auth(view: &OperationView) -> String {
    let scheme = |scheme: &Scheme, wanted: &[String]| match scheme {
        Scheme::Bearer => "bearer".to_owned(),
        Scheme::Basic => "basic".to_owned(),
        Scheme::ApiKey { location, name } => {
            let place = if *location == Location::Header { "header" } else { location.as_str() };
            format!("key in {place} `{}`", harmless_line(name))
        }
        Scheme::OAuth2 { client_credentials: Some(client) } => {
            // What the flow's `auth oauth2 … { token "…" scopes … }` has to say.
            let origin = Url::parse(&client.token_url).ok().map(|url| url.origin());
            let token = match origin {
                Some(origin @ Origin::Tuple(..)) => origin.ascii_serialization(),
                _ => client.token_url.clone(),
            };
            let asked = if wanted.is_empty() {
                client.scopes.keys().collect::<Vec<_>>()
            } else {
                wanted.iter().collect()
            };
            let scopes: Vec<String> =
                asked.into_iter().map(|scope| format!("\"{}\"", harmless_line(scope))).collect();
            let word = if wanted.is_empty() { "scopes it knows" } else { "scopes" };
            let scopes =
                if scopes.is_empty() { String::new() } else { format!(" {word} {}", scopes.join(", ")) };
            format!("oauth2, token \"{}\"{scopes}", harmless_line(&token))
        }
        Scheme::OAuth2 { .. } => "oauth2, but not by client credentials".to_owned(),
        Scheme::MutualTls => "certificate".to_owned(),
        Scheme::Other(words) => harmless_line(words),
    };
    let alternatives: Vec<String> = view
        .security
        .iter()
        .map(|schemes| {
            let words: Vec<String> =
                schemes.values().map(|view| scheme(&view.scheme, &view.scopes)).collect();
            if words.is_empty() { "none".to_owned() } else { words.join(" with ") }
        })
        .collect();
    if alternatives.is_empty() { "none is declared".to_owned() } else { alternatives.join(", or ") }
}

/// A type: members a line each to some depth, the rest in one line.
fn written(ty: &Type, depth: usize, indent: usize) -> String {
    match ty {
        Type::Record(record) if depth < DEPTH && !record.fields.is_empty() => members(record, depth, indent),
        Type::List { of } if depth < DEPTH => format!("[{}]", written(of, depth, indent)),
        Type::Union { of } if depth < DEPTH && of.iter().any(|one| matches!(one, Type::Record(_))) => {
            let alternatives: Vec<String> = of.iter().map(|one| written(one, depth, indent)).collect();
            alternatives.join(" | ")
        }
        Type::Optional { of } => format!("{}?", written(of, depth, indent)),
        other => {
            let line = harmless(&other.to_string()).replace('\n', " ");
            match line.char_indices().nth(WIDTH) {
                Some((at, _)) => format!("{} …", line.get(..at).unwrap_or_default()),
                None => line,
            }
        }
    }
}

fn members(record: &RecordType, depth: usize, indent: usize) -> String {
    let mut text = "{\n".to_owned();
    for (name, field) in &record.fields {
        let mark = if field.required { "" } else { "?" };
        let ty = written(&field.ty, depth + 1, indent + 2);
        let _ = writeln!(text, "{:1$}  {2}: {ty}{mark}", "", indent, called(name));
    }
    let _ = write!(text, "{:indent$}}}", "");
    text
}
