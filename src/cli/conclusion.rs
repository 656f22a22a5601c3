//! How a run ended, told to a person and to a program.

use std::fmt::Write as _;

use camino::Utf8PathBuf;
use serde_json::json;

use super::Exit;
use crate::engine::{FailureClass, PauseCause, Phase, SendFailure, Status};
use crate::host::RunReport;
use crate::report::harmless_line;

/// How a command line names the place of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// `--store`, where the command line would not find the store otherwise.
    pub(crate) store: Option<Utf8PathBuf>,
    /// `--config`, where one was named.
    pub(crate) config: Option<Utf8PathBuf>,
    /// The run's sandbox ends with the command.
    pub(crate) fleeting: bool,
}

impl Place {
    fn options(&self) -> String {
        let mut text = String::new();
        for (name, value) in [("store", &self.store), ("config", &self.config)] {
            if let Some(value) = value {
                let _ = write!(text, " --{name} {}", quoted(value.as_str()));
            }
        }
        text
    }

    /// What to do to go on with a run, and what that does.
    pub(crate) fn resume(&self, run: &str, does: &str) -> String {
        if self.fleeting {
            "its sandbox ended with it; a sandbox kept running by `eczflow sandbox FLOW` lets runs be resumed"
                .into()
        } else {
            format!("go on with `eczflow resume {run}{}`{does}", self.options())
        }
    }
}

/// A word for a shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A run's end.
pub(crate) struct Conclusion<'a> {
    pub(crate) report: &'a RunReport,
    pub(crate) place: &'a Place,
    /// What came of the failed step's last attempt, where this process saw it.
    pub(crate) last: Option<Last>,
}

/// What came of an attempt that did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// No answer.
    Failed(SendFailure),
    /// An answer of this status.
    Answered(u16),
}

