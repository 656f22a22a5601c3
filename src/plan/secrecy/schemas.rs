//! What the schemas of an answer say of classes: of a field, of what it stands in, and of what stands in it. A word of
//! `x-data-class`, or that a text is a password.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::words::each_word;
use crate::documents::{
    DATA_CLASS, Families, HeaderView, MediaView, OperationView, Reference, ResponseView, StatusRange, join,
    local_reference, mapped,
};
use crate::plan::Class;

/// Most schemas that are looked at for one field. Beyond it the highest class of the whole operation counts.
const MOST: usize = 20_000;

/// Levels of a value whose members are told apart by paths.
const LEVELS: usize = 16;

/// Schemas that describe one value, by pointer; the items of a list are described with it. With each whether it describes
/// only a part of what derives from it: such a value is none of its other heirs.
type Set = BTreeSet<(String, bool)>;

/// A class and the schema that names it.
pub(super) type Named = (Class, String);

/// The class that a schema names. A word that is none counts as the highest: whoever wrote it wanted to say something.
/// Without a word a password is of the highest class.
fn named(schema: &Map<String, Value>) -> Option<Class> {
    match schema.get(DATA_CLASS) {
        Some(word) => Some(word.as_str().and_then(Class::of).unwrap_or(Class::Restricted)),
        None => is_password(schema).then_some(Class::Restricted),
    }
}

/// Whether a schema says of a text that it is to be hidden.
fn is_password(schema: &Map<String, Value>) -> bool {
    let text = match schema.get("type") {
        None => true,
        Some(Value::Array(types)) => types.iter().any(|ty| ty == "string"),
        Some(ty) => ty == "string",
    };
    text && schema.get("format").is_some_and(|format| format == "password")
}

/// The class that an operation's document gives a field of the answer, or what it stands in, and the schema that does.
pub fn labelled_above(view: &OperationView, path: &[String]) -> Option<(Class, String)> {
    Answers::new(view).of_body(path, false)
}

/// The classes that a schema gives a value and what is in it, by path, each with the pointer of the schema that does. Of what
/// can't be told apart by paths the highest is that of what it stands in.
pub fn classes_of(root: &Value, at: &str) -> Vec<(Vec<String>, Class, String)> {
    let schemas = Schemas::new(root);
    let Some(highest) = schemas.highest else { return Vec::new() };
    let (mut found, mut budget) = (Vec::new(), MOST);
    let start = Set::from([(at.to_owned(), false)]);
    match schemas.each(start, &mut Vec::new(), &mut Vec::new(), &mut budget, &mut found) {
        Some(()) => found.into_iter().map(|(path, (class, at))| (path, class, at)).collect(),
        None => vec![(Vec::new(), highest, at.to_owned())],
    }
}

/// The places that classes are read at in all answers of an operation. `None` where there is too much to look at: then every
/// word of it counts.
pub(super) fn read_in_answers(view: &OperationView) -> Option<BTreeSet<String>> {
    let answers = Answers::new(view);
    let mut start = BTreeSet::new();
    for response in &view.responses {
        start.extend(answers.of_response(response));
        start.extend(of_media(&response.content));
        response.headers.iter().for_each(|(name, header)| start.extend(of_header(response, name, header)));
    }
    answers.schemas.read(start)
}

/// The same of a schema, where a type names it.
pub(super) fn read_in_schema(root: &Value, at: &str) -> Option<BTreeSet<String>> {
    Schemas::new(root).read(BTreeSet::from([at.to_owned()]))
}

/// Whether any schema of an operation names a class or a password: most documents have none, and then nothing more need be looked at.
pub fn is_labelled(view: &OperationView) -> bool {
    any(view.root(), &|schema| schema.contains_key(DATA_CLASS) || is_password(schema))
}

/// Whether a test holds of any object in a value.
pub(super) fn any(value: &Value, test: &dyn Fn(&Map<String, Value>) -> bool) -> bool {
    match value {
        Value::Object(members) => test(members) || members.values().any(|member| any(member, test)),
        Value::Array(items) => items.iter().any(|item| any(item, test)),
        _ => false,
    }
}

/// The schemas of what is written in one of some media types, and the media types: a class may stand beside the schema.
fn of_media(content: &BTreeMap<String, MediaView>) -> impl Iterator<Item = String> {
    content
        .values()
        .flat_map(|media| media.schema.iter().chain(&media.item_schema).chain([&media.pointer]).cloned())
}

/// Where a header's class may stand: beside what refers to it as well.
fn of_header(response: &ResponseView, name: &str, header: &HeaderView) -> BTreeSet<String> {
    let here = join(&join(&response.pointer, "headers"), name);
    [here].into_iter().chain(header.schema.clone()).chain(of_media(&header.content)).collect()
}

/// The schemas of the answers that a step may end with.
pub(super) struct Answers<'v> {
    view: &'v OperationView,
    schemas: Schemas<'v>,
}

