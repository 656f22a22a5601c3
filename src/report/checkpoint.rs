//! The checkpoint before a flow may run: what is due, with what to do next for each.

use std::fmt::Write as _;

use serde::Serialize;

use super::shown::harmless_line;

/// What a line of the checkpoint is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Acquired in TrustOps, or stated by somebody else's document.
    Acquire,
    /// Acquired in TrustOps; nothing waits for it.
    Recommended,
    /// Brought back from there, or made here from the plan.
    BringBack,
    /// In place on this machine.
    Here,
}

impl Group {
    const ALL: [(Group, &'static str); 4] = [
        (Group::Acquire, "to acquire in TrustOps"),
        (Group::Recommended, "recommended, not required"),
        (Group::BringBack, "to bring back"),
        (Group::Here, "here"),
    ];
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There.
    InPlace,
    /// Required, and not there.
    Missing,
    /// Not required, and not looked at.
    NotLookedAt,
}

/// One thing that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// The group it is listed in.
    pub group: Group,
    /// What it is.
    pub what: String,
    /// How it stands.
    pub state: State,
    /// What was seen.
    pub found: String,
    /// What to do next, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The whole checkpoint (`eczflow-checkpoint-1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// `eczflow-checkpoint-1`.
    pub format: &'static str,
    /// The flow's name; absent where the source could not be read so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// Whether everything that is required is in place.
    pub complete: bool,
    /// What is due, by group.
    pub due: Vec<Due>,
    /// What a checkpoint does not do.
    pub note: &'static str,
}

/// Said with every checkpoint.
const NOTE: &str = "nothing was provisioned and nobody was asked: passports and credentials are acquired in TrustOps; an ID in a flow or document is discovery, never proof; re-check before reliance";

impl Checkpoint {
    /// A checkpoint of what was found.
    pub fn new(flow: Option<String>, mut due: Vec<Due>) -> Checkpoint {
        due.sort_by_key(|due| due.group);
        let complete = due.iter().all(|due| due.state != State::Missing);
        Checkpoint { format: "eczflow-checkpoint-1", flow, complete, due, note: NOTE }
    }
}

/// The checkpoint as text: by group, a line for each thing, what to do next below it.
pub fn checkpoint(checkpoint: &Checkpoint) -> String {
    let mut text = String::new();
    let flow = checkpoint.flow.as_deref().unwrap_or("a flow that cannot be read yet");
    let _ = writeln!(text, "checkpoint of {}", harmless_line(flow));
    for (group, title) in Group::ALL {
        let mut due = checkpoint.due.iter().filter(|due| due.group == group).peekable();
        if due.peek().is_none() {
            continue;
        }
        let _ = writeln!(text, "\n{title}");
        for due in due {
            let mark = match due.state {
                State::InPlace => "in place",
                State::Missing => "missing",
                State::NotLookedAt => "-",
            };
            let (what, found) = (harmless_line(&due.what), harmless_line(&due.found));
            let _ = writeln!(text, "  {mark:8}  {what}: {found}");
            if let Some(next) = &due.next {
                let _ = writeln!(text, "            next: {}", harmless_line(next));
            }
        }
    }
    let missing = checkpoint.due.iter().filter(|due| due.state == State::Missing).count();
    let sum = match missing {
        0 => "everything required is in place".to_owned(),
        _ => format!("missing: {missing}"),
    };
    let _ = writeln!(text, "\n{sum}\n{}", checkpoint.note);
    text
}