impl Conclusion<'_> {
    /// One word.
    fn status(&self) -> &'static str {
        match self.report.phase {
            Phase::Finished(Status::Succeeded) => "succeeded",
            Phase::Finished(Status::Failed) => "failed",
            Phase::Paused(PauseCause::Asked) => "paused",
            Phase::Paused(PauseCause::Stuck) => "stuck",
            Phase::Paused(PauseCause::InDoubt) => "in_doubt",
            Phase::New | Phase::Running => "running",
        }
    }

    /// The process's exit.
    pub(crate) fn exit(&self) -> Exit {
        match self.report.phase {
            Phase::Finished(Status::Succeeded) => Exit::Clean,
            Phase::Finished(Status::Failed) => Exit::Failed,
            Phase::New | Phase::Running | Phase::Paused(_) => Exit::Standing,
        }
    }

    /// The object of `--json`, on one line.
    pub(crate) fn json(&self) -> String {
        let report = self.report;
        let mut object = json!({
            "run_id": report.run,
            "status": self.status(),
            "outputs": report.outputs,
            "plan_digest": report.plan_digest,
            "audit_root": report.root.hex(),
        });
        let Some(members) = object.as_object_mut() else { return format!("{object}\n") };
        for (name, paths) in [("in_doubt", &report.in_doubt), ("stuck", &report.stuck)] {
            if !paths.is_empty() {
                let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
                members.insert(name.into(), json!(paths));
            }
        }
        if let Some(failure) = &report.failure {
            members.insert(
                "failure".into(),
                json!({
                    "step": failure.path.as_ref().map(ToString::to_string),
                    "class": failure.class,
                    "message": failure.message,
                }),
            );
        }
        format!("{object}\n")
    }

    /// Outputs and audit root, for stdout.
    pub(crate) fn data(&self) -> String {
        let mut text = String::new();
        if self.report.phase == Phase::Finished(Status::Succeeded) {
            let outputs = serde_json::to_string_pretty(&self.report.outputs).unwrap_or_default();
            let _ = writeln!(text, "outputs: {outputs}");
        }
        let _ = writeln!(text, "audit root: {}", self.report.root.hex());
        text
    }

    /// What happened and what can be done next, for stderr.
    pub(crate) fn told(&self) -> String {
        let report = self.report;
        let mut text = String::new();
        if let Some(failure) = &report.failure {
            let place = match &failure.path {
                Some(path) => format!("`{path}`"),
                None => "the run".to_owned(),
            };
            let class = class(failure.class, self.last);
            let _ = writeln!(text, "{place} failed ({class}): {}", harmless_line(&failure.message));
            let _ = writeln!(text, "help: {}", help(failure.class, self.last));
            // A step whose effect is not known is in doubt and not failed: what failed here may be sent again.
            let retried = !failure.message.ends_with("(1 of 1 attempts)");
            if failure.class == FailureClass::Exhausted && !retried && self.last.is_some_and(passes) {
                text.push_str("help: give the step a `retry`: what passes by itself is then tried again, also after an interruption\n");
            }
            if let Some(code) = named(&failure.message) {
                let _ = writeln!(text, "help: `eczflow explain {code}` says what it means and what to do");
            }
        }
        text.push_str(&self.standing());
        let (run, options) = (&report.run, self.place.options());
        let short: String = run.chars().take(8).collect();
        let config = match &self.place.config {
            Some(config) => format!(" --config {}", quoted(config.as_str())),
            None => String::new(),
        };
        let _ = writeln!(text, "export and verify its log:");
        let _ = writeln!(text, "  eczflow audit export {run} -o {short}.audit{options}");
        let _ = writeln!(text, "  eczflow audit verify {short}.audit{config}");
        text
    }

    /// What stands still, and what a person can do about it.
    fn standing(&self) -> String {
        let report = self.report;
        let mut text = String::new();
        for path in &report.in_doubt {
            let _ = if path.is_undo() {
                let step = path.forward();
                writeln!(
                    text,
                    "`{path}` is in doubt: whether it took `{step}` back is not known, and it is not sent again"
                )
            } else {
                writeln!(
                    text,
                    "`{path}` is in doubt: its request may have had an effect; nothing is taken back"
                )
            };
        }
        for path in &report.stuck {
            let _ = if path.is_undo() {
                writeln!(text, "`{}` was not taken back: its undo failed", path.forward())
            } else {
                writeln!(text, "`{path}` is stuck: an undo of the flow that it calls failed")
            };
        }
        let does = match report.phase {
            Phase::Finished(_) => return text,
            Phase::Paused(PauseCause::InDoubt) if report.may_settle => Some(
                ": it reads back once more; an effect that is found is undone with the others, or where it has no undo, the run ends well; what is not known then stays in doubt",
            ),
            Phase::Paused(PauseCause::Stuck | PauseCause::InDoubt) => {
                (!report.stuck.is_empty()).then_some(": it tries again what failed to be taken back")
            }
            Phase::New | Phase::Running | Phase::Paused(PauseCause::Asked) => Some(""),
        };
        if let Some(does) = does {
            let _ = writeln!(text, "{}", self.place.resume(&report.run, does));
        }
        if !report.in_doubt.is_empty() && !report.may_settle {
            text.push_str("help: ask the callee what became of the request; no command of this version takes down the answer, so the run stays in doubt");
            if report.in_doubt.iter().any(|path| !path.is_undo()) {
                text.push_str(", and what it has done is for you to take back at the callees");
            }
            text.push('\n');
        }
        text
    }
}

/// The last error code that a message ends a clause with: `… [ER3023] (3 of 3 attempts)`.
fn named(message: &str) -> Option<&str> {
    let (_, rest) = message.rsplit_once("[ER")?;
    let (digits, _) = rest.split_once(']')?;
    let lawful = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let start = message.len() - rest.len() - "ER".len();
    lawful.then(|| message.get(start..start + 6)).flatten()
}

fn class(class: FailureClass, last: Option<Last>) -> &'static str {
    match class {
        FailureClass::Rule => "a rule of the flow",
        FailureClass::Expression => "an expression",
        FailureClass::Guard => "a value that does not fit the document",
        FailureClass::Bound => "a bound",
        FailureClass::Key => "one key twice",
        FailureClass::Identity => "identity",
        FailureClass::Refused => "refused by the callee",
        FailureClass::IllTyped => "an answer that does not fit the document",
        FailureClass::Redirected => "a redirect",
        FailureClass::Exhausted => match last {
            None => "attempts exhausted",
            Some(Last::Answered(429)) => "too many requests",
            Some(Last::Answered(_)) => "an error of the callee",
            Some(Last::Failed(cause)) => match cause {
                SendFailure::Resolve
                | SendFailure::Connect
                | SendFailure::Tls
                | SendFailure::Address
                | SendFailure::Unprocessed => "the callee was not reached",
                SendFailure::Token => "no access token",
                SendFailure::Local => "the request was not made",
                SendFailure::TimedOut | SendFailure::Reset => "no whole answer",
                SendFailure::Interrupted => "interrupted",
            },
        },
        FailureClass::Deadline => "the deadline",
        FailureClass::Flow => "a called flow",
    }
}

