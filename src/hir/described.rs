//! Classes that documents give inputs: one of a document's schema has those that the schema names.

use super::declared::Declared;
use super::model::{ClassifiedField, ClassifiedIn};
use crate::base::limits;
use crate::documents::{DATA_CLASS, join, of_schema};
use crate::plan::secrecy::classes_of;
use crate::syntax::ast::{self, TypeKind};

/// Most types that are looked at for one input; a type of more parts is another finding.
const MOST: usize = 100_000;

/// Looks through a written type.
struct Reader<'d, 'a> {
    declared: &'d Declared<'a>,
    of: ClassifiedIn,
    path: Vec<String>,
    left: usize,
    found: Vec<ClassifiedField>,
}

impl Declared<'_> {
    /// What the documents of an input's type classify in it.
    pub(super) fn described(&self, input: &ast::Input) -> Vec<ClassifiedField> {
        let of = ClassifiedIn::Input(input.name.text.clone());
        let mut reader = Reader { declared: self, of, path: Vec::new(), left: MOST, found: Vec::new() };
        reader.read(self.modules.root, &input.ty, 0);
        reader.found
    }
}

impl Reader<'_, '_> {
    fn read(&mut self, from: usize, written: &ast::TypeExpr, depth: usize) {
        if self.left == 0 || depth > limits::SYNTAX_DEPTH {
            return;
        }
        self.left -= 1;
        match &written.kind {
            TypeKind::Builtin(_) | TypeKind::Literal(_) => {}
            TypeKind::Optional(of) | TypeKind::List(of) => self.read(from, of, depth + 1),
            TypeKind::Map(of) => {
                // Its members have no names: what is in one counts for the map.
                let first = self.found.len();
                self.read(from, of, depth + 1);
                for field in self.found.iter_mut().skip(first) {
                    field.path.clone_from(&self.path);
                }
            }
            TypeKind::Record(fields) => {
                for field in fields {
                    self.path.push(field.name.text.clone());
                    self.read(from, &field.ty, depth + 1);
                    self.path.pop();
                }
            }
            TypeKind::Union(of) => of.iter().for_each(|of| self.read(from, of, depth + 1)),
            TypeKind::Named(name) => {
                if let Some(found) = self.declared.modules.peek(from, &name.text)
                    && let ast::Item::Type(item) = found.item
                {
                    self.read(found.module, &item.ty, depth + 1);
                }
            }
            TypeKind::Schema { api, schema } => self.schema(api, schema),
        }
    }

    fn schema(&mut self, api: &ast::Name, schema: &ast::Name) {
        let document = self.declared.apis.get(&api.text).and_then(|api| api.document.as_ref());
        let Some(document) = document else { return };
        let pointer = of_schema(&schema.text);
        // One that is not there, or can't be read, was reported.
        let Ok(Some(part)) = document.part(&pointer) else { return };
        for (inner, class, at) in classes_of(&part, &pointer) {
            let named = document.place(&join(&at, DATA_CLASS));
            let span = named.or_else(|| document.place(&at)).unwrap_or(schema.span);
            let path = self.path.iter().cloned().chain(inner).collect();
            self.found.push(ClassifiedField { of: self.of.clone(), path, class, span, by_document: true });
        }
    }
}
