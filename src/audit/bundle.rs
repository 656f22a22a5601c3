//! Reading a bundle (`eczflow-bundle-1`): JSON Lines, each line its own canonical re-serialisation, within limits.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::export::{BUNDLE_FORMAT, Disclosed, Header, Trailer};
use super::note::NoteError;
use super::record::{Payload, Record, RecordError, record_hash};
use crate::base::{Digest, Explained, Hasher, canonical_json, limits};

/// A bundle that was read: well-formed line by line, and unharmed since it was written. Says nothing yet of its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The first line.
    pub header: Header,
    /// The records in order.
    pub records: Vec<Record>,
    /// The disclosed payloads by sequence number; none in a sealed bundle.
    pub payloads: BTreeMap<u64, Payload>,
    /// The last line.
    pub trailer: Trailer,
    /// Leaf hashes of the records.
    pub(crate) hashes: Vec<Digest>,
}

impl Bundle {
    /// The 1-based line of a record.
    pub fn line_of_record(&self, seq: usize) -> usize {
        seq.saturating_add(2)
    }

    /// The 1-based line of a disclosed payload.
    pub(crate) fn line_of_payload(&self, seq: u64) -> usize {
        self.records.len() + 2 + self.payloads.range(..seq).count()
    }

    /// The 1-based line of the trailer.
    pub(crate) fn last_line(&self) -> usize {
        self.records.len() + self.payloads.len() + 2
    }
}

/// Where a bundle fails, and how.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct BundleError {
    /// 1-based.
    pub line: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong in a line of a bundle.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The source failed.
    #[error("the bundle cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The line, or the bundle up to it, is longer than a limit.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// Not of the shape that is due here.
    #[error("not a line of a bundle: {0}")]
    Malformed(String),
    /// Not a record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Not its own canonical re-serialisation.
    #[error("not the canonical text of what it holds")]
    NotCanonical,
    /// The bundle ends too early, or goes on after its last line.
    #[error("{0}")]
    Order(&'static str),
    /// Bytes before the trailer were changed.
    #[error("the bytes before this line are not those that it was written over")]
    Digest,
    /// A payload that its record does not commit to.
    #[error("the payload item `{0}` is not what its record commits to")]
    Commitment(String),
    /// Payloads that are missing, or should not be here.
    #[error("{0}")]
    Disclosure(&'static str),
    /// Something in the header that the records don't bear out.
    #[error("{0}")]
    Header(&'static str),
    /// A hash that does not fit.
    #[error("{0}")]
    Hash(&'static str),
    /// The chain of records is broken.
    #[error("{0}")]
    Chain(&'static str),
    /// The checkpoint, or the verifier key in the header.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Signed by a log that is not the one asked for.
    #[error("this bundle is of the log `{0}`, not of the log asked for")]
    OtherLog(String),
}

impl Fault {
    /// This fault in a line.
    pub(crate) fn at(self, line: usize) -> BundleError {
        BundleError { line, fault: self }
    }
}

impl Explained for BundleError {
    fn code(&self) -> &'static str {
        match &self.fault {
            Fault::Unreadable(_)
            | Fault::TooLong(_)
            | Fault::Malformed(_)
            | Fault::Record(_)
            | Fault::NotCanonical
            | Fault::Order(_) => "ER5001",
            Fault::Commitment(_) | Fault::Disclosure(_) => "ER5002",
            Fault::Digest | Fault::Hash(_) => "ER5003",
            Fault::Header(_) => "ER5004",
            Fault::Note(_) => "ER5005",
            Fault::OtherLog(_) => "ER5006",
            Fault::Chain(_) => "ER5008",
        }
    }

    fn help(&self) -> Option<String> {
        Some(
            match self.code() {
                "ER5001" => {
                    "check that this is the whole, uncompressed file that `eczflow audit export` wrote"
                }
                "ER5005" => "the checkpoint is not its log's own: ask the operator for the bundle again",
                "ER5006" => {
                    "compare the key in the bundle's first line with the one that the operator published"
                }
                "ER5008" => "the operator's log itself is broken here: ask the operator what happened",
                _ => "the bundle was changed after it was written: ask the operator for it again",
            }
            .to_owned(),
        )
    }
}

/// Reads lines, counts and hashes them.
struct Lines<'a> {
    source: &'a mut dyn BufRead,
    number: usize,
    total: usize,
    line: Vec<u8>,
}

impl Lines<'_> {
    /// The next line without its newline; `false` at the end.
    fn next(&mut self) -> Result<bool, BundleError> {
        self.number += 1;
        self.line.clear();
        let left = limits::BUNDLE_BYTES.saturating_sub(self.total);
        let most = limits::BUNDLE_LINE_BYTES.min(left);
        // One byte for the newline, one more to see that a line is too long.
        let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        (&mut self.source)
            .take(bound)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| Fault::Unreadable(error).at(self.number))?;
        if self.line.is_empty() {
            return Ok(false);
        }
        self.total += self.line.len();
        if self.line.pop() == Some(b'\n') {
            return Ok(true);
        }
        if self.line.len() >= most {
            let whole = left < limits::BUNDLE_LINE_BYTES;
            return Err(Fault::TooLong(if whole { limits::BUNDLE_BYTES } else { most }).at(self.number));
        }
        Err(Fault::Order("the last line has no end").at(self.number))
    }

    fn fail<T>(&self, fault: impl Into<Fault>) -> Result<T, BundleError> {
        Err(fault.into().at(self.number))
    }

    fn parse<T: Serialize + DeserializeOwned>(&self) -> Result<T, BundleError> {
        let value: T = match serde_json::from_slice(&self.line) {
            Ok(value) => value,
            Err(_) if self.number == 1 => return self.fail(Fault::Order("this is no audit bundle")),
            Err(_) => {
                return self.fail(Fault::Malformed("changed after it was signed, or never one".into()));
            }
        };
        // This also excludes duplicate members and numbers that a double does not hold.
        match canonical_json(&value) {
            Ok(text) if text.as_bytes() == self.line => Ok(value),
            _ => self.fail(Fault::NotCanonical),
        }
    }
}