/// What can be done about a failure.
fn help(class: FailureClass, last: Option<Last>) -> &'static str {
    match class {
        FailureClass::Rule => "the flow says so itself; look at the run's inputs and at what was answered",
        FailureClass::Expression => {
            "look at the expression and at what was answered; `??` and `?.` take what may be absent"
        }
        FailureClass::Guard => "the value fits its type only for some inputs; look at what the step is given",
        FailureClass::Bound => {
            "look at the bound; `at most N` is how many items of a list are taken, how often a poll asks, or how many pages are read"
        }
        FailureClass::Key => {
            "the counterparty would take the second for a repetition of the first: give the list each item once, or a `key once per` that tells them apart (items count from 0)"
        }
        FailureClass::Identity => {
            "the line `handoff refused` says of whom and why; a resolver that is unavailable is looked for at `[resolver] base` in eczflow.toml"
        }
        FailureClass::Refused => {
            "the callee has the reason; look at what the step sends and at its credentials"
        }
        FailureClass::IllTyped => {
            "the callee does not answer as its document says; ask it, or pin the document that holds"
        }
        FailureClass::Redirected => {
            "redirects are never followed; look at the api's `region` and at the document's servers"
        }
        FailureClass::Exhausted => last.map_or("the lines `attempt` say what came of each", last_help),
        FailureClass::Flow => {
            "`eczflow runs` lists the run of the called flow: its own log says what happened; it has undone what it did"
        }
        FailureClass::Deadline => "give the flow a longer `deadline`, or look at which step took the time",
    }
}

/// Whether another attempt may well end otherwise.
fn passes(last: Last) -> bool {
    !matches!(last, Last::Failed(SendFailure::Tls | SendFailure::Address | SendFailure::Local))
}

