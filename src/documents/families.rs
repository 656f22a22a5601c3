//! Who derives from whom: the schemas that a value may be described by where its schema has a `discriminator`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::pointer::{join, tokens};
use super::references::{Reference, local_reference, resolve};
use super::slice::{self, follow};
use super::tree::Node;

/// The member of a schema that names the class of what it describes.
pub const DATA_CLASS: &str = "x-data-class";

const SCHEMAS: &str = "/components/schemas";

/// What a name or reference in a discriminator's `mapping` leads to.
pub fn mapped(text: &str) -> Reference {
    if is_bare_name(text) { Reference::Local(join(SCHEMAS, text)) } else { local_reference(text) }
}

/// Whether a text in a `mapping` is the name of a schema, not a reference.
pub(super) fn is_bare_name(text: &str) -> bool {
    !text.contains(['#', '/'])
}

/// The component schemas that derive from others, each by its `allOf` or by what stands beside its `$ref`, where the first
/// of them has a `discriminator`: with it a value of the first may be one of any of them, named in its `mapping` or not.
#[derive(Debug, Default)]
pub struct Families {
    /// By pointer, those that derive from it without another in between.
    heirs: BTreeMap<String, Vec<String>>,
    all: BTreeSet<String>,
}

/// What a schema takes all of: where its own `$ref` stands, and those of its `allOf`, however deep.
struct Taken<N> {
    refers: fn(N) -> bool,
    /// Whether it has anything but its `$ref`: a mere other name derives from nothing.
    adds: fn(N) -> bool,
    parts: fn(N) -> Vec<N>,
}

impl<N: Copy> Taken<N> {
    fn of(&self, at: &str, schema: N) -> Vec<String> {
        let mut found = Vec::new();
        if (self.adds)(schema) {
            self.add(at.to_owned(), schema, &mut found);
        }
        found
    }

    fn add(&self, at: String, schema: N, found: &mut Vec<String>) {
        for (index, part) in (self.parts)(schema).into_iter().enumerate() {
            self.add(format!("{at}/allOf/{index}"), part, found);
        }
        if (self.refers)(schema) {
            found.push(at);
        }
    }
}

impl Families {
    /// Those of a document, or of a slice.
    pub fn of(root: &Value) -> Families {
        let taken = Taken::<&Value> {
            refers: |schema| schema.get("$ref").is_some(),
            adds: |schema| {
                schema.as_object().is_some_and(|schema| schema.len() > 1 || !schema.contains_key("$ref"))
            },
            parts: |schema| schema.get("allOf").and_then(Value::as_array).into_iter().flatten().collect(),
        };
        let schemas = root.pointer(SCHEMAS).and_then(Value::as_object);
        let edges = schemas.into_iter().flatten().flat_map(|(name, schema)| {
            let at = join(SCHEMAS, name);
            let taken = taken.of(&at, schema).into_iter();
            taken.filter_map(move |part| {
                let (above, schema) = resolve(root, &part)?;
                Some((at.clone(), above, schema.get("discriminator").is_some()))
            })
        });
        Families::of_edges(edges)
    }

    pub(super) fn of_tree(root: Node<'_>) -> Families {
        let taken = Taken::<Node<'_>> {
            refers: |schema| schema.get("$ref").is_some(),
            adds: |schema| schema.get("$ref").is_none() || schema.members().nth(1).is_some(),
            parts: |schema| schema.get("allOf").into_iter().flat_map(Node::items).collect(),
        };
        let schemas = root.at(SCHEMAS).into_iter().flat_map(Node::members);
        let edges = schemas.filter_map(|(name, schema)| Some((join(SCHEMAS, name.as_str()?), schema)));
        let edges = edges.flat_map(|(at, schema)| {
            let taken = taken.of(&at, schema).into_iter();
            taken.filter_map(move |part| {
                let (above, schema) = follow(root, &part)?;
                Some((at.clone(), above, schema.get("discriminator").is_some()))
            })
        });
        Families::of_edges(edges)
    }

    /// Of pairs: what derives, from what, and whether that has a discriminator.
    fn of_edges(edges: impl Iterator<Item = (String, String, bool)>) -> Families {
        let mut below: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut open = Vec::new();
        for (heir, above, first) in edges {
            if first {
                open.push(above.clone());
            }
            below.entry(above).or_default().push(heir);
        }
        let mut found = Families::default();
        while let Some(above) = open.pop() {
            let Some(heirs) = below.remove(&above) else { continue };
            found.all.extend(heirs.iter().cloned());
            open.extend(heirs.iter().cloned());
            found.heirs.insert(above, heirs);
        }
        found
    }

    /// Those that derive from the schema at a pointer.
    pub fn heirs(&self, at: &str) -> &[String] {
        self.heirs.get(at).map_or(&[], Vec::as_slice)
    }

    /// Whether the schema at a pointer is one that derives.
    pub fn derives(&self, at: &str) -> bool {
        self.all.contains(at)
    }
}

