//! C2SP signed notes and tlog-checkpoints, Ed25519 only: one text, one signature line, nothing else.

use std::fmt;
use std::str::FromStr;

use crate::base::{
    Digest, Explained, PublicKey, Signer, SigningError, decode_base64, decode_hex, encode_base64, encode_hex,
};

/// Signature type of Ed25519 in C2SP signed-note.
const ED25519: u8 = 1;
/// Longest note that is read, bytes. Ours have four lines.
const NOTE_BYTES: usize = 4096;

/// A note's verifier key: name and Ed25519 public key. Written `name+hash+base64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: PublicKey,
}

/// Why a verifier key or a note is refused.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// Not `name+hash+base64` of an Ed25519 key, or the hash does not fit.
    #[error("not a verifier key: {0}")]
    Key(&'static str),
    /// Not one text, an empty line and one signature line.
    #[error("not a signed note with exactly one signature: {0}")]
    Malformed(&'static str),
    /// The signature line names another key.
    #[error("the note is not signed by `{0}`")]
    OtherKey(String),
    /// The signature is not by that key over that text.
    #[error("the signature by `{0}` does not verify")]
    Signature(String),
    /// The text is no checkpoint.
    #[error("not a checkpoint: {0}")]
    Checkpoint(&'static str),
    /// The signer failed.
    #[error(transparent)]
    Signer(#[from] SigningError),
}

impl Explained for NoteError {
    fn code(&self) -> &'static str {
        match self {
            NoteError::Key(_) => "ER5007",
            _ => "ER5005",
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            NoteError::Key(_) => {
                "write the whole key as the log's operator published it: `name+8 hex digits+base64`"
                    .to_owned()
            }
            _ => "ask for the bundle again; a checkpoint carries the signature of its log and no other line"
                .to_owned(),
        })
    }
}

/// The name of a log: made from its key, so that two stores never share one.
pub fn log_name(key: &PublicKey) -> String {
    let hex = Digest::of(key.as_bytes()).hex();
    format!("eczflow.log/{}", hex.get(..16).unwrap_or_default())
}

fn name_is_well_formed(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl VerifierKey {
    /// A key under a name: not empty, no white space, no control character, no `+`.
    pub fn new(name: &str, key: PublicKey) -> Result<VerifierKey, NoteError> {
        if !name_is_well_formed(name) {
            return Err(NoteError::Key("the name is empty or holds white space or `+`"));
        }
        Ok(VerifierKey { name: name.to_owned(), key })
    }

    /// The verifier key of a log that signs with this key.
    pub fn of_log(key: PublicKey) -> VerifierKey {
        VerifierKey { name: log_name(&key), key }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// First four bytes of SHA-256 of name, newline, type and key.
    fn id(&self) -> [u8; 4] {
        let hash = Digest::of_parts(&[self.name.as_bytes(), b"\n", &[ED25519], self.key.as_bytes()]);
        let [a, b, c, d, ..] = hash.0;
        [a, b, c, d]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = encode_base64(&[&[ED25519], &self.key.as_bytes()[..]].concat());
        write!(f, "{}+{}+{key}", self.name, encode_hex(&self.id()))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<VerifierKey, NoteError> {
        // Base64 holds `+` too, a name and a hash don't.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key("write `name+8 hex digits+base64`"));
        };
        let key = decode_base64(key).ok_or(NoteError::Key("the part after the last `+` is not base64"))?;
        let Some((&ED25519, key)) = key.split_first() else {
            return Err(NoteError::Key("it is not of type 1, Ed25519"));
        };
        let key = <[u8; 32]>::try_from(key).ok().and_then(PublicKey::from_bytes);
        let key = VerifierKey::new(name, key.ok_or(NoteError::Key("it holds no Ed25519 public key"))?)?;
        if decode_hex(hash).as_deref() != Some(&key.id()) {
            return Err(NoteError::Key("the hash between the `+` does not fit name and key"));
        }
        Ok(key)
    }
}

/// Signs a text, which must end in a newline and hold no other control character, as the named key.
pub fn sign_note(text: &str, name: &str, signer: &dyn Signer) -> Result<String, NoteError> {
    text_is_well_formed(text)?;
    let key = VerifierKey::new(name, signer.public_key())?;
    let signature = [&key.id()[..], &signer.sign(text.as_bytes())?].concat();
    Ok(format!("{text}\n\u{2014} {name} {}\n", encode_base64(&signature)))
}

/// The text of a note that bears exactly one signature line, validly signed by exactly this key.
pub fn open_note<'a>(note: &'a str, key: &VerifierKey) -> Result<&'a str, NoteError> {
    if note.len() > NOTE_BYTES {
        return Err(NoteError::Malformed("it is too long"));
    }
    let text = note_text(note)?;
    let (_, rest) = note.split_at(text.len());
    let line = rest
        .strip_prefix("\n\u{2014} ")
        .and_then(|line| line.strip_suffix('\n'))
        .ok_or(NoteError::Malformed("no signature line"))?;
    if line.contains('\n') {
        return Err(NoteError::Malformed("more than one signature line"));
    }
    let (name, signature) =
        line.split_once(' ').ok_or(NoteError::Malformed("no signature after the name"))?;
    let signature = decode_base64(signature).ok_or(NoteError::Malformed("the signature is not base64"))?;
    let Some((id, signature)) = signature.split_first_chunk::<4>() else {
        return Err(NoteError::Malformed("the signature is too short"));
    };
    if name != key.name || *id != key.id() {
        return Err(NoteError::OtherKey(key.name.clone()));
    }
    match <&[u8; 64]>::try_from(signature) {
        Ok(signature) if key.key.verifies(text.as_bytes(), signature) => Ok(text),
        _ => Err(NoteError::Signature(key.name.clone())),
    }
}

/// The text of a note, whoever signed it.
pub(crate) fn note_text(note: &str) -> Result<&str, NoteError> {
    let split = note.rfind("\n\n").ok_or(NoteError::Malformed("no empty line before the signature"))?;
    let (text, _) = note.split_at(split + 1);
    text_is_well_formed(text)?;
    Ok(text)
}

fn text_is_well_formed(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("the text does not end in a newline"));
    }
    if text.chars().any(|c| c < ' ' && c != '\n') {
        return Err(NoteError::Malformed("it holds a control character"));
    }
    Ok(())
}

