//! Types as written.

use std::collections::BTreeMap;

use super::declared::Declared;
use super::modules::{given_twice, unknown};
use crate::base::did_you_mean;
use crate::diagnostics::codes::{names, types as codes};
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::of_schema;
use crate::source::Span;
use crate::syntax::ast::{self, Builtin, TypeKind};
use crate::types::{Type, measure};

impl Declared<'_> {
    /// The type that is written; where something was reported, one that says no more.
    pub(super) fn written(&mut self, from: usize, written: &ast::TypeExpr, sink: &mut Sink) -> Type {
        if !self.take(1, written.span, sink) {
            return Type::reported();
        }
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
            TypeKind::Named(name) => self.type_named(from, name, sink),
            TypeKind::Literal(value) => Type::strings([value.as_str()]),
            TypeKind::Optional(of) => self.written(from, of, sink).optional(),
            TypeKind::List(of) => Type::list(self.value(from, of, sink)),
            TypeKind::Map(of) => Type::Map { of: Box::new(self.value(from, of, sink)) },
            TypeKind::Record(fields) => {
                let mut members: Vec<(String, Type)> = Vec::new();
                let mut firsts: BTreeMap<&str, Span> = BTreeMap::new();
                for field in fields {
                    let first = *firsts.entry(&field.name.text).or_insert(field.name.span);
                    if first != field.name.span {
                        sink.push(given_twice(&field.name, first));
                        continue;
                    }
                    members.push((field.name.text.clone(), self.written(from, &field.ty, sink)));
                }
                Type::closed_record(members)
            }
            TypeKind::Union(of) => Type::union(of.iter().map(|of| self.value(from, of, sink)).collect()),
            TypeKind::Schema { api, schema } => self.schema(from, api, schema, sink),
        }
    }

    /// A type that cannot be absent: items of lists, alternatives.
    fn value(&mut self, from: usize, written: &ast::TypeExpr, sink: &mut Sink) -> Type {
        let ty = self.written(from, written, sink);
        if ty.is_optional() {
            let message = "only an input or a member of a record may be absent";
            sink.push(
                Diagnostic::new(&codes::OPTIONAL_NOT_HANDLED, written.span, message)
                    .help("write `T | null` for a value that may be null"),
            );
        }
        ty.present()
    }

    fn schema(&mut self, from: usize, api: &ast::Name, schema: &ast::Name, sink: &mut Sink) -> Type {
        if from != self.modules.root {
            let message = format!("`{}` cannot be an api here: apis stay in the flow's own file", api.text);
            sink.push(
                Diagnostic::new(&names::WRONG_KIND, api.span, message)
                    .help("declare a type that names a document's schema in the file of the flow"),
            );
            return Type::reported();
        }
        let Some(found) = self.apis.get(&api.text) else {
            let near = did_you_mean(&api.text, self.apis.keys().map(String::as_str));
            sink.push(unknown(api, format!("no api `{}` here", api.text), near));
            return Type::reported();
        };
        // A type of an api is a use of it.
        let _ = self.modules.find(from, &api.text);
        let Some(document) = &found.document else { return Type::reported() };
        let pointer = of_schema(&schema.text);
        let ty = match document.part(&pointer) {
            Ok(Some(part)) => {
                let named = self.schemas.entry(api.text.clone()).or_default();
                named.entry(schema.text.clone()).or_insert(schema.span);
                crate::types::Schema::read(&part, &pointer).ty
            }
            Ok(None) => {
                let near = did_you_mean(&schema.text, document.names("/components/schemas"));
                let message = format!("the document of `{}` has no schema `{}`", api.text, schema.text);
                sink.push(unknown(schema, message, near));
                return Type::reported();
            }
            Err(finding) => {
                sink.push(finding.and(schema.span, "named here"));
                return Type::reported();
            }
        };
        if self.take(measure(&ty).1, schema.span, sink) { ty } else { Type::reported() }
    }
}