impl<'v> Answers<'v> {
    pub(super) fn new(view: &'v OperationView) -> Answers<'v> {
        Answers { view, schemas: Schemas::new(view.root()) }
    }

    /// The highest class of a field of the body and of what it stands in; with what stands in it where `whole`.
    pub(super) fn of_body(&self, path: &[String], whole: bool) -> Option<Named> {
        let highest = self.schemas.highest?;
        let mut start = BTreeSet::new();
        for response in self.ends() {
            start.extend(self.of_response(response));
            start.extend(of_media(&response.content));
        }
        self.schemas.along(start, path, whole).unwrap_or_else(|| Some((highest, self.view.pointer.clone())))
    }

    /// The class of a response header; the highest of them all where none is named.
    pub(super) fn of_header(&self, name: Option<&str>) -> Option<Named> {
        let highest = self.schemas.highest?;
        let mut start = BTreeSet::new();
        for response in self.ends() {
            start.extend(self.of_response(response));
            let same = response
                .headers
                .iter()
                .filter(|(known, _)| name.is_none_or(|name| known.eq_ignore_ascii_case(name)));
            same.for_each(|(name, header)| start.extend(of_header(response, name, header)));
        }
        self.schemas.along(start, &[], true).unwrap_or_else(|| Some((highest, self.view.pointer.clone())))
    }

    /// Where the class of a whole answer may stand: beside the responses, beside what refers to this one, in it.
    fn of_response(&self, response: &ResponseView) -> [String; 2] {
        let all = join(&self.view.pointer, "responses");
        [join(&all, &response.status.to_string()), all]
    }

    /// The answers that a step may end with: successes, and refusals, which a `match` may take.
    fn ends(&self) -> impl Iterator<Item = &'v ResponseView> {
        let of = |range: StatusRange, first: u16| match range {
            StatusRange::Exact(status) => status / 100 == first,
            StatusRange::Class(class) => class == first,
            StatusRange::Default => false,
        };
        let documented = self.view.responses.iter().any(|response| of(response.status, 2));
        self.view.responses.iter().filter(move |response| {
            let status = response.status;
            of(status, 2) || of(status, 4) || (!documented && status == StatusRange::Default)
        })
    }
}

/// Schemas of a document, or of a part of one.
struct Schemas<'v> {
    root: &'v Value,
    /// The highest class anywhere; absent where none is named, and nothing need be looked at.
    highest: Option<Class>,
    families: Families,
}

