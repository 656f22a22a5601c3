//! Appending records to a journal in memory: time over that of hashing the same bytes once. See `docs/performance.md`.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures this process's own time")]

mod timing;

use std::error::Error;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use eczflow::audit::{Kind, Payload, PayloadItem, RECORD_FORMAT, Record, Salt, commitments_of, record_hash};
use eczflow::base::{Digest, SeededRandom, Timestamp, canonical_json};
use eczflow::store::{Batch, Entry, MemoryStore, Opening, Store};
use serde_json::json;
use timing::fastest;

const LEAVES: [usize; 2] = [200, 2000];
/// Bytes of the one payload item of each record.
const PAYLOADS: [usize; 3] = [16, 1024, 16 * 1024];
const REPETITIONS: usize = 15;
const PLAN: &str = "{}";

/// The records of one run, each in a batch of its own, and all their bytes.
fn run(
    leaves: usize,
    payload: usize,
    random: &SeededRandom,
) -> Result<(Vec<Batch>, Vec<u8>), Box<dyn Error>> {
    let (mut batches, mut bytes, mut prev) = (Vec::new(), Vec::new(), None);
    for at in 0..leaves {
        let item = PayloadItem::new(json!("x".repeat(payload)), random);
        let payload = Payload::from([("answer".to_owned(), item)]);
        let decision = match at {
            0 => json!({"environment": "bench", "plan_digest": Digest::of(PLAN).to_string()}),
            _ => json!({"status": 200, "outcome": "done", "elapsed_ms": 12}),
        };
        let record = Record {
            v: RECORD_FORMAT.to_owned(),
            run: "bench".to_owned(),
            seq: at as u64,
            prev,
            time: Timestamp(1_795_000_000_000),
            kind: if at == 0 { Kind::RunStarted } else { Kind::AttemptAnswered },
            salt: Salt::generate(random),
            node: Some("ticket".to_owned()),
            operation: Some("support.getTicket".to_owned()),
            attempt: Some(1),
            previous_attempt: None,
            identities: None,
            decision: decision.as_object().cloned().unwrap_or_default(),
            commitments: commitments_of(&payload)?,
        };
        let leaf = record.leaf()?;
        prev = Some(record_hash(leaf.as_bytes()));
        bytes.extend_from_slice(leaf.as_bytes());
        bytes.extend_from_slice(canonical_json(&payload)?.as_bytes());
        let opening = (at == 0).then(|| Opening { flow: "bench".to_owned(), plan: PLAN.to_owned() });
        let run = "bench".to_owned();
        batches.push(Batch { run, opening, entries: vec![Entry { record, payload }] });
    }
    Ok((batches, bytes))
}

fn main() -> Result<(), Box<dyn Error>> {
    let random = SeededRandom::new("bench");
    let mut out = std::io::stdout().lock();
    writeln!(out, "time of appended records, over SHA-256 of the same bytes")?;
    write!(out, "{:14}", "payload, bytes")?;
    LEAVES.iter().try_for_each(|leaves| write!(out, "{leaves:>8} records"))?;
    writeln!(out)?;
    for payload in PAYLOADS {
        write!(out, "{payload:<14}")?;
        let mut ratios = Vec::new();
        for leaves in LEAVES {
            let (batches, bytes) = run(leaves, payload, &random)?;
            let (mut appends, mut hashes) = (Vec::new(), Vec::new());
            for _ in 0..REPETITIONS {
                let store = MemoryStore::new(&random);
                let fresh = batches.clone();
                let begin = Instant::now();
                for batch in fresh {
                    let _ = black_box(store.append(batch).wait()?);
                }
                appends.push(begin.elapsed().as_secs_f64());
                let begin = Instant::now();
                black_box(Digest::of(black_box(&bytes)));
                hashes.push(begin.elapsed().as_secs_f64());
            }
            ratios.push(fastest(&appends) / fastest(&hashes));
        }
        ratios.iter().try_for_each(|ratio| write!(out, "{ratio:>16.1}"))?;
        writeln!(out)?;
    }
    Ok(())
}
