//! Types as written.

use std::collections::BTreeMap;

use super::model::Api;
use super::modules::{duplicate, unknown};
use crate::base::did_you_mean;
use crate::diagnostics::codes::types as codes;
use crate::diagnostics::{Diagnostic, Sink};
use crate::syntax::ast::{self, Builtin, TypeKind};
use crate::types::Type;

/// The type that is written; any type where something was reported, which says no more.
pub(crate) fn lower(written: &ast::TypeExpr, apis: &BTreeMap<String, Api>, sink: &mut Sink) -> Type {
    match &written.kind {
        TypeKind::Builtin(builtin) => match builtin {
            Builtin::String => Type::string(),
            Builtin::Bool => Type::Bool,
            Builtin::Int => Type::int(),
            Builtin::Number => Type::Number,
            Builtin::Decimal => Type::Decimal,
            Builtin::Null => Type::Null,
            Builtin::Timestamp => Type::Timestamp,
            Builtin::Duration => Type::Duration,
            Builtin::Bytes => Type::Bytes,
            Builtin::EczId => Type::EczId,
        },
        TypeKind::Named(name) => {
            let words = Builtin::ALL.map(Builtin::word);
            let near = did_you_mean(&name.text, words);
            sink.push(unknown(name, format!("no type `{}`", name.text), near));
            Type::any()
        }
        TypeKind::Literal(value) => Type::strings([value.as_str()]),
        TypeKind::Optional(of) => lower(of, apis, sink).optional(),
        TypeKind::List(of) => Type::list(lower_value(of, apis, sink)),
        TypeKind::Map(of) => Type::Map { of: Box::new(lower_value(of, apis, sink)) },
        TypeKind::Record(fields) => {
            let mut members: Vec<(String, Type)> = Vec::new();
            for field in fields {
                let first = fields.iter().find(|first| first.name.text == field.name.text);
                if let Some(first) = first.filter(|first| first.name.span.start < field.name.span.start) {
                    sink.push(duplicate(&field.name, first.name.span));
                    continue;
                }
                members.push((field.name.text.clone(), lower(&field.ty, apis, sink)));
            }
            Type::closed_record(members)
        }
        TypeKind::Union(of) => Type::union(of.iter().map(|of| lower_value(of, apis, sink)).collect()),
        TypeKind::Schema { api, schema } => named_schema(api, schema, apis, sink),
    }
}

/// A type that cannot be absent: items of lists, alternatives.
fn lower_value(written: &ast::TypeExpr, apis: &BTreeMap<String, Api>, sink: &mut Sink) -> Type {
    let ty = lower(written, apis, sink);
    if ty.is_optional() {
        let message = "only an input or a member of a record may be absent";
        sink.push(
            Diagnostic::new(&codes::OPTIONAL_NOT_HANDLED, written.span, message)
                .help("write `T | null` for a value that may be null"),
        );
    }
    ty.present()
}

fn named_schema(api: &ast::Name, schema: &ast::Name, apis: &BTreeMap<String, Api>, sink: &mut Sink) -> Type {
    let Some(found) = apis.get(&api.text) else {
        let near = did_you_mean(&api.text, apis.keys().map(String::as_str));
        sink.push(unknown(api, format!("no api `{}` here", api.text), near));
        return Type::any();
    };
    let Some(document) = &found.document else { return Type::any() };
    let pointer = format!("/components/schemas/{}", crate::documents::escape(&schema.text));
    match document.part(&pointer) {
        Ok(Some(part)) => crate::types::Schema::read(&part, &pointer).ty,
        Ok(None) => {
            let near = did_you_mean(&schema.text, document.names("/components/schemas"));
            let message = format!("the document of `{}` has no schema `{}`", api.text, schema.text);
            sink.push(unknown(schema, message, near));
            Type::any()
        }
        Err(finding) => {
            sink.push(finding.and(schema.span, "named here"));
            Type::any()
        }
    }
}
