//! The answers of `eczflow audit verify`, told to a person and to a program.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use serde_json::{Value as Json, json};

use crate::audit::{Complete, Kind, Record, Standing, Whose};
use crate::plan::Plan;
use crate::report::{harmless_line, statement};
use crate::sandbox::ENVIRONMENT;
use crate::verify::{Legal, Report};

const NOTE: &str = "\
note: verdicts, times and evidence in a log are its operator's own statements; only a receipt binds the callee.
note: as of 2026 no machine endpoint of the public resolver is shown to be live for API Passports or Agent Credentials.
note: nothing here speaks for a party, a passport or an API; check again before you rely on it.
";

/// The operations of parties without a passport, and how many handoffs there were to each. Who has none is the plan's to
/// say; the records' own word stands where it cannot be read.
fn unverified<'a>(records: &'a [Record], plan: Option<&Plan>) -> BTreeMap<&'a str, usize> {
    let without = plan.map(|plan| {
        let calls = crate::plan::calls(&plan.flow.body).into_iter();
        let calls = calls
            .filter(|(_, call)| plan.apis.get(&call.api).is_some_and(|api| api.identity.because().is_some()));
        calls.map(|(_, call)| call.operation_name()).collect::<BTreeSet<String>>()
    });
    let counts = |record: &&Record| match (record.kind, &without) {
        (Kind::HandoffVerified | Kind::HandoffUnverified, Some(without)) => {
            record.operation.as_ref().is_some_and(|operation| without.contains(operation))
        }
        (kind, _) => kind == Kind::HandoffUnverified,
    };
    let mut operations: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records.iter().filter(counts) {
        *operations.entry(record.operation.as_deref().unwrap_or("an operation")).or_default() += 1;
    }
    operations
}

/// One line of them.
fn unverified_line(operations: &BTreeMap<&str, usize>) -> Option<String> {
    let total: usize = operations.values().sum();
    let listed: Vec<String> = operations
        .iter()
        .map(|(operation, count)| format!("{} ({count})", harmless_line(operation)))
        .collect();
    let plural = if total == 1 { "" } else { "s" };
    (total > 0).then(|| {
        format!("unverified: {total} handoff{plural} to a party without a passport: {}\n", listed.join(", "))
    })
}

/// The statements of counterparties that a plan relies on.
fn stated(plan: &Plan) -> String {
    let apis = plan.joined().apis;
    let stated = apis.iter().filter_map(|(name, api)| Some((name, api.statement.as_ref()?.told()?)));
    stated
        .map(|(name, stated)| format!("stated: of `{}`: {}\n", harmless_line(name), statement(&stated)))
        .collect()
}

/// The runs that a run names: its parent, and those of the flows that it called. Their logs are bundles of their own.
fn linked(records: &[Record]) -> String {
    let word = |value: &serde_json::Value, name: &str| {
        harmless_line(value.get(name).and_then(|value| value.as_str()).unwrap_or_default())
    };
    let mut text = String::new();
    for record in records {
        let decision = serde_json::Value::Object(record.decision.clone());
        match record.kind {
            Kind::RunStarted => {
                if let Some(parent) = decision.get("parent") {
                    let (node, run) = (word(parent, "node"), word(parent, "run"));
                    text.push_str(&format!("called by: `{node}` of run {run}\n"));
                }
            }
            Kind::FlowReported => {
                let node = harmless_line(record.node.as_deref().unwrap_or_default());
                let (run, status) = (word(&decision, "run"), word(&decision, "status"));
                let root = word(&decision, "root");
                let root = root.strip_prefix("sha256:").unwrap_or(&root);
                text.push_str(&format!("calls: `{node}`, run {run}, {status}, audit root {root}\n"));
            }
            _ => {}
        }
    }
    text
}

/// In one clause, where a run stands that had not ended.
fn stands(known: &Standing) -> String {
    match known.status.as_deref() {
        Some("in_doubt") => "it stands still in doubt".to_owned(),
        Some("stuck") => "it stands still, stuck".to_owned(),
        Some("paused") => "it was paused".to_owned(),
        _ => format!("its last record is `{}`", known.last),
    }
}

/// Its steps and undos that are in doubt or stuck, each on its own line.
fn standing(known: &Standing) -> String {
    let doubt = known.in_doubt.iter().map(|node| {
        format!("  in doubt: `{}`, whether it had an effect is not known\n", harmless_line(node))
    });
    let stuck = known.stuck.iter().map(|node| {
        let node = harmless_line(node);
        match node.strip_suffix("/undo") {
            Some(step) => format!("  stuck: `{step}` was not taken back, its undo failed\n"),
            None => format!("  stuck: `{node}`, the flow that it calls is stuck\n"),
        }
    });
    doubt.chain(stuck).collect()
}

