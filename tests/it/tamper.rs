//! What nobody without the log's key can do to the bundle of a real run.

use std::collections::BTreeMap;

use eczflow::audit::{
    Checkpoint, Payload, Trust, Whose, commitment, node_hash, record_hash, tree_hash, verify_bundle,
};
use eczflow::base::{Digest, canonical_json};
use eczflow::sandbox::Faults;
use eczflow::verify::{Report, verify};
use serde_json::{Value, json};

use crate::flows;
use crate::stage::{Stage, t1};

const NOBODY: Trust<'static> = Trust::Logs(&[]);

fn verified(bytes: &[u8]) -> Report {
    verify(&mut &bytes[..], NOBODY)
}

/// One step only, so that every single byte can be tried.
const SMALL: &str = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3 agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api support = openapi("apis/support.openapi.yaml")
flow look(ticket_id: string) -> { amount: decimal } {
  as acme.agent
  handoff strict
  step ticket = support.getTicket(ticketId: ticket_id)
  return { amount: ticket.amount }
}
"#;

async fn small_bundle() -> Vec<u8> {
    let stage = Stage::new(flows::compile(flows::refund_files(Some(SMALL))), Faults::default()).await;
    let run = stage.run(json!({"ticket_id": "T1"})).await;
    stage.audit(&run);
    stage.bundle(&run)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_changed_byte_fails() {
    let bytes = small_bundle().await;
    assert!(!verified(&bytes).failed(false));
    std::thread::scope(|scope| {
        for half in 0..2 {
            let mut changed = bytes.clone();
            scope.spawn(move || {
                for place in (half..changed.len()).step_by(2) {
                    changed[place] ^= 1 << (place % 8);
                    assert!(verified(&changed).failed(false), "byte {place}");
                    changed[place] ^= 1 << (place % 8);
                }
            });
        }
    });
    for end in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        assert!(verified(&bytes[..end]).failed(false), "cut at {end}");
    }
    for more in ["\n", " ", "{}\n"] {
        assert!(verified(&[&bytes, more.as_bytes()].concat()).failed(false), "{more:?}");
    }
}

/// Where every value stands: line and JSON pointer.
fn places(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
    if !pointer.is_empty() {
        found.push(pointer.to_owned());
    }
}

/// Other values of the same kind, so that as much as possible still parses.
fn edits(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) => {
            let next = |c: char| match c {
                '9' | 'f' | 'Z' | 'z' => 'a',
                '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from_u32(u32::from(c) + 1).unwrap(),
                c => c,
            };
            let last = text.rfind(|c: char| c.is_ascii_digit() || c.is_ascii_lowercase()).unwrap_or(0);
            let one = text.char_indices().map(|(at, c)| if at == last { next(c) } else { c }).collect();
            vec![Value::String(one), Value::String(format!("{text}0"))]
        }
        Value::Number(number) => vec![json!(number.as_f64().unwrap() as i64 + 1), json!(0.5), json!("1")],
        Value::Bool(value) => vec![json!(!value)],
        Value::Null => vec![json!(false)],
        Value::Array(items) => {
            let mut shorter = items.clone();
            shorter.pop();
            vec![
                Value::Array(shorter),
                Value::Array([&items[..], items.get(..1).unwrap_or(&[Value::Null])].concat()),
            ]
        }
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("more".to_owned(), json!(1));
            vec![json!({}), Value::Object(more)]
        }
    }
}

/// A bundle as an attacker edits it: lines as values, and what was edited, which recomputing leaves alone.
struct Forgery {
    lines: Vec<Value>,
    records: usize,
    opened: Digest,
    edited: (usize, String),
}

impl Forgery {
    fn set(&mut self, line: usize, pointer: &str, value: Value) {
        let inside =
            self.edited.1.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if line == self.edited.0 && inside {
            return;
        }
        if let Some(place) = self.lines.get_mut(line).and_then(|line| line.pointer_mut(pointer)) {
            *place = value;
        }
    }

    /// Recomputes every unkeyed hash: commitments, chain, retry provenance, root, log leaf, log tree, digest.
    fn bytes(mut self, recompute_checkpoint: bool) -> Vec<u8> {
        let last = self.lines.len() - 1;
        let text = |value: &Value| canonical_json(value).unwrap();
        for line in 1..last {
            let Some(seq) = self.lines[line].get("disclosed").and_then(Value::as_u64) else { continue };
            let Ok(payload) = serde_json::from_value::<Payload>(self.lines[line]["payload"].clone()) else {
                continue;
            };
            for (name, item) in payload {
                let digest = commitment(&name, &item).unwrap().to_string();
                self.set(seq as usize + 1, &format!("/commitments/{name}"), json!(digest));
            }
        }
        let mut hashes: Vec<Digest> = Vec::new();
        let mut renamed = BTreeMap::new();
        for line in 1..=self.records.min(last - 1) {
            let before = record_hash(text(&self.lines[line]).as_bytes()).to_string();
            if let Some(prev) = hashes.last() {
                self.set(line, "/prev", json!(prev.to_string()));
            }
            if let Some(new) = self.lines[line]["previous_attempt"].as_str().and_then(|old| renamed.get(old))
            {
                self.set(line, "/previous_attempt", json!(new));
            }
            let hash = record_hash(text(&self.lines[line]).as_bytes());
            renamed.insert(before, hash.to_string());
            hashes.push(hash);
        }
        let root = tree_hash(&hashes).to_string();
        self.set(last, "/root", json!(root));
        self.set(last, "/leaf/root", json!(root));
        if recompute_checkpoint {
            // The store's log has two leaves: this run's opening, which is the proof, and its end.
            let root = node_hash(&self.opened, &record_hash(text(&self.lines[last]["leaf"]).as_bytes()));
            let note = self.lines[last]["checkpoint"].as_str().unwrap_or_default().to_owned();
            if let Some((_, signature)) = note.split_once("\n\n") {
                let origin = note.lines().next().unwrap().to_owned();
                let text = Checkpoint { origin, size: 2, root }.text();
                self.set(last, "/checkpoint", json!(format!("{text}\n{signature}")));
            }
        }
        let earlier: String = self.lines[..last].iter().map(|line| text(line) + "\n").collect();
        self.set(last, "/digest", json!(Digest::of(&earlier).to_string()));
        format!("{earlier}{}\n", text(&self.lines[last])).into_bytes()
    }
}

