//! What a bundle answers offline: whole, whose, complete. Each separately.

use std::collections::BTreeMap;
use std::io::BufRead;

use super::bundle::{Bundle, BundleError, Fault, read_bundle};
use super::export::Disclosure;
use super::log::LogKind;
use super::note::{Checkpoint, NoteError, VerifierKey, note_text};
use super::record::{Kind, commitment, record_hash};
use super::standing::Standing;
use super::tree::{tree_hash, verify_inclusion_proof};
use super::trusted::TrustedLog;
use crate::base::Digest;

/// Which logs the verifier knows.
#[derive(Debug, Clone, Copy)]
pub enum Trust<'a> {
    /// Exactly this one (`--log-key`): any other is a failure.
    Key(&'a VerifierKey),
    /// Those of the trusted-logs file: any other is unknown.
    Logs(&'a [TrustedLog]),
}

/// Whose log it is.
#[derive(Debug)]
pub enum Whose {
    /// Signed by a log that the verifier trusts, under the verifier's name for it.
    Trusted(String),
    /// Validly signed by a log that the verifier does not know: self-asserted. The log's verifier key.
    Unknown(String),
    /// Not validly signed by the key in its header, or by another log than the one asked for.
    Refused(BundleError),
    /// The bundle could not be read.
    NotAnswered,
}

/// Whether every record is there.
#[derive(Debug)]
pub enum Complete {
    /// From `run_started` to `run_finished`, each following the one before.
    Yes,
    /// Each follows the one before, but the run had not ended: where it stands.
    Unfinished(Standing),
    /// A record does not follow.
    Broken(BundleError),
    /// The bundle could not be read.
    NotAnswered,
}

/// The answers of [`verify_bundle`], and what was read.
#[derive(Debug)]
pub struct Answers {
    /// Whether every hash, and everything beside the records, fits.
    pub whole: Result<(), BundleError>,
    /// Whose log it is.
    pub whose: Whose,
    /// Whether every record is there.
    pub complete: Complete,
    /// The bundle, where it could be read: for the fourth answer, by replay.
    pub bundle: Option<Bundle>,
}

impl Answers {
    /// Whether verification failed. An unknown log fails only when `strict`; an unfinished run is no failure.
    pub fn failed(&self, strict: bool) -> bool {
        let whose = match &self.whose {
            Whose::Trusted(_) => false,
            Whose::Unknown(_) => strict,
            Whose::Refused(_) | Whose::NotAnswered => true,
        };
        let complete = matches!(self.complete, Complete::Broken(_) | Complete::NotAnswered);
        self.whole.is_err() || whose || complete
    }
}

/// Verifies a bundle. Never fails as such: what is wrong stands in the answers.
pub fn verify_bundle(source: &mut dyn BufRead, trust: Trust<'_>) -> Answers {
    match read_bundle(source) {
        Err(error) => Answers {
            whole: Err(error),
            whose: Whose::NotAnswered,
            complete: Complete::NotAnswered,
            bundle: None,
        },
        Ok(bundle) => Answers {
            whole: whole(&bundle),
            whose: whose(&bundle, trust),
            complete: complete(&bundle),
            bundle: Some(bundle),
        },
    }
}

fn whole(bundle: &Bundle) -> Result<(), BundleError> {
    header(bundle)?;
    payloads(bundle)?;
    let last = bundle.last_line();
    let fail = |what| Err(Fault::Hash(what).at(last));
    let trailer = &bundle.trailer;
    if Some(trailer.size) != u64::try_from(bundle.records.len()).ok() {
        return fail("the number of records is another");
    }
    if trailer.root != tree_hash(&bundle.hashes) {
        return fail("the records don't make this root");
    }
    let leaf = &trailer.leaf;
    if leaf.run != bundle.header.run || leaf.size != trailer.size || leaf.root != trailer.root {
        return fail("the leaf of the store's log is of another run, size or root");
    }
    let ended = bundle.records.last().is_some_and(|record| record.kind == Kind::RunFinished);
    if ended != (leaf.kind == LogKind::RunClosed) {
        return fail("the leaf of the store's log and the last record disagree on whether the run has ended");
    }
    let text = leaf.leaf().map_err(|error| Fault::Record(error).at(last))?;
    let checkpoint = note_text(&trailer.checkpoint)
        .and_then(Checkpoint::read)
        .map_err(|error| Fault::Note(error).at(last))?;
    let hash = record_hash(text.as_bytes());
    if !verify_inclusion_proof(hash, trailer.index, checkpoint.size, &trailer.proof, &checkpoint.root) {
        return fail("the leaf of the store's log is not in the log that the checkpoint signs");
    }
    Ok(())
}

/// Everything in the header must be borne out by the first record, which is in the signed tree.
fn header(bundle: &Bundle) -> Result<(), BundleError> {
    let fail = |what| Err(Fault::Header(what).at(1));
    let header = &bundle.header;
    let Some(first) = bundle.records.first() else { return fail("there is no record") };
    let says = |member: &str| first.decision.get(member).and_then(|value| value.as_str());
    if bundle.records.iter().any(|record| record.run != header.run) {
        return fail("the run is not that of every record");
    }
    if says("environment") != Some(&header.environment) {
        return fail("the environment is not that of the first record");
    }
    if says("plan_digest") != Some(&Digest::of(&header.plan).to_string()) {
        return fail("the plan is not the one that the first record names");
    }
    Ok(())
}

fn payloads(bundle: &Bundle) -> Result<(), BundleError> {
    for (seq, payload) in &bundle.payloads {
        let line = bundle.line_of_payload(*seq);
        let record = usize::try_from(*seq).ok().and_then(|seq| bundle.records.get(seq));
        let commitments = record.map(|record| &record.commitments);
        for (name, item) in payload {
            let due = commitments.and_then(|commitments| commitments.get(name));
            if due.is_none() || commitment(name, item).ok().as_ref() != due {
                return Err(Fault::Commitment(name.chars().take(80).collect()).at(line));
            }
        }
        if commitments.is_none_or(|commitments| commitments.len() != payload.len()) {
            return Err(Fault::Disclosure("a payload item that the record commits to is missing").at(line));
        }
    }
    let committed = bundle.records.iter().filter(|record| !record.commitments.is_empty()).count();
    match bundle.header.disclosure {
        Disclosure::Sealed if !bundle.payloads.is_empty() => {
            Err(Fault::Disclosure("a sealed bundle shows payloads").at(1))
        }
        Disclosure::Full if bundle.payloads.len() != committed => {
            Err(Fault::Disclosure("a full bundle does not show every payload").at(1))
        }
        _ => Ok(()),
    }
}

fn whose(bundle: &Bundle, trust: Trust<'_>) -> Whose {
    let key: VerifierKey = match bundle.header.log.parse() {
        Ok(key) => key,
        Err(error) => return Whose::Refused(Fault::Note(error).at(1)),
    };
    if key.to_string() != bundle.header.log {
        return Whose::Refused(Fault::Note(NoteError::Key("it is not written in its one form")).at(1));
    }
    if let Err(error) = Checkpoint::open(&bundle.trailer.checkpoint, &key) {
        return Whose::Refused(Fault::Note(error).at(bundle.last_line()));
    }
    match trust {
        Trust::Key(asked) if *asked == key => Whose::Trusted(key.name().to_owned()),
        Trust::Key(_) => Whose::Refused(Fault::OtherLog(key.name().to_owned()).at(1)),
        Trust::Logs(logs) => match logs.iter().find(|log| log.key == key) {
            Some(log) => Whose::Trusted(log.label.clone()),
            None => Whose::Unknown(bundle.header.log.clone()),
        },
    }
}

fn complete(bundle: &Bundle) -> Complete {
    let mut seen = BTreeMap::new();
    let mut prev = None;
    for (seq, (record, hash)) in bundle.records.iter().zip(&bundle.hashes).enumerate() {
        let broken = |what| Complete::Broken(Fault::Chain(what).at(bundle.line_of_record(seq)));
        if u64::try_from(seq) != Ok(record.seq) || record.prev != prev {
            return broken("this record does not follow the one before");
        }
        if (record.kind == Kind::RunStarted) != (seq == 0) {
            return broken("a run has one `run_started`, its first record");
        }
        if record.kind == Kind::RunFinished && seq + 1 != bundle.records.len() {
            return broken("records follow the end of the run");
        }
        if let Some(previous) = &record.previous_attempt {
            let earlier = seen.get(previous).is_some_and(|(node, operation, attempt)| {
                *node == &record.node && *operation == &record.operation && *attempt < record.attempt
            });
            if !earlier {
                return broken("the previous attempt that it names is no earlier attempt of the same call");
            }
        }
        seen.insert(*hash, (&record.node, &record.operation, record.attempt));
        prev = Some(*hash);
    }
    match Standing::of(&bundle.records) {
        Some(Standing { last: Kind::RunFinished, .. }) => Complete::Yes,
        Some(standing) => Complete::Unfinished(standing),
        None => Complete::Broken(Fault::Chain("there is no record").at(1)),
    }
}