/// By where a schema stands, what may stand for it.
pub(super) type Heirs = BTreeMap<String, Vec<String>>;

/// The heirs of a document's schemas; none where nothing names a class, since then they change nothing. It looks at all of
/// the document.
pub(super) fn heirs(root: Node<'_>) -> Heirs {
    let heirs = Families::of_tree(root).heirs;
    if heirs.is_empty() || !names_class(root) { Heirs::new() } else { heirs }
}

/// The same by the id of the schema's node, with the heirs' places in tokens.
pub(super) fn by_node(heirs: &Heirs, root: Node<'_>) -> slice::HeirsByNode {
    let heirs = heirs.iter().filter_map(|(above, heirs)| {
        Some((root.at(above)?.id(), heirs.iter().filter_map(|heir| tokens(heir)).collect()))
    });
    heirs.collect()
}

/// Whether something in a value may name a class, or a password.
fn names_class(value: Node<'_>) -> bool {
    let says = |name: &str, member: Node<'_>| {
        name == DATA_CLASS || (name == "format" && member.as_str() == Some("password"))
    };
    value
        .members()
        .any(|(name, member)| name.as_str().is_some_and(|name| says(name, member)) || names_class(member))
        || value.items().any(names_class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn heirs_are_those_of_what_has_a_discriminator() {
        let root = json!({"components": {"schemas": {
            "Pet": {"discriminator": {"propertyName": "kind"}},
            "Alias": {"$ref": "#/components/schemas/Pet"},
            "Dog": {"allOf": [{"$ref": "#/components/schemas/Alias"}, {"type": "object"}]},
            "Puppy": {"allOf": [{"$ref": "#/components/schemas/Dog"}]},
            "Nested": {"allOf": [{"allOf": [{}, {"$ref": "#/components/schemas/Pet"}]}]},
            "Beside": {"$ref": "#/components/schemas/Pet", "properties": {}},
            "Plain": {}, "Other": {"allOf": [{"$ref": "#/components/schemas/Plain"}]},
            "Odd": {"allOf": [{"$ref": "#/components/schemas/Odd"}], "discriminator": {}},
        }}});
        let families = Families::of(&root);
        let at = |name: &str| format!("{SCHEMAS}/{name}");
        assert_eq!(families.heirs(&at("Pet")), [at("Beside"), at("Dog"), at("Nested")]);
        assert_eq!(families.heirs(&at("Dog")), [at("Puppy")]);
        assert_eq!(families.heirs(&at("Odd")), [at("Odd")]);
        assert!(families.heirs(&at("Plain")).is_empty() && families.heirs(&at("Alias")).is_empty());
        assert!(families.derives(&at("Puppy")) && !families.derives(&at("Pet")));
        // A document and a slice say the same.
        let (mut sources, mut sink) = Default::default();
        let text = root.to_string();
        let tree = super::super::document::read_tree(text.as_bytes(), "a.json", &mut sources, &mut sink);
        let of_tree = Families::of_tree(tree.unwrap().root());
        assert_eq!((of_tree.heirs, of_tree.all), (families.heirs, families.all));
    }

    /// What a slice holds beside what it refers to.
    #[test]
    fn a_slice_has_heirs_only_where_classes_are_named() {
        let held = |class: &str, name: &str| {
            let text = json!({"openapi": "3.1.0", "info": {"title": "", "version": ""}, "paths": {"/a": {"get": {
                "responses": {"200": {"description": "", "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/Pet"}}}}}}}},
                "components": {"schemas": {
                    "Pet": {"discriminator": {"propertyName": "kind", "mapping": {"cat": "Cat"}}},
                    "Cat": {}, "Other": {"x-data-class": class},
                    "Dog": {"allOf": [{"$ref": "#/components/schemas/Pet"}]}}}});
            let named = if class.is_empty() { "x-other" } else { DATA_CLASS };
            let text = text.to_string().replace(DATA_CLASS, named);
            let (mut sources, mut sink) = Default::default();
            let tree = super::super::document::read_tree(text.as_bytes(), "a.json", &mut sources, &mut sink);
            let tree = tree.unwrap();
            let heirs = by_node(&heirs(tree.root()), tree.root());
            let cut = super::super::slice::cut(tree.root(), &heirs, "GET", "/a").unwrap();
            cut.pointer(&format!("{SCHEMAS}/{name}")).is_some()
        };
        assert!(held("personal", "Dog") && held("personal", "Cat") && !held("personal", "Other"));
        assert!(!held("", "Dog") && held("", "Cat"));
    }
}