/// A bundle's lines, and how to forge them.
struct Original {
    bytes: Vec<u8>,
    lines: Vec<Value>,
    records: usize,
    opened: Digest,
}

impl Original {
    fn new(bytes: Vec<u8>) -> Original {
        let lines: Vec<Value> =
            bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        let records = lines.iter().filter(|line| line.get("seq").is_some()).count();
        let opened = lines.last().unwrap()["proof"][0].as_str().unwrap().parse().unwrap();
        Original { bytes, lines, records, opened }
    }

    fn forge(&self, lines: Vec<Value>, edited: (usize, &str), recompute_checkpoint: bool) -> Vec<u8> {
        let edited = (edited.0, edited.1.to_owned());
        Forgery { lines, records: self.records, opened: self.opened, edited }.bytes(recompute_checkpoint)
    }

    /// Edits and removes every field of a line; how many forgeries were tried.
    fn attack_line(&self, line: usize) -> usize {
        let mut tried = 0;
        let mut pointers = Vec::new();
        places(&self.lines[line], "", &mut pointers);
        for pointer in pointers {
            let original = self.lines[line].pointer(&pointer).unwrap();
            for edit in edits(original).into_iter().filter(|edit| edit != original) {
                let mut edited = self.lines.clone();
                *edited[line].pointer_mut(&pointer).unwrap() = edit.clone();
                let forged = self.forge(edited, (line, &pointer), tried % 2 == 0);
                assert!(forged != self.bytes, "line {line}, {pointer}: {edit}");
                assert!(fails(&forged), "line {line}, {pointer}: {edit}");
                tried += 1;
            }
            let mut removed = self.lines.clone();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            if let Some(members) = removed[line].pointer_mut(parent).unwrap().as_object_mut() {
                members.remove(name);
                assert!(
                    fails(&self.forge(removed, (line, &pointer), tried % 2 == 0)),
                    "line {line}, {pointer} removed"
                );
            }
        }
        let mut removed = self.lines.clone();
        removed.remove(line);
        assert!(fails(&self.forge(removed, (0, ""), false)), "line {line} removed");
        tried
    }
}

/// The cheap answers first; the replay only where they hold.
fn fails(bytes: &[u8]) -> bool {
    verify_bundle(&mut &bytes[..], NOBODY).failed(false) || verified(bytes).failed(false)
}

async fn refund_bundle() -> Vec<u8> {
    let stage = Stage::new(flows::refund(), Faults::default()).await;
    let run = stage.run(t1()).await;
    stage.audit(&run);
    stage.bundle(&run)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_edited_field_fails_with_all_unkeyed_hashes_recomputed() {
    let original = Original::new(refund_bundle().await);
    for recompute in [false, true] {
        let same = original.forge(original.lines.clone(), (0, ""), recompute);
        assert!(same == original.bytes, "recomputing must change nothing by itself");
    }
    let tried: usize = std::thread::scope(|scope| {
        let original = &original;
        let half = |half| {
            (half..original.lines.len()).step_by(2).map(|line| original.attack_line(line)).sum::<usize>()
        };
        let threads = [scope.spawn(move || half(0)), scope.spawn(move || half(1))];
        threads.map(|thread| thread.join().unwrap()).iter().sum()
    });
    assert!(tried > 1_000, "{tried}");
}

/// Edits that keep header and records in agreement: only the signed tree can tell.
#[tokio::test(flavor = "multi_thread")]
async fn consistent_edits_fail_too() {
    let original = Original::new(refund_bundle().await);
    let text = String::from_utf8(original.bytes.clone()).unwrap();
    let plan = original.lines[0]["plan"].as_str().unwrap();
    let run = original.lines[0]["run"].as_str().unwrap();
    let other = plan.replace("\"attempts\":8", "\"attempts\":9");
    assert_ne!(other, plan);
    let in_line = |plan: &str| plan.replace('\\', "\\\\").replace('"', "\\\"");
    for edited in [
        text.replace("\"sandbox\"", "\"live\""),
        text.replace(run, "another"),
        text.replace(&in_line(plan), &in_line(&other))
            .replace(&Digest::of(plan).to_string(), &Digest::of(&other).to_string()),
        text.replace("\"state\":\"BOUND\"", "\"state\":\"CLAIMED\""),
    ] {
        assert_ne!(edited, text);
        let lines: Vec<Value> = edited.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for recompute in [false, true] {
            let forged = original.forge(lines.clone(), (0, ""), recompute);
            let report = verified(&forged);
            assert!(
                report.answers.bundle.is_some(),
                "it must be well-formed, so that only signed hashes tell"
            );
            assert_eq!(report.answers.whole.is_ok(), recompute, "{:?}", report.answers.whole);
            assert_eq!(matches!(report.answers.whose, Whose::Refused(_)), recompute);
            assert!(report.failed(false));
        }
    }
}
