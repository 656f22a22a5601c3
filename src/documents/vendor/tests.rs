use std::collections::BTreeMap;

use super::*;
use crate::documents::Document;
use serde_json::Value;

const ROOT: &str = "\
openapi: 3.0.3
info: {title: Pets, version: '1'}
paths:
  /pets:
    $ref: 'paths/pets.yaml'
  /flags/{id}:
    parameters:
      - $ref: 'common.yaml#/parameters/Id'
    get:
      operationId: getFlag
      responses:
        '200':
          description: ok
          content:
            application/json:
              schema: {$ref: './schemas/Pet.json'}
              example: {size: 12345678901234567890, on: yes}
components:
  schemas:
    Tag: {type: string, default: no}
";

fn files() -> BTreeMap<&'static str, &'static str> {
    [
        ("api.yaml", ROOT),
        (
            "paths/pets.yaml",
            "get:\n  operationId: listPets\n  responses:\n    '200':\n      $ref: '../common.yaml#/responses/Pets'\n",
        ),
        (
            "common.yaml",
            "parameters:\n  Id: {name: id, in: path, required: true, schema: {$ref: '#/Tag'}}\nTag: {type: integer}\n\
             responses:\n  Pets:\n    description: all\n    content:\n      application/json:\n        schema:\n          \
             type: array\n          items: {$ref: 'schemas/Pet.json'}\n",
        ),
        (
            "schemas/Pet.json",
            "{\"type\": \"object\", \"properties\": {\"tag\": {\"$ref\": \"../api.yaml#/components/schemas/Tag\"},\
              \"parent\": {\"$ref\": \"Pet.json\"}, \"$ref\": {\"type\": \"string\"}}}",
        ),
    ]
    .into_iter()
    .collect()
}

fn vendored(files: &BTreeMap<&'static str, &'static str>) -> Result<Vendored, Vec<String>> {
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let mut read = |name: &str| {
        let found = files.get(name).map(|text| text.as_bytes().to_vec());
        found.ok_or_else(|| "there is no such file".to_owned())
    };
    let made = vendor("api.yaml", &mut read, &mut sources, &mut sink);
    assert_eq!(made.is_some(), !sink.has_errors());
    let told = sink.into_sorted();
    made.ok_or_else(|| {
        told.into_iter().map(|found| format!("{} {}", found.code.number, found.message)).collect()
    })
}

#[test]
fn files_become_one_document_that_reads_cleanly() {
    let made = vendored(&files()).unwrap();
    let value: Value = serde_json::from_str(&made.text).unwrap();
    let at = |pointer: &str| value.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/paths/~1pets/get/responses/200/$ref"), "#/components/responses/Pets");
    assert_eq!(at("/paths/~1flags~1{id}/parameters/0/$ref"), "#/components/parameters/Id");
    // `Tag` is taken by the document's own schema.
    assert_eq!(at("/components/parameters/Id/schema/$ref"), "#/components/schemas/Tag_2");
    assert_eq!(at("/components/schemas/Tag_2/type"), "integer");
    assert_eq!(at("/components/schemas/Pet/properties/tag/$ref"), "#/components/schemas/Tag");
    assert_eq!(at("/components/schemas/Pet/properties/parent/$ref"), "#/components/schemas/Pet");
    assert_eq!(at("/components/schemas/Tag/default"), "no");
    let example = at("/paths/~1flags~1{id}/get/responses/200/content/application~1json/example");
    assert_eq!(example, serde_json::json!({"size": "12345678901234567890", "on": "yes"}));
    assert_eq!(made.sources.len(), 4);
    assert_eq!(at("/x-eczflow-vendored/sources/0/raw_hash"), Digest::of(ROOT).to_string());
    assert!(
        made.notes.iter().any(|note| note.contains("`12345678901234567890` at `/paths/~1flags~1{id}/get"))
    );
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let document =
        crate::documents::check(made.text.as_bytes(), "one.json", &mut sources, &mut sink).unwrap();
    assert_eq!(document.operations().len(), 2);
    assert_eq!(sink.into_sorted().iter().filter(|found| found.code.number != "EF8020").count(), 0);
    // Once more, and once from what was made: the same hash each time.
    let again = vendored(&files()).unwrap();
    assert_eq!(again, made);
    let read = |text: &str| {
        Document::read(text.as_bytes(), "x.json", &mut SourceMap::default(), &mut Sink::default())
    };
    assert_eq!(read(&again.text).unwrap().canonical_hash(), document.canonical_hash());
}

#[test]
fn what_cannot_be_taken_in_is_named_at_its_place() {
    let with = |from: &str, to: &str| {
        let mut files = files();
        let root: &'static str = Box::leak(ROOT.replace(from, to).into_boxed_str());
        files.insert("api.yaml", root);
        vendored(&files).unwrap_err().join("\n")
    };
    assert!(
        with("paths/pets.yaml", "../pets.yaml")
            .contains("EF8011 `../pets.yaml` cannot be taken in: it lies outside")
    );
    assert!(with("paths/pets.yaml", "/etc/passwd").contains("outside the folder"));
    assert!(with("paths/pets.yaml", "https://x.example/a.yaml").contains("nothing is fetched"));
    assert!(with("paths/pets.yaml", "gone.yaml").contains("there is no such file"));
    assert!(with("common.yaml#/parameters/Id", "common.yaml#/parameters/Od").contains("EF8012"));
    assert!(with("common.yaml#/parameters/Id", "common.yaml#Id").contains("EF8012"));
    // A number that the contract depends on has no string to become.
    assert!(with("default: no", "maxLength: 12345678901234567890").contains("EF8004"));
    // Two path items that refer to each other end.
    let mut files = files();
    files.insert("paths/pets.yaml", "$ref: 'pets.yaml'\n");
    assert!(vendored(&files).unwrap_err().join("").contains("too many path items"));
}

#[test]
fn the_number_of_files_is_bounded() {
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let mut asked = 0;
    let mut read = |name: &str| {
        asked += 1;
        let next = name.trim_end_matches(".yaml").trim_start_matches('f').parse::<u32>().unwrap_or(0) + 1;
        Ok(format!(
            "openapi: 3.1.0\ncomponents: {{schemas: {{A: {{$ref: 'f{next}.yaml#/components/schemas/A'}}}}}}\n"
        )
        .into_bytes())
    };
    assert!(vendor("api.yaml", &mut read, &mut sources, &mut sink).is_none());
    assert!(asked <= MOST_HOPS + 2, "{asked}");
    assert!(sink.into_sorted().iter().any(|found| found.code.number == "EF8011"));
}

#[test]
fn path_items_that_multiply_are_stopped() {
    // Four references each to the next: 4^14 copies, were they all put in place.
    let mut items = String::new();
    for level in 0..15 {
        items.push_str(&format!("p{level}:\n  post:\n    callbacks:\n"));
        for name in ["a", "b", "c", "d"] {
            items.push_str(&format!("      {name}: {{e: {{$ref: 'p.yaml#/p{}'}}}}\n", level + 1));
        }
    }
    items.push_str("p15: {}\n");
    let root = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /x: {$ref: 'p.yaml#/p0'}\n";
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let mut read = |name: &str| Ok(if name == "p.yaml" { &items } else { root }.as_bytes().to_vec());
    assert!(vendor("api.yaml", &mut read, &mut sources, &mut sink).is_none());
    let findings = sink.findings();
    assert_eq!(findings.len(), 1, "told once");
    assert_eq!(findings[0].code.number, "EF8011");
    assert!(findings[0].message.contains("larger than"), "{}", findings[0].message);
    assert!(!findings[0].labels.is_empty());
}