/// What can be done about the last attempt.
fn last_help(last: Last) -> &'static str {
    match last {
        Last::Answered(429) => "the callee wants fewer requests: run again later",
        Last::Answered(_) => "the callee failed on its side: run again later, or ask it",
        Last::Failed(cause) => match cause {
            SendFailure::Resolve | SendFailure::Connect | SendFailure::Unprocessed => {
                "look whether the callee runs, and at its address, then run again"
            }
            SendFailure::Tls => {
                "look at the callee's address and certificate, and at the authorities that the configuration names"
            }
            SendFailure::Address => {
                "look at the callee's address, and at the private ones that the configuration allows"
            }
            SendFailure::Token => {
                "look whether the token endpoint runs, and at its address in the document; the callee itself was not asked"
            }
            SendFailure::Local => "look at the step's request and at its credentials; nothing was sent",
            SendFailure::TimedOut | SendFailure::Reset => {
                "the callee was reached and did not answer whole: look whether it is well, then run again"
            }
            SendFailure::Interrupted => {
                "the process ended while the request was under way, and the step has no attempt left: run again"
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;
    use crate::engine::Failure;

    fn report(phase: Phase) -> RunReport {
        RunReport {
            run: "0123456789abcdef0123".into(),
            phase,
            outputs: json!({ "state": "done" }),
            plan_digest: Digest([1; 32]),
            root: Digest([2; 32]),
            failure: None,
            in_doubt: vec![],
            may_settle: false,
            stuck: vec![],
        }
    }

    #[test]
    fn a_success_prints_outputs_root_and_the_next_commands() {
        let report = report(Phase::Finished(Status::Succeeded));
        let place = Place { store: Some("a b/store".into()), config: Some("c.toml".into()), fleeting: false };
        let conclusion = Conclusion { report: &report, place: &place, last: None };
        assert_eq!(conclusion.exit(), Exit::Clean);
        assert_eq!(
            conclusion.data(),
            format!("outputs: {{\n  \"state\": \"done\"\n}}\naudit root: {}\n", "02".repeat(32))
        );
        assert_eq!(
            conclusion.told(),
            "export and verify its log:\n  \
             eczflow audit export 0123456789abcdef0123 -o 01234567.audit --store 'a b/store' --config c.toml\n  \
             eczflow audit verify 01234567.audit --config c.toml\n"
        );
        let object: serde_json::Value = serde_json::from_str(&conclusion.json()).unwrap();
        let members: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["audit_root", "outputs", "plan_digest", "run_id", "status"]);
        assert_eq!(
            (&object["status"], &object["audit_root"]),
            (&"succeeded".into(), &"02".repeat(32).into())
        );
    }

    #[test]
    fn what_stands_says_how_to_go_on() {
        let mut report = report(Phase::Paused(PauseCause::Stuck));
        report.stuck = vec!["moved/undo".parse().unwrap()];
        report.failure = Some(Failure {
            path: Some("refund".parse().unwrap()),
            class: FailureClass::Identity,
            message: "REVOKED".into(),
        });
        let place = Place::default();
        let conclusion = Conclusion { report: &report, place: &place, last: None };
        assert_eq!(conclusion.exit(), Exit::Standing);
        let told = conclusion.told();
        assert!(
            told.starts_with("`refund` failed (identity): REVOKED\nhelp: ")
                && told.contains("\n`moved` was not taken back"),
            "{told}"
        );
        assert!(told.contains("eczflow resume 0123456789abcdef0123`"), "{told}");
        assert!(!conclusion.data().contains("outputs"));
        assert!(told.contains("`: it tries again what failed"), "{told}");
        report.phase = Phase::Paused(PauseCause::InDoubt);
        report.in_doubt = vec!["refund".parse().unwrap()];
        report.stuck = vec![];
        let told = Conclusion { report: &report, place: &place, last: None }.told();
        assert!(
            told.contains(
                "\n`refund` is in doubt: its request may have had an effect; nothing is taken back\n"
            ),
            "{told}"
        );
        assert!(told.contains("\nhelp: ask the callee") && told.contains("for you to take back"), "{told}");
        assert!(!told.contains("eczflow resume"), "{told}");
        report.in_doubt = vec!["refund/undo".parse().unwrap()];
        report.stuck = vec!["moved/undo".parse().unwrap(), "called".parse().unwrap()];
        let conclusion = Conclusion { report: &report, place: &place, last: None };
        let told = conclusion.told();
        assert!(
            told.contains("\n`refund/undo` is in doubt: whether it took `refund` back is not known"),
            "{told}"
        );
        assert!(
            told.contains("\n`called` is stuck") && told.contains("`: it tries again what failed"),
            "{told}"
        );
        assert!(!told.contains("nothing is taken back") && !told.contains("for you to take back"), "{told}");
        let object: serde_json::Value = serde_json::from_str(&conclusion.json()).unwrap();
        assert_eq!(
            (&object["in_doubt"], &object["stuck"]),
            (&json!(["refund/undo"]), &json!(["moved/undo", "called"]))
        );
        report.may_settle = true;
        let told = Conclusion { report: &report, place: &place, last: None }.told();
        assert!(told.contains("eczflow resume 0123456789abcdef0123`: it reads back once more"), "{told}");
        assert!(!told.contains("help: ask the callee"), "{told}");
        let place = Place { fleeting: true, ..Place::default() };
        let told = Conclusion { report: &report, place: &place, last: None }.told();
        assert!(told.contains("\nits sandbox ended") && !told.contains("reads back"), "{told}");
    }

    #[test]
    fn a_step_without_attempts_left_is_told_by_its_last_one() {
        let mut report = report(Phase::Finished(Status::Failed));
        let place = Place::default();
        for (last, why, class, help, retry) in [
            (
                Last::Answered(500),
                "it answered 500 (1 of 1 attempts)",
                "an error of the callee",
                "on its side",
                true,
            ),
            (
                Last::Answered(500),
                "it answered 500 (3 of 3 attempts)",
                "an error of the callee",
                "on its side",
                false,
            ),
            (
                Last::Failed(SendFailure::Token),
                "no (1 of 1 attempts)",
                "no access token",
                "token endpoint",
                true,
            ),
            (
                Last::Failed(SendFailure::Tls),
                "TLS (1 of 1 attempts)",
                "the callee was not reached",
                "certificate",
                false,
            ),
            (
                Last::Failed(SendFailure::Interrupted),
                "ended (1 of 1 attempts)",
                "interrupted",
                "process ended",
                true,
            ),
        ] {
            report.failure = Some(Failure {
                path: Some("read".parse().unwrap()),
                class: FailureClass::Exhausted,
                message: why.into(),
            });
            let told = Conclusion { report: &report, place: &place, last: Some(last) }.told();
            assert!(told.starts_with(&format!("`read` failed ({class}): {why}\nhelp: ")), "{told}");
            assert!(told.contains(help) && told.contains("give the step a `retry`") == retry, "{told}");
        }
    }
}
