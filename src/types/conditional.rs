//! Members that a schema declares under a condition only: `then`, `else`, `dependentSchemas`. What they are hangs on the rest
//! of the value, so nothing is known of them; but they are declared.

use serde_json::Value as Json;

use super::schema::{Object, Reader};
use super::{Field, Members, Type};
use crate::documents::{Reference, local_reference};

/// Schemas inside each other in which conditional members are looked for.
const LEVELS: usize = 8;

impl Reader<'_> {
    /// The type of an object with the members that may stand in it under a condition.
    pub(super) fn conditional(&mut self, object: &Object, mut ty: Type) -> Type {
        let Type::Record(record) = &mut ty else { return ty };
        // Where nothing is declared, anything may stand.
        if record.others != Members::Open || record.fields.is_empty() {
            return ty;
        }
        let branches =
            ["then", "else"].into_iter().filter_map(|keyword| Some((keyword, object.get(keyword)?)));
        let dependent = object.get("dependentSchemas").and_then(Json::as_object).into_iter().flatten();
        let branches = branches.chain(dependent.map(|(_, schema)| ("dependentSchemas", schema)));
        for (keyword, schema) in branches {
            let mut names = Vec::new();
            self.declared(schema, LEVELS, &mut names);
            for name in names {
                let unknown = || Field { ty: Type::unknown(keyword), required: false };
                record.fields.entry(name).or_insert_with(unknown);
            }
        }
        ty
    }

    fn declared(&mut self, schema: &Json, levels: usize, names: &mut Vec<String>) {
        let Some(object) = schema.as_object().filter(|_| levels > 0 && self.charge()) else { return };
        names.extend(
            object.get("properties").and_then(Json::as_object).into_iter().flat_map(Object::keys).cloned(),
        );
        let root = self.root;
        if let Some(Reference::Local(pointer)) =
            object.get("$ref").and_then(Json::as_str).map(local_reference)
            && let Some(target) = root.pointer(&pointer)
        {
            self.declared(target, levels - 1, names);
        }
        let several =
            ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|keyword| object.get(keyword)?.as_array());
        let single = ["then", "else"].into_iter().filter_map(|keyword| object.get(keyword));
        for inner in several.flatten().chain(single) {
            self.declared(inner, levels - 1, names);
        }
    }
}
