//! Documents that were read before: what a cache keeps of one, and the document that it is together with the bytes.
//!
//! A document's bytes are always read and hashed; the cache saves reading what they say. What it keeps is believed: it is
//! for the cache to give back only what was put there.

use super::document::{Document, OperationEntry};
use super::operation;
use super::tree::Tree;
use crate::base::{Digest, canonical_json};
use crate::diagnostics::Sink;
use crate::source::{Cache, FileId, SourceMap, Span, Text};

/// Smaller documents are read faster than they are looked up.
const SMALLEST: usize = 256 << 10;

/// What an entry begins with: its form, and who wrote it.
const HEADER: &str = concat!("eczflow-remembered-document-2 ", env!("CARGO_PKG_VERSION"), "\n");

impl Document {
    /// As [`Document::read`], by what a cache remembers of the same bytes where it does.
    pub fn read_with(
        cache: Option<&dyn Cache>,
        bytes: impl Into<Vec<u8>>,
        name: &str,
        sources: &mut SourceMap,
        sink: &mut Sink,
    ) -> Option<Document> {
        let bytes = bytes.into();
        // The same bytes can be another document as YAML.
        let wanted = bytes.len() >= SMALLEST && !super::document::is_named_yaml(name);
        let Some(cache) = cache.filter(|_| wanted) else {
            return Document::read(bytes, name, sources, sink);
        };
        let key = Digest::of_parts(&[HEADER.as_bytes(), &Digest::of(&bytes).0]);
        let bytes = match (cache.get(&key), String::from_utf8(bytes)) {
            (Some(entry), Ok(text)) => {
                let text = Text::from(text);
                let file = sources.add(name, text.clone());
                if let Some(document) = recall(&entry, file, text.clone()) {
                    return Some(document);
                }
                text.as_bytes().to_vec()
            }
            (_, Ok(text)) => text.into_bytes(),
            (_, Err(error)) => error.into_bytes(),
        };
        let document = Document::read(bytes, name, sources, sink)?;
        if let Some(entry) = remember(&document) {
            cache.put(&key, &entry);
        }
        Some(document)
    }
}

fn remember(document: &Document) -> Option<Vec<u8>> {
    let mut bytes = HEADER.as_bytes().to_vec();
    bytes.extend_from_slice(&document.canonical_hash().0);
    let operations = document.operations();
    bytes.extend_from_slice(&u32::try_from(operations.len()).ok()?.to_le_bytes());
    for entry in operations {
        let id = entry.operation_id.as_deref();
        // The key is most often the id: then it is not written twice.
        let key = Some(entry.key.as_str()).filter(|key| Some(*key) != id);
        for text in [id, key, Some(&entry.method), Some(&entry.path), Some(&entry.pointer)] {
            let length = text.map_or(Ok(NONE), |text| u32::try_from(text.len())).ok()?;
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(text.unwrap_or("").as_bytes());
        }
        for place in [entry.span.start, entry.span.end] {
            bytes.extend_from_slice(&u32::try_from(place).ok()?.to_le_bytes());
        }
    }
    let heirs = canonical_json(document.heirs()).ok()?;
    bytes.extend_from_slice(&u32::try_from(heirs.len()).ok()?.to_le_bytes());
    bytes.extend_from_slice(heirs.as_bytes());
    bytes.extend_from_slice(&document.tree().remember()?);
    Some(bytes)
}

/// The length of a text that is not there.
const NONE: u32 = u32::MAX;

