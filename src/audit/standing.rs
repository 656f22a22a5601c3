//! Where a run stands that has not ended, by what its records say without their payload.

use std::collections::BTreeSet;

use super::record::{Kind, Record};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The kind of its last record.
    pub last: Kind,
    /// Why it stands still, where its last record says so: `paused`, `stuck` or `in_doubt`.
    pub status: Option<String>,
    /// The call paths of steps and undos of which it is not known whether they had an effect, and of flows that were
    /// called and stand so.
    pub in_doubt: Vec<String>,
    /// The call paths of undos that failed, and of flows that were called and are stuck.
    pub stuck: Vec<String>,
}

impl Standing {
    /// Where the run of these records stands; `None` where there are none.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Option<Standing> {
        let (mut in_doubt, mut stuck) = (BTreeSet::new(), BTreeSet::new());
        let mut newest = None;
        for record in records {
            newest = Some(record);
            if let Some(node) = record.node.as_deref() {
                look_at(record, node, &mut in_doubt, &mut stuck);
            }
        }
        let last = newest?;
        let owned = |set: BTreeSet<&str>| set.into_iter().map(str::to_owned).collect();
        Some(Standing {
            last: last.kind,
            status: said(last, "status").filter(|_| last.kind == Kind::RunPaused).map(str::to_owned),
            in_doubt: owned(in_doubt),
            stuck: owned(stuck),
        })
    }
}

/// What a record of a node makes or mends.
fn look_at<'a>(
    record: &'a Record,
    node: &'a str,
    in_doubt: &mut BTreeSet<&'a str>,
    stuck: &mut BTreeSet<&'a str>,
) {
    let mark = |set: &mut BTreeSet<&'a str>, node: &'a str, member: bool| {
        if member {
            set.insert(node);
        } else {
            set.remove(node);
        }
    };
    match record.kind {
        Kind::AttemptInDoubt => mark(in_doubt, node, true),
        Kind::Reconciled => {
            let step = node.strip_suffix("/reconcile").unwrap_or(node);
            mark(in_doubt, step, said(record, "found") == Some("unknown"));
        }
        Kind::FlowReported => {
            let status = said(record, "status");
            mark(in_doubt, node, status == Some("in_doubt"));
            mark(stuck, node, status == Some("stuck"));
        }
        Kind::UndoFailed => mark(stuck, node, true),
        // It is tried again.
        Kind::UndoStarted => mark(stuck, node, false),
        _ => {}
    }
}

fn said<'a>(record: &'a Record, member: &str) -> Option<&'a str> {
    record.decision.get(member).and_then(|value| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::sample;
    use crate::base::SeededRandom;

    /// Records as `kind node member=word`, a run's own with `-` for the node.
    fn told(lines: &[&str]) -> Standing {
        let (one, _) = sample::run("r1", &SeededRandom::new("standing")).remove(0);
        let records: Vec<Record> = lines
            .iter()
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                let decision = words[2..].iter().map(|word| word.split_once('=').unwrap());
                Record {
                    kind: serde_json::from_value(words[0].into()).unwrap(),
                    node: (words[1] != "-").then(|| words[1].to_owned()),
                    decision: decision.map(|(name, value)| (name.to_owned(), value.into())).collect(),
                    ..one.clone()
                }
            })
            .collect();
        Standing::of(&records).unwrap()
    }

    #[test]
    fn what_is_in_doubt_and_what_is_stuck_is_named() {
        let known = told(&["attempt_in_doubt refund", "run_paused - status=in_doubt"]);
        assert_eq!((known.status.as_deref(), known.last), (Some("in_doubt"), Kind::RunPaused));
        assert_eq!((known.in_doubt, known.stuck), (vec!["refund".to_owned()], vec![]));
        let known = told(&[
            "undo_failed for_1[0].moved/undo",
            "attempt_in_doubt a/undo",
            "run_paused - status=in_doubt",
        ]);
        assert_eq!(known.stuck, ["for_1[0].moved/undo"]);
        assert_eq!(known.in_doubt, ["a/undo"]);
        let known = told(&["flow_reported one status=stuck", "run_paused - status=stuck"]);
        assert_eq!((known.in_doubt, known.stuck), (vec![], vec!["one".to_owned()]));
    }

    #[test]
    fn what_was_settled_since_is_not() {
        let known = told(&[
            "reconciled order/reconcile found=unknown",
            "run_paused - status=in_doubt",
            "run_resumed - after=pause",
        ]);
        assert_eq!((known.status, known.last), (None, Kind::RunResumed));
        assert_eq!(known.in_doubt, ["order"]);
        for found in ["effect", "nothing"] {
            let known = told(&[
                "reconciled order/reconcile found=unknown",
                &format!("reconciled order/reconcile found={found}"),
            ]);
            assert!(known.in_doubt.is_empty(), "{found}");
        }
        let known =
            told(&["undo_failed a/undo", "undo_started a/undo", "attempt_answered a/undo status=200"]);
        assert!(known.stuck.is_empty() && known.status.is_none());
        let known = told(&["flow_reported one status=in_doubt", "flow_reported one status=failed"]);
        assert!(known.in_doubt.is_empty());
    }
}