impl<'v> Schemas<'v> {
    fn new(root: &'v Value) -> Schemas<'v> {
        let mut highest = any(root, &is_password).then_some(Class::Restricted);
        each_word(root, &mut |_, word| {
            let class = word.as_str().and_then(Class::of).unwrap_or(Class::Restricted);
            highest = highest.max(Some(class));
        });
        let families = if highest.is_some() { Families::of(root) } else { Families::default() };
        Schemas { root, highest, families }
    }

    /// `None` where there is too much to look at.
    fn along(&self, start: BTreeSet<String>, path: &[String], whole: bool) -> Option<Option<Named>> {
        let mut budget = MOST;
        let mut found = None;
        let mut set = self.spread(start.into_iter().map(|at| (at, false)).collect(), false, &mut budget)?;
        found = found.max(self.highest_of(&set));
        for name in path {
            let next = set.iter().flat_map(|(at, _)| self.members(at, Some(name))).map(|at| (at, false));
            set = self.spread(next.collect(), false, &mut budget)?;
            found = found.max(self.highest_of(&set));
        }
        if whole {
            found = found.max(self.highest_of(&self.spread(set, true, &mut budget)?));
        }
        Some(found)
    }

    /// All that is reached from some places, whatever stands there.
    fn read(&self, start: BTreeSet<String>) -> Option<BTreeSet<String>> {
        let start = start.into_iter().map(|at| (at, false)).collect();
        Some(self.spread(start, true, &mut usize::MAX.clone())?.into_iter().map(|(at, _)| at).collect())
    }

    fn highest_of(&self, set: &Set) -> Option<Named> {
        set.iter().filter_map(|(at, _)| Some((named(self.root.pointer(at)?.as_object()?)?, at.clone()))).max()
    }

    /// A set with all that describes the same value; with all that is inside it where `inside`.
    fn spread(&self, start: Set, inside: bool, budget: &mut usize) -> Option<Set> {
        let mut open: Vec<(String, bool)> = start.into_iter().collect();
        let mut set = Set::new();
        while let Some((at, part)) = open.pop() {
            let Some(schema) = self.root.pointer(&at) else { continue };
            if !set.insert((at.clone(), part)) {
                continue;
            }
            *budget = budget.checked_sub(1)?;
            if !part {
                let discriminator = schema.get("discriminator");
                let mapping = discriminator.and_then(|found| found.get("mapping")).and_then(Value::as_object);
                let usual = discriminator.and_then(|found| found.get("defaultMapping"));
                for text in mapping.into_iter().flat_map(Map::values).chain(usual) {
                    match text.as_str().map(mapped) {
                        Some(Reference::Local(target)) => open.push((target, false)),
                        Some(_) => return None,
                        None => {}
                    }
                }
                open.extend(self.families.heirs(&at).iter().map(|heir| (heir.clone(), false)));
            }
            // What derives takes only a part of what it takes, however deep that stands in its own `allOf`.
            let takes = part || self.families.derives(&at);
            // What stands beside a reference counts as well as what it leads to.
            match schema.get("$ref").and_then(Value::as_str).map(local_reference) {
                Some(Reference::Local(target)) => open.push((target, takes)),
                Some(_) => return None,
                None if schema.get("$dynamicRef").or_else(|| schema.get("$recursiveRef")).is_some() => {
                    return None;
                }
                None => {}
            }
            for name in ["allOf", "anyOf", "oneOf", "prefixItems"] {
                let count = schema.get(name).and_then(Value::as_array).map_or(0, Vec::len);
                let (list, part) = (join(&at, name), name == "allOf" && takes);
                open.extend((0..count).map(|index| (join(&list, &index.to_string()), part)));
            }
            // Names of members, and what a string has in it, come with the value.
            let beside = ["items", "unevaluatedItems", "contains", "propertyNames", "contentSchema"];
            for name in beside.into_iter().chain(["if", "then", "else"]) {
                if schema.get(name).is_some() {
                    open.push((join(&at, name), false));
                }
            }
            for name in schema.get("dependentSchemas").and_then(Value::as_object).into_iter().flatten() {
                open.push((join(&join(&at, "dependentSchemas"), name.0), false));
            }
            if inside {
                open.extend(self.members(&at, None).into_iter().map(|member| (member, false)));
            }
        }
        Some(set)
    }

    /// The classes of a value and of what is in it, by path; `above` are the schemas that it stands in. `None` where there
    /// is too much to look at.
    fn each(
        &self,
        start: Set,
        path: &mut Vec<String>,
        above: &mut Vec<String>,
        budget: &mut usize,
        found: &mut Vec<(Vec<String>, Named)>,
    ) -> Option<()> {
        let set = self.spread(start, false, budget)?;
        let mut class = self.highest_of(&set);
        // What comes back to itself has no end of paths, and what has no name is in none.
        let again = set.iter().any(|(at, _)| above.contains(at));
        let depth = above.len();
        let inside: Set = if again || path.len() >= LEVELS {
            set
        } else {
            let mut names: BTreeMap<&str, Set> = BTreeMap::new();
            for (at, _) in &set {
                above.push(at.clone());
                let schema = self.root.pointer(at);
                let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
                for name in properties.into_iter().flat_map(Map::keys) {
                    names.entry(name).or_default().insert((join(&join(at, "properties"), name), false));
                }
            }
            for (name, member) in names {
                path.push(name.to_owned());
                self.each(member, path, above, budget, found)?;
                path.pop();
            }
            set.iter().flat_map(|(at, _)| self.unnamed(at)).map(|at| (at, false)).collect()
        };
        above.truncate(depth);
        class = class.max(self.highest_of(&self.spread(inside, true, budget)?));
        found.extend(class.map(|class| (path.clone(), class)));
        Some(())
    }

    /// The schemas of a member of a name, or of all members.
    fn members(&self, at: &str, name: Option<&str>) -> Vec<String> {
        let Some(schema) = self.root.pointer(at) else { return Vec::new() };
        let mut found = Vec::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        for known in properties.into_iter().flat_map(serde_json::Map::keys) {
            if name.is_none_or(|name| name == known) {
                found.push(join(&join(at, "properties"), known));
            }
        }
        found.extend(self.unnamed(at));
        found
    }

    /// The schemas of members that have no name of their own.
    fn unnamed(&self, at: &str) -> Vec<String> {
        let Some(schema) = self.root.pointer(at) else { return Vec::new() };
        let mut found = Vec::new();
        // Which names a pattern takes is not asked: at most a class too high.
        for pattern in schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
            found.push(join(&join(at, "patternProperties"), pattern.0));
        }
        for others in ["additionalProperties", "unevaluatedProperties"] {
            if schema.get(others).is_some_and(Value::is_object) {
                found.push(join(at, others));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A value of what has a `discriminator` may be one of whatever derives from it; one of what derives is not another heir.
    #[test]
    fn what_derives_counts_however_it_says_so() {
        let pet = json!({"$ref": "#/components/schemas/Pet"});
        let root = json!({"components": {"schemas": {
            "Pet": {"discriminator": {"propertyName": "kind"}},
            "Dog": {"allOf": [{"allOf": [pet, {"properties": {"chip": {"x-data-class": "personal"}}}]}]},
            "Cat": {"$ref": "#/components/schemas/Pet", "properties": {"name": {"x-data-class": "restricted"}}},
        }}});
        let of = |name: &str| {
            let found = classes_of(&root, &format!("/components/schemas/{name}"));
            found.into_iter().map(|(path, class, _)| (path.join("."), class)).collect::<Vec<_>>()
        };
        let (chip, name) = (("chip".to_owned(), Class::Personal), ("name".to_owned(), Class::Restricted));
        assert_eq!(of("Pet"), [chip.clone(), name.clone()]);
        assert_eq!((of("Dog"), of("Cat")), (vec![chip], vec![name]));
    }
}