fn recall(entry: &[u8], file: FileId, text: Text) -> Option<Document> {
    let (canonical_hash, mut rest) = entry.strip_prefix(HEADER.as_bytes())?.split_first_chunk()?;
    let count = number(&mut rest)?;
    // Bounded by the bytes there are: each operation takes some.
    let mut operations = Vec::with_capacity(count.min(rest.len() / 32));
    for _ in 0..count {
        let mut texts = [const { None }; 5];
        for text in &mut texts {
            let length = number(&mut rest)?;
            if length != usize::try_from(NONE).ok()? {
                let (bytes, after) = rest.split_at_checked(length)?;
                rest = after;
                *text = Some(std::str::from_utf8(bytes).ok()?.to_owned());
            }
        }
        let [operation_id, key, method, path, pointer] = texts;
        let key = key.or_else(|| operation_id.clone())?;
        let (start, end) = (number(&mut rest)?, number(&mut rest)?);
        let span = Span::new(file, start, end);
        operations.push(OperationEntry {
            key,
            operation_id,
            method: method?,
            path: path?,
            pointer: pointer?,
            span,
        });
    }
    let length = number(&mut rest)?;
    let (heirs, rest) = rest.split_at_checked(length)?;
    let heirs = serde_json::from_slice(heirs).ok()?;
    let tree = Tree::recall(rest, file, text)?;
    let dialect = operation::dialect_of(tree.root()).ok()?;
    Some(Document::of_parts(tree, dialect, Digest(*canonical_hash), operations).with_heirs(heirs))
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::documents::{OperationView, Slice};

    #[derive(Default)]
    struct Kept(Mutex<BTreeMap<Digest, Vec<u8>>>);

    impl Cache for Kept {
        fn get(&self, key: &Digest) -> Option<Vec<u8>> {
            self.0.lock().unwrap().get(key).cloned()
        }

        fn put(&self, key: &Digest, entry: &[u8]) {
            self.0.lock().unwrap().insert(*key, entry.to_vec());
        }
    }

    /// Large objects and small ones, arrays, escapes, numbers, a reference that leads nowhere.
    fn text() -> String {
        let mut paths = Vec::new();
        let mut schemas = Vec::new();
        for at in 0..400 {
            let words = "words ".repeat(if at % 7 == 0 { 900 } else { 60 });
            schemas.push(format!(
                r##""S\u0061{at}": {{"type": "object", "description": "{words}\n\"", "maxProperties": 1.5e2,
                    "properties": {{"a/b": {{"type": "string", "enum": ["\u00e9", "{words}"]}},
                    "next": {{"$ref": "#/components/schemas/Sa{}"}}}}}}"##,
                (at * 3 + 1) % 420
            ));
            paths.push(format!(
                r##""/p{at}/{{id}}": {{"x-data-class": "internal", "parameters": [{{"name": "id", "in": "path", "required": true, "schema": {{"type": "integer"}}}}],
                    "get": {{"operationId": "op{}", "responses": {{"200": {{"description": "{words}", "content":
                    {{"application/json": {{"schema": {{"$ref": "#/components/schemas/Sa{at}"}}}}}}}}}}}},
                    "post": {{"responses": {{"201": {{"description": "x"}}}}}}}}"##,
                if at == 9 { 8 } else { at }
            ));
        }
        schemas.push(
            r##""Pet": {"discriminator": {"propertyName": "kind"}}, "Dog": {"x-data-class": "personal",
            "allOf": [{"$ref": "#/components/schemas/Pet"}]}"##
                .to_owned(),
        );
        paths.push(r##""/pets": {"get": {"responses": {"200": {"description": "x", "content": {"application/json": {"schema":
            {"$ref": "#/components/schemas/Pet"}}}}}}}"##.to_owned());
        format!(
            r#"{{"openapi": "3.1.0", "info": {{"title": "t", "version": "1", "x-ecz-id": {{"spec_hash": "1", "b": [1, 2.50]}}}},
                "servers": [{{"url": "https://a.example"}}], "paths": {{{}}}, "components": {{"schemas": {{{}}}}}}}"#,
            paths.join(",\n"),
            schemas.join(",\n")
        )
    }

    fn read(cache: &Kept, text: &str) -> (Option<Document>, SourceMap, Sink) {
        let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
        let document = Document::read_with(Some(cache), text.as_bytes(), "a.json", &mut sources, &mut sink);
        (document, sources, sink)
    }

    type Said = Vec<(Result<OperationView, String>, Result<Slice, String>)>;

    fn said(document: &Document) -> Said {
        let of = |entry: &OperationEntry| {
            let told = |finding: Box<crate::diagnostics::Diagnostic>| format!("{finding:?}");
            (document.view(entry).map_err(told), document.slice(entry).map_err(told))
        };
        document.operations().iter().map(of).collect()
    }

    #[test]
    fn a_remembered_document_says_the_same() {
        let (cache, text) = (Kept::default(), text());
        assert!(text.len() > SMALLEST);
        let (fresh, _, _) = read(&cache, &text);
        let fresh = fresh.unwrap();
        let entry = cache.0.lock().unwrap().values().next().unwrap().clone();
        assert!(entry.len() < text.len() / 4, "{} of {}", entry.len(), text.len());
        let (again, sources, sink) = read(&cache, &text);
        let again = again.unwrap();
        assert!(sink.findings().is_empty());

        assert_eq!(again.operations(), fresh.operations());
        assert_eq!(again.dialect(), fresh.dialect());
        assert_eq!((again.canonical_hash(), again.raw_hash()), (fresh.canonical_hash(), fresh.raw_hash()));
        assert_eq!(again.canonical_text(), fresh.canonical_text());
        assert_eq!(again.identity_text(), fresh.identity_text());
        let (one, other) = (said(&again), said(&fresh));
        assert!(one.iter().filter(|(view, _)| view.is_err()).count() > 10);
        assert!(one.iter().filter(|(_, slice)| slice.is_ok()).count() > 400);
        assert_eq!(one, other);
        for at in [
            "/components/schemas/Sa7/properties/a~1b/enum/1",
            "/info",
            "/paths/~1p3~1{id}/get",
            "/paths/~1p3~1{id}/x-data-class",
            "/no",
        ] {
            assert_eq!((again.span(at), again.place(at)), (fresh.span(at), fresh.place(at)), "{at}");
        }
        assert!(!again.heirs().is_empty() && again.heirs() == fresh.heirs());
        assert_eq!(again.names("/components/schemas"), fresh.names("/components/schemas"));
        let place = again.span("/components/schemas/Sa2/properties").unwrap();
        assert!(sources.slice(place).starts_with("{\"a/b\""));
        assert!(again.duplicate("op8").is_some());
    }

    #[test]
    fn only_the_very_bytes_are_remembered_and_only_as_json() {
        let (cache, text) = (Kept::default(), text());
        read(&cache, &text);
        let other = text.replacen("3.1.0", "3.0.0", 1);
        assert_eq!(read(&cache, &other).0.unwrap().dialect().as_str(), "3.0");
        assert_eq!(cache.0.lock().unwrap().len(), 2);
        let broken = text.replacen("3.1.0", "2.1.0", 1);
        assert!(read(&cache, &broken).0.is_none());
        let small = r#"{"openapi": "3.1.0", "info": {}, "paths": {}}"#;
        assert!(read(&cache, small).0.is_some());
        let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
        Document::read_with(Some(&cache), text.as_bytes(), "a.yaml", &mut sources, &mut sink);
        assert_eq!(cache.0.lock().unwrap().len(), 2);
    }

    #[test]
    fn half_an_entry_is_none() {
        let (cache, text) = (Kept::default(), text());
        read(&cache, &text);
        let entry = cache.0.lock().unwrap().values().next().unwrap().clone();
        let text: Text = text.into();
        let ends = (0..entry.len()).step_by(997).chain(entry.len() - 20..entry.len());
        for end in ends {
            assert!(recall(&entry[..end], FileId::default(), text.clone()).is_none(), "{end}");
        }
        assert!(recall(&entry, FileId::default(), text.clone()).is_some());
        let older = [b"eczflow-remembered-document-0", &entry[29..]].concat();
        assert!(recall(&older, FileId::default(), text).is_none());
    }
}