/// Reads a bundle. Whatever is wrong with a line is said with its number; where any byte before the trailer was
/// changed, nothing that the bundle says is taken.
pub fn read_bundle(source: &mut dyn BufRead) -> Result<Bundle, BundleError> {
    let mut lines = Lines { source, number: 0, total: 0, line: Vec::new() };
    let mut hasher = Hasher::default();
    if !lines.next()? {
        return lines.fail(Fault::Order("the bundle is empty"));
    }
    let header: Header = lines.parse()?;
    if header.bundle != BUNDLE_FORMAT {
        return lines.fail(Fault::Malformed(format!("the format is not `{BUNDLE_FORMAT}`")));
    }
    hasher.update(&lines.line);
    hasher.update(b"\n");

    let (mut records, mut hashes, mut payloads) = (Vec::new(), Vec::new(), BTreeMap::new());
    let trailer: Trailer = loop {
        if !lines.next()? {
            return lines.fail(Fault::Order("the bundle ends before its last line"));
        }
        // A canonical line is told by its first member.
        if lines.line.starts_with(br#"{"checkpoint":"#) {
            break lines.parse()?;
        } else if lines.line.starts_with(br#"{"disclosed":"#) {
            let Disclosed { disclosed, payload } = lines.parse()?;
            if payloads.last_key_value().is_some_and(|(last, _)| *last >= disclosed) {
                return lines.fail(Fault::Order("payloads stand in the order of their records, each once"));
            }
            if payload.is_empty() || usize::try_from(disclosed).is_ok_and(|seq| seq >= records.len()) {
                return lines.fail(Fault::Order("there is no record with such a payload"));
            }
            payloads.insert(disclosed, payload);
        } else {
            if !payloads.is_empty() {
                return lines.fail(Fault::Order("only payloads or the last line may follow a payload"));
            }
            match Record::read(&lines.line) {
                Ok(record) => records.push(record),
                Err(error) => return lines.fail(error),
            }
            hashes.push(record_hash(&lines.line));
        }
        hasher.update(&lines.line);
        hasher.update(b"\n");
    };
    if hasher.digest() != trailer.digest {
        return lines.fail(Fault::Digest);
    }
    if lines.next()? {
        return lines.fail(Fault::Order("the bundle goes on after its last line"));
    }
    Ok(Bundle { header, records, payloads, trailer, hashes })
}
