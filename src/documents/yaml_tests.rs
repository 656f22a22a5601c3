//! Tests of the strict YAML reader.

use super::*;
use serde_json::{Value, json};

fn read_value(text: &str) -> Result<Value, Vec<&'static str>> {
    let mut sink = Sink::default();
    let tree = read(&text.into(), FileId::default(), &mut sink);
    let codes: Vec<_> = sink.findings().iter().map(|finding| finding.code.number).collect();
    match tree {
        Some(tree) => {
            assert!(codes.is_empty(), "{text}");
            Ok(tree.root().to_value())
        }
        None => {
            assert!(!codes.is_empty(), "{text}");
            Err(codes)
        }
    }
}

#[test]
fn the_core_schema_is_followed() {
    let text = "a: ~\nb: [true, 12, -3, 0x1F, 1.5, 1.0e+3, .5, 5., +1]\nc: 2026-10-01\nd: 'no'\n200: x\n\
                e: 3.1.0\nf: 12:345\ng: |\n  two\n  lines\nh:\ni: 1.2.3.4\nj: '012'\nk: http://a.b\n";
    assert_eq!(
        read_value(text).unwrap(),
        json!({"a": null, "b": [true, 12, -3, 31, 1.5, 1000, 0.5, 5, 1], "c": "2026-10-01", "d": "no",
            "200": "x", "e": "3.1.0", "f": "12:345", "g": "two\nlines\n", "h": null, "i": "1.2.3.4",
            "j": "012", "k": "http://a.b"})
    );
}

#[test]
fn what_readers_disagree_on_is_refused() {
    for word in [
        "yes",
        "No",
        "ON",
        "off",
        "y",
        "012",
        "-07",
        "00.5",
        "1_000",
        "190:20:30",
        "1:30",
        "0o14",
        "0b1",
        "1e3",
        "1.5e3",
        "-0x1F",
        "=",
    ] {
        assert_eq!(read_value(&format!("a: {word}\n")), Err(vec!["EF8006"]), "{word}");
    }
    assert_eq!(read_value("a: 'b\u{2028}c'\n"), Err(vec!["EF8006"]));
    assert_eq!(read_value("on: 1\n"), Err(vec!["EF8006"]));
    assert_eq!(read_value("a: .inf\nb: 9007199254740993\n"), Err(vec!["EF8004"; 2]));
    assert_eq!(read_value("200: a\n'200': b\n"), Err(vec!["EF8003"]));
    assert_eq!(read_value("a: 1\n\"a\": 2\nb: {c: 1, c: 2}\n"), Err(vec!["EF8003"; 2]));
    assert_eq!(read_value("null: 1\n1.5: 2\ntrue: 3\n"), Err(vec!["EF8008"; 3]));
    assert_eq!(read_value("? [a]\n: 1\n"), Err(vec!["EF8008"]));
    assert_eq!(read_value("a: &x 1\nb: *x\nc: !!str 2\n"), Err(vec!["EF8007"; 3]));
    assert_eq!(read_value("<<: 1\n"), Err(vec!["EF8007"]));
    assert_eq!(read_value("a: 1\n---\nb: 2\n"), Err(vec!["EF8007"]));
    assert_eq!(read_value("a: [1\nb: 2\n"), Err(vec!["EF8001"]));
    assert_eq!(read_value(""), Err(vec!["EF8001"]));
}

#[test]
fn values_and_brackets_are_counted() {
    let stopped = |text: String, nodes: usize| {
        let mut sink = Sink::default();
        assert!(read_within(&text.as_str().into(), FileId::default(), &mut sink, nodes).is_none());
        let found = sink.findings().first().unwrap();
        (found.code.number, found.labels.first().unwrap().span.start)
    };
    // The parser holds these before it gives a first event, so nothing but a count ahead of it stops them.
    assert_eq!(stopped(format!("[{}a]", "a,".repeat(MOST_BRACKETS)), 9), ("EF8001", 2 * MOST_BRACKETS));
    let quotes = format!("[{}]", "''".repeat(MOST_INDICATORS / 2 + 1));
    assert_eq!(stopped(quotes, 9), ("EF8001", MOST_INDICATORS + 1));
    assert_eq!(stopped("- a\n- b: c\n".to_owned(), 4), ("EF8001", 9));
    let fits = read_within(&"- a\n- b: c\n".into(), FileId::default(), &mut Sink::default(), 5);
    assert!(fits.is_some());
}

#[test]
fn places_are_bytes() {
    let text = format!("{}: é\nb:\n  c: [1, 2]\n  d: x # end\n", "ü".repeat(100));
    let mut sink = Sink::default();
    let tree = read(&text.as_str().into(), FileId::default(), &mut sink).unwrap();
    let root = tree.root();
    let written = |pointer: &str| &text[root.at(pointer).unwrap().span().range()];
    assert_eq!(written(&format!("/{}", "ü".repeat(100))), "é");
    assert_eq!(written("/b/c"), "[1, 2]");
    assert_eq!(written("/b/d"), "x");
    assert_eq!(written("/b"), "c: [1, 2]\n  d: x");
    let (key, _) = root.get("b").unwrap().member("d").unwrap();
    assert_eq!(&text[key.span().range()], "d");
    assert_eq!(written("/b/c/1"), "2");
}
