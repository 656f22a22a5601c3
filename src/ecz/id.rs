//! ECZ-IDs: `ECZ-CC-XXXXXX` for a parent, `<parent>::CODE-YYYYYY` for a child.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A well-formed ECZ-ID. Case-sensitive; being well-formed proves nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EczId(String);

/// What an ECZ-ID names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Business Passport: the parent itself.
    Parent,
    /// `AGENT`: an Agent Credential.
    Agent,
    /// `API`: an API Passport.
    Api,
    /// Any other child code.
    Other,
}

/// Text that is no ECZ-ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ECZ-ID: `ECZ-CC-XXXXXX`, or that and `::CODE-YYYYYY`")]
pub struct EczIdError(String);

impl EczId {
    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parent of a child; itself for a parent.
    pub fn parent(&self) -> EczId {
        EczId(self.0.split_once("::").map_or(self.0.as_str(), |(parent, _)| parent).to_owned())
    }

    /// The child's code, such as `AGENT`; `None` for a parent.
    pub fn child_code(&self) -> Option<&str> {
        let (_, child) = self.0.split_once("::")?;
        child.rsplit_once('-').map(|(code, _)| code)
    }

    /// The child's suffix; `None` for a parent.
    pub fn child_suffix(&self) -> Option<&str> {
        let (_, child) = self.0.split_once("::")?;
        child.rsplit_once('-').map(|(_, suffix)| suffix)
    }

    /// What it names.
    pub fn kind(&self) -> Kind {
        match self.child_code() {
            None => Kind::Parent,
            Some("AGENT") => Kind::Agent,
            Some("API") => Kind::Api,
            Some(_) => Kind::Other,
        }
    }

    /// Whether it is a placeholder of a document, such as `ECZ-GB-XXXXXX`: no flow may run with one.
    pub fn is_placeholder(&self) -> bool {
        let same = |text: &str| matches!(text, "XXXXXX" | "YYYYYY" | "ZZZZZZ");
        self.0.get(7..13).is_some_and(same) || self.child_suffix().is_some_and(same)
    }
}

fn parent_is_well_formed(parent: &str) -> bool {
    let Some((country, serial)) = parent.strip_prefix("ECZ-").and_then(|rest| rest.split_once('-')) else {
        return false;
    };
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && serial_is_well_formed(serial)
}

fn serial_is_well_formed(serial: &str) -> bool {
    serial.len() == 6 && serial.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn child_is_well_formed(child: &str) -> bool {
    let Some((code, serial)) = child.rsplit_once('-') else { return false };
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    code.split('-').all(word) && serial_is_well_formed(serial)
}

impl FromStr for EczId {
    type Err = EczIdError;

    fn from_str(text: &str) -> Result<EczId, EczIdError> {
        let well_formed = match text.split_once("::") {
            None => parent_is_well_formed(text),
            Some((parent, child)) => parent_is_well_formed(parent) && child_is_well_formed(child),
        };
        if well_formed {
            Ok(EczId(text.to_owned()))
        } else {
            Err(EczIdError(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for EczId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EczId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for EczId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EczId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EczId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_forms_of_the_public_documents() {
        let agent: EczId = "ECZ-GB-A1B2C3::AGENT-7QK2M9".parse().unwrap();
        assert_eq!(agent.parent().as_str(), "ECZ-GB-A1B2C3");
        assert_eq!((agent.kind(), agent.child_suffix()), (Kind::Agent, Some("7QK2M9")));
        let robot: EczId = "ECZ-GB-A1B2C3::ROBOT-IND-000001".parse().unwrap();
        assert_eq!((robot.child_code(), robot.kind()), (Some("ROBOT-IND"), Kind::Other));
        assert!("ECZ-GB-XXXXXX".parse::<EczId>().unwrap().is_placeholder());
        for bad in [
            "",
            "ecz-GB-A1B2C3",
            "ECZ-GBR-A1B2C3",
            "ECZ-GB-A1B2C",
            " ECZ-GB-A1B2C3",
            "ECZ-GB-A1B2C3::",
            "ECZ-GB-A1B2C3::API",
            "ECZ-GB-A1B2C3::-ABCDEF",
            "ECZ-GB-A1B2C3::API-abcdef",
        ] {
            assert!(bad.parse::<EczId>().is_err(), "{bad}");
        }
    }
}
