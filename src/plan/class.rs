//! Data classes as a plan writes them: what is classified, who is cleared for it, what is released, who receives what.

use serde::{Deserialize, Serialize};

/// How confidential data is. What nobody labels is `internal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Anyone may have it.
    Public,
    /// The organisations of the flow may have it.
    #[default]
    Internal,
    /// About a person.
    Personal,
    /// For a few named receivers only.
    Restricted,
}

impl Class {
    /// All, the lowest first.
    pub const ALL: [Class; 4] = [Class::Public, Class::Internal, Class::Personal, Class::Restricted];

    /// Its word in flows, documents and plans.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Public => "public",
            Class::Internal => "internal",
            Class::Personal => "personal",
            Class::Restricted => "restricted",
        }
    }

    /// The class of a word.
    pub fn of(word: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A field of an answer or an input with its class, which holds for everything in the field too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classified {
    /// Members from the outside in; lists in between are not named. Empty: the whole.
    pub path: Vec<String>,
    /// Its class.
    pub class: Class,
}

/// `cleared CLASS from …`: what a receiver may have beyond `internal` and its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clearance {
    /// The highest class.
    pub class: Class,
    /// Whose data; everyone's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// `release e to … as class because "…"`: the value counts as of a lower class for the named receivers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Names of apis, or of the flow's own operator. Sorted, each once.
    pub to: Vec<String>,
    /// What it counts as.
    #[serde(rename = "as")]
    pub class: Class,
    /// The reason given.
    pub because: String,
}

/// One row of the egress table: a field that an organisation receives by a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// Who receives it: an operator's ECZ-ID, or `api NAME` where none is known.
    pub to: String,
    /// The call: `NODE` or `NODE/undo`.
    pub call: String,
    /// Where in the request it stands: `path.id`, `query.q`, `header.h`, `body.a.b`, `key`; `call` where it decides
    /// whether the call happens.
    pub place: String,
    /// `sent`, or `decides` where it decides what is sent there, or whether.
    pub how: How,
    /// Whose it is: an operator's ECZ-ID, or `api NAME`.
    pub of: String,
    /// Where it comes from: `api.operation`, or `input NAME`.
    pub source: String,
    /// The field in it; empty for the whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// Its class, as released where it is.
    pub class: Class,
    /// The node that released it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<String>,
}

/// In what way data reaches a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It is in the request.
    Sent,
    /// It decides what is in the request, or whether there is one.
    Decides,
}

impl How {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Sent => "sent",
            How::Decides => "decides",
        }
    }
}