/// The object of `--json`, on one line.
pub(super) fn json(report: &Report, strict: bool) -> String {
    let answers = &report.answers;
    let no = |why: &dyn std::fmt::Display| json!({ "answer": "no", "why": why.to_string() });
    let not_answered = || json!({ "answer": "not_answered" });
    let whole = match &answers.whole {
        Ok(()) => json!({ "answer": "yes" }),
        Err(error) => no(error),
    };
    let whose = match &answers.whose {
        Whose::Trusted(label) => json!({ "answer": "trusted", "log": label }),
        Whose::Unknown(key) => json!({ "answer": "unknown", "log": key }),
        Whose::Refused(error) => no(error),
        Whose::NotAnswered => not_answered(),
    };
    let complete = match &answers.complete {
        Complete::Yes => json!({ "answer": "yes" }),
        Complete::Unfinished(Standing { last, status, in_doubt, stuck }) => json!({
            "answer": "so_far", "last": last, "status": status, "in_doubt": in_doubt, "stuck": stuck,
        }),
        Complete::Broken(error) => no(error),
        Complete::NotAnswered => not_answered(),
    };
    let legal = match &report.legal {
        Some(Legal::Yes) => json!({ "answer": "yes" }),
        Some(Legal::No { seq, why }) => json!({ "answer": "no", "record": seq, "why": why }),
        Some(Legal::StructureOnly { not_recomputed }) => {
            json!({ "answer": "structure_only", "not_recomputed": not_recomputed })
        }
        None => not_answered(),
    };
    let mut object = json!({
        "failed": report.failed(strict), "whole": whole, "whose": whose, "complete": complete, "legal": legal,
    });
    if let (Some(bundle), Some(object)) = (&answers.bundle, object.as_object_mut()) {
        let plan: Option<Plan> = serde_json::from_str(&bundle.header.plan).ok();
        let facts: [(&str, Json); 5] = [
            ("run", json!(bundle.header.run)),
            ("environment", json!(bundle.header.environment)),
            ("records", json!(bundle.records.len())),
            ("audit_root", json!(bundle.trailer.root.hex())),
            ("unverified", json!(unverified(&bundle.records, plan.as_ref()))),
        ];
        object.extend(facts.map(|(name, value)| (name.to_owned(), value)));
    }
    format!("{object}\n")
}

/// The four answers, each on its own line, then what they don't say.
pub(super) fn text(report: &Report, strict: bool, trusted_logs: Option<&Utf8Path>) -> String {
    let (answers, bundle) = (&report.answers, report.answers.bundle.as_ref());
    let whole = match (&answers.whole, bundle) {
        (Ok(()), Some(bundle)) => {
            format!("yes, {} records, audit root {}", bundle.records.len(), bundle.trailer.root.hex())
        }
        (Ok(()), None) => "yes".into(),
        (Err(error), _) => format!("NO, {error}"),
    };
    let of_sandbox = bundle.is_some_and(|bundle| bundle.header.environment == ENVIRONMENT);
    let whose = match &answers.whose {
        Whose::Trusted(label) if of_sandbox => format!("a log you trust: {label}; of a run in a sandbox"),
        Whose::Trusted(label) => format!("a log you trust: {label}"),
        Whose::Unknown(key) if of_sandbox => {
            format!("not answered: the log of a sandbox, which nobody relies on, {key}")
        }
        Whose::Unknown(key) => format!("not answered (self-asserted): unknown log {key}"),
        Whose::Refused(error) => format!("NO, {error}"),
        Whose::NotAnswered => "not answered".into(),
    };
    let complete = match &answers.complete {
        Complete::Yes => "yes, from start to finish".into(),
        Complete::Unfinished(known) => format!("so far; the run had not ended: {}", stands(known)),
        Complete::Broken(error) => format!("NO, {error}"),
        Complete::NotAnswered => "not answered".into(),
    };
    let legal = match &report.legal {
        Some(Legal::Yes) => "yes, every decision was recomputed".into(),
        Some(Legal::No { seq, why }) => format!("NO, record {seq}: {why}"),
        Some(Legal::StructureOnly { not_recomputed }) => {
            format!(
                "structure only, {not_recomputed} decisions not recomputed: their payload is not disclosed"
            )
        }
        None => "not answered".into(),
    };
    let mut text = String::new();
    for (question, answer) in [("whole", whole), ("whose", whose), ("complete", complete), ("legal", legal)] {
        text.push_str(&format!("{question}: {}\n", harmless_line(&answer)));
        if question == "complete"
            && let Complete::Unfinished(known) = &answers.complete
        {
            text.push_str(&standing(known));
        }
        if question == "whose" && !of_sandbox && matches!(answers.whose, Whose::Unknown(_)) {
            let add = trusted_logs.map(|file| format!(", or add it to `{file}`")).unwrap_or_default();
            text.push_str(&format!(
                "  next: ask the log's operator, by another way than this file, for the key that `eczflow audit key` prints; verify with `--log-key KEY`{}\n",
                harmless_line(&add)
            ));
        }
    }
    if let Some(bundle) = bundle {
        let plan: Option<Plan> = serde_json::from_str(&bundle.header.plan).ok();
        text.push_str(&unverified_line(&unverified(&bundle.records, plan.as_ref())).unwrap_or_default());
        text.push_str(&plan.map(|plan| stated(&plan)).unwrap_or_default());
        text.push_str(&linked(&bundle.records));
        text.push_str(&format!("environment: {}\n", harmless_line(&bundle.header.environment)));
    }
    if strict && report.failed(true) && !report.failed(false) {
        text.push_str("failed: with `--strict` it must be known whose the log is\n");
    }
    text.push_str(NOTE);
    text
}