/// The head of a log: origin, number of leaves, root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which is also its key's name.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// The tree's root.
    pub root: Digest,
}

impl Checkpoint {
    /// The note's text: three lines, no extension.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, encode_base64(&self.root.0))
    }

    /// Reads a note's text; extension lines are refused, since nothing here would check them.
    pub fn read(text: &str) -> Result<Checkpoint, NoteError> {
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root, ""] = lines.as_slice() else {
            return Err(NoteError::Checkpoint("it has not exactly three lines"));
        };
        let root = decode_base64(root).and_then(|root| root.try_into().ok()).map(Digest);
        let checkpoint = Checkpoint {
            origin: (*origin).to_owned(),
            size: size.parse().map_err(|_| NoteError::Checkpoint("the second line is no number"))?,
            root: root.ok_or(NoteError::Checkpoint("the third line is no SHA-256 in base64"))?,
        };
        if checkpoint.text() != text {
            return Err(NoteError::Checkpoint("the second line is not written in shortest form"));
        }
        Ok(checkpoint)
    }

    /// The signed note, by the key that the origin names.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, NoteError> {
        sign_note(&self.text(), &self.origin, signer)
    }

    /// Opens a note signed by exactly this key, whose name is the origin.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Checkpoint, NoteError> {
        let checkpoint = Checkpoint::read(open_note(note, key)?)?;
        if checkpoint.origin != key.name {
            return Err(NoteError::Checkpoint("its first line does not name the log that signed it"));
        }
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Ed25519Key, SeededRandom};

    /// The example of C2SP signed-note and that of Go's sumdb/note.
    const PUBLISHED: [(&str, &str); 2] = [
        (
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
        ),
        (
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
        ),
    ];

    #[test]
    fn published_notes_open() {
        for (key, note) in PUBLISHED {
            let parsed: VerifierKey = key.parse().unwrap();
            assert_eq!(parsed.to_string(), key);
            assert_eq!(
                open_note(note, &parsed).unwrap(),
                note.split("\n\n").next().unwrap().to_owned() + "\n"
            );
        }
        let (key, note) = (PUBLISHED[0].0.parse().unwrap(), PUBLISHED[1].1);
        assert!(matches!(open_note(note, &key), Err(NoteError::OtherKey(_))));
    }

    #[test]
    fn every_changed_byte_of_a_note_is_refused() {
        let (key, note) = PUBLISHED[0];
        let key: VerifierKey = key.parse().unwrap();
        for place in 0..note.len() {
            let mut bytes = note.as_bytes().to_vec();
            bytes[place] ^= 1 << (place % 7);
            if let Ok(note) = std::str::from_utf8(&bytes) {
                assert!(open_note(note, &key).is_err(), "byte {place}");
            }
        }
    }

    #[test]
    fn notes_with_anything_more_are_refused() {
        let (key, note) = PUBLISHED[0];
        let key: VerifierKey = key.parse().unwrap();
        let line = note.split_once("\n\n").unwrap().1;
        for bad in [
            format!("{note}{line}"),
            format!("{note}\n"),
            format!("\n{note}"),
            note.trim_end().to_owned(),
            note.replacen("\n\n", "\n", 1),
            note.replacen('\u{2014}', "--", 1),
            note.replacen("foo ", "foo  ", 1),
            String::new(),
            "x".repeat(NOTE_BYTES + 1),
        ] {
            assert!(open_note(&bad, &key).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_read_strictly() {
        let (good, _) = PUBLISHED[0];
        for bad in [
            "".to_owned(),
            "+".to_owned(),
            good.replace("530d", "530e"),
            good.replace("530d", "530D"),
            good.replace("foo", "fo o"),
            good.replace("+Ae", "+Be"),
            format!("{good} "),
            good.trim_end_matches('k').to_owned(),
        ] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn checkpoints_are_signed_and_read_strictly() {
        let signer = Ed25519Key::generate(&SeededRandom::new("log"));
        let key = VerifierKey::of_log(signer.public_key());
        let checkpoint = Checkpoint { origin: key.name().to_owned(), size: 20, root: Digest::of("root") };
        let note = checkpoint.sign(&signer).unwrap();
        assert_eq!(Checkpoint::open(&note, &key).unwrap(), checkpoint);

        let text = checkpoint.text();
        let foreign = text.replacen("eczflow.log", "eczflow.gol", 1);
        for bad in [text.replacen("\n20\n", "\n020\n", 1), format!("{text}extension\n"), foreign] {
            let note = sign_note(&bad, key.name(), &signer).unwrap();
            assert!(matches!(Checkpoint::open(&note, &key), Err(NoteError::Checkpoint(_))), "{bad}");
        }
        assert!(sign_note("no newline", "name", &signer).is_err());
        assert!(sign_note("text\n", "a name", &signer).is_err());
    }
}
