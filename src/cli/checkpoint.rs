//! `eczflow checkpoint`.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::conclusion::quoted;
use super::error::Failure;
use super::{Exit, Outcome, flow, manifest, output};
use crate::base::{Clock as _, Explained as _, SystemClock, Timestamp};
use crate::compile::Compilation;
use crate::config::{Config, EndpointKind, ProcessEnvironment};
use crate::diagnostics::Severity;
use crate::diagnostics::codes::names::NO_SUCH_FLOW;
use crate::ecz::{EczId, VerifyMode};
use crate::hir::{self, Hir};
use crate::host::check_statement;
use crate::report::{self, Checkpoint, Due, Group, State};
use crate::trust::{AgentFacts, AgentFault};
use crate::wire::ClientCertificate;

const EXAMPLES: &str = "\
Examples:
  eczflow checkpoint refund.eczflow
      what is in place, what is missing, what to do next
  eczflow checkpoint refund.eczflow --config run.toml --manifest trust
      with another configuration and folder of documents
  eczflow checkpoint refund.eczflow --format json
      for other programs: docs/formats/checkpoint.md

A designed pause before the first run. It provisions nothing and asks nobody; a flow that does not check yet is \
looked at as far as it could be made out. Ends with 0 only where everything required is in place, otherwise with \
1.";

/// Say what must be acquired before a flow may run, what is to be brought back, and what is missing here.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file, `FILE#flow` where it has several.
    #[arg(value_name = "FLOW")]
    flow: flow::FlowName,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Style::Text)]
    format: Style,
    /// The folder of the documents that `eczflow manifest` writes; `trust` beside the flow where it is not named.
    #[arg(long, value_name = "DIR")]
    manifest: Option<Utf8PathBuf>,
    /// The configuration, instead of the user's own.
    #[arg(long, value_name = "FILE")]
    config: Option<Utf8PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Style {
    /// A line for each thing.
    Text,
    /// `eczflow-checkpoint-1`.
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let name = &arguments.flow;
    let config = flow::configuration(arguments.config.as_deref(), name.folder())?;
    let compiled = flow::compilation(name, &config)?;
    // A file that has no such flow, or several and none was chosen.
    if compiled.checked.is_empty()
        && compiled.diagnostics.iter().any(|found| found.code.number == NO_SUCH_FLOW.number)
    {
        flow::tell(&compiled.source_map, &compiled.diagnostics);
        return Ok(Exit::Findings);
    }
    let now = SystemClock.now();
    let mut due = vec![checks(arguments, &compiled)];
    let hir = compiled.checked.first().map(|checked| &checked.hir);
    if let Some(hir) = hir {
        due.extend(ours(hir));
        due.extend(called(hir).into_iter().map(|(name, api)| passport(name, api)));
        due.extend(secrets(hir, &config, now));
        due.extend(statements(hir, &config, now));
        due.extend(presented(hir).into_iter().map(|agent| key(agent, &config)));
        due.extend(endpoints(hir, &config));
    }
    due.extend(recommended());
    due.extend(documents(&compiled, arguments, &config)?);
    let checkpoint = Checkpoint::new(hir.map(|hir| hir.flow.name.clone()), due);
    output::data(&match arguments.format {
        Style::Text => report::checkpoint(&checkpoint),
        Style::Json => output::json_lines(&checkpoint)?,
    })?;
    Ok(if checkpoint.complete { Exit::Clean } else { Exit::Findings })
}

impl Arguments {
    /// Another command on the same flow, under the same configuration, as a shell takes it.
    fn command(&self, command: &str, options: &str) -> String {
        let config = self.config.as_ref().map(|file| format!(" --config {}", quoted(file.as_str())));
        format!("eczflow {command} {}{options}{}", quoted(&self.flow.to_string()), config.unwrap_or_default())
    }
}

fn there(group: Group, what: impl Into<String>, found: impl Into<String>) -> Due {
    Due { group, what: what.into(), state: State::InPlace, found: found.into(), next: None }
}

fn missing(group: Group, what: impl Into<String>, found: impl Into<String>, next: impl Into<String>) -> Due {
    Due { group, what: what.into(), state: State::Missing, found: found.into(), next: Some(next.into()) }
}

fn checks(arguments: &Arguments, compiled: &Compilation) -> Due {
    let what = "the flow checks";
    match compiled.diagnostics.iter().filter(|found| found.severity == Severity::Error).count() {
        0 => there(Group::Here, what, "no error"),
        errors => {
            let found = format!("{errors} error{}", if errors == 1 { "" } else { "s" });
            let check = arguments.command("check", "");
            let next = format!("`{check}` says what is wrong and how to mend it");
            missing(Group::Here, what, found, next)
        }
    }
}

/// An ID as it stands somewhere. A placeholder is an error of the flow or the document, and never gets as far as this.
fn id(group: Group, what: &str, id: Option<&EczId>, next: &str) -> Due {
    match id {
        Some(id) => there(group, what, id.as_str()),
        None => missing(group, what, "no ID is named; a placeholder such as `ECZ-GB-XXXXXX` is none", next),
    }
}

/// The runner's own Business Passport and Agent Credentials, and the Agent ECZ-ID that is brought back.
fn ours(hir: &Hir) -> Vec<Due> {
    let runner = hir.flow.agent.as_ref();
    let operator = runner.and_then(|(name, _)| hir.operators.get(name));
    let what = |kind: &str| match runner {
        Some((name, _)) => format!("{kind} of `{name}`"),
        None => format!("{kind} of the operator that runs the flow"),
    };
    let next =
        "acquire it in TrustOps and write its ID into the `operator` block; the flow says `as NAME.agent`";
    let parent = operator.map(|operator| &operator.passport);
    let mut due = vec![id(Group::Acquire, &what("Business Passport"), parent, next)];
    let agents = presented(hir);
    if agents.is_empty() {
        due.push(id(Group::Acquire, &what("Agent Credential"), None, next));
    }
    due.extend(agents.iter().map(|agent| id(Group::Acquire, &what("Agent Credential"), Some(agent), next)));
    let agent = runner.map(|(_, agent)| agent);
    due.push(id(Group::BringBack, "Agent ECZ-ID", agent, "write it into the `operator` block as `agent`"));
    due
}

/// Every Agent Credential that presents itself at some handoff; the flow's own where a policy names none.
fn presented<'a>(hir: &'a Hir) -> BTreeSet<&'a EczId> {
    let own = hir.flow.agent.as_ref().map(|(_, agent)| agent);
    let present = |hir: &'a Hir| {
        let own = hir.flow.agent.as_ref().map(|(_, agent)| agent);
        let calls = hir.flow.calls().into_iter();
        calls.filter_map(move |(_, _, call, _)| {
            call.handoff().and_then(|handoff| handoff.present.as_ref()).or(own)
        })
    };
    let agents: BTreeSet<&EczId> = hir.with_callees().into_iter().flat_map(present).collect();
    if agents.is_empty() { own.into_iter().collect() } else { agents }
}

/// The apis that the flow and those it calls call, those of calls that could not be bound too. A name is one api in all of
/// them.
fn called(hir: &Hir) -> BTreeMap<&str, &hir::Api> {
    let mut called = BTreeMap::new();
    for hir in hir.with_callees() {
        let bound = hir.flow.calls().into_iter().map(|(_, _, call, _)| call.api.as_str());
        let unbound = hir.flow.unbound.iter().map(|(api, _)| api.as_str());
        called.extend(bound.chain(unbound).filter_map(|name| hir.apis.get_key_value(name)));
    }
    called.into_iter().map(|(name, api): (&String, _)| (name.as_str(), api)).collect()
}

fn passport(name: &str, api: &hir::Api) -> Due {
    let what = format!("API Passport of `{name}`");
    if let Some(none) = &api.no_passport {
        let found = format!("done without, because {}; its handoffs verify nothing", none.because);
        return there(Group::Acquire, what, found);
    }
    let stated = api.identity.as_ref().map(|identity| &identity.fields.api_passport_id);
    let next = "its publisher acquires it in TrustOps and states it in the document's `info.x-ecz-id`; or state `operator`, `passport` and `origin` in the `api` block, or `no passport because \"…\"`";
    id(Group::Acquire, &what, stated, next)
}

fn recommended() -> [Due; 2] {
    [("Software Supply Chain Passport", "SSCM"), ("Cyber Resilience Passport", "CYBER")].map(
        |(what, code)| Due {
            group: Group::Recommended,
            what: format!("{what} (`{code}`)"),
            state: State::NotLookedAt,
            found: "no flow names one, so it is not looked at".into(),
            next: None,
        },
    )
}

/// The API credential set: each secret that a called api needs, read from its source as a run would read it.
fn secrets(hir: &Hir, config: &Config, now: Timestamp) -> Vec<Due> {
    let group = Group::BringBack;
    // By name, as a secret is read once for all apis that need it.
    let mut needed: BTreeMap<&str, (BTreeSet<&str>, bool)> = BTreeMap::new();
    for (api, item) in called(hir) {
        for auth in &item.auth {
            for (name, _) in &auth.secrets {
                let (apis, certificate) = needed.entry(name).or_default();
                apis.insert(api);
                *certificate |= matches!(auth.form, hir::AuthForm::Certificate);
            }
        }
    }
    if needed.is_empty() {
        return vec![there(group, "API credential set", "the flow needs no secret")];
    }
    let mut due = Vec::new();
    for (name, (apis, certificate)) in needed {
        let fault = match secret(name, certificate, config, now) {
            Err(Failure::Error(error, _)) => Some((error.to_string(), error.help().unwrap_or_default())),
            Err(Failure::ClosedPipe) | Ok(()) => None,
        };
        for api in apis {
            let what = format!("API credential `{name}` for `{api}`");
            due.push(match &fault {
                None => there(group, what, "its source in the configuration yields one"),
                Some((found, next)) => missing(group, what, found, next),
            });
        }
    }
    due
}

/// Whether a secret can be had now. Its value is let go of at once, and stands in no error.
fn secret(name: &str, certificate: bool, config: &Config, now: Timestamp) -> Result<(), Failure> {
    if certificate {
        let pem = config.pem_secret(name, &ProcessEnvironment)?;
        ClientCertificate::from_pem(&pem)?.check(now)?;
    } else {
        config.secret(name, &ProcessEnvironment)?;
    }
    Ok(())
}

/// For each statement that a called api brings: whether the configuration says that it is its issuer's.
fn statements(hir: &Hir, config: &Config, now: Timestamp) -> Vec<Due> {
    let read = |(name, api): (_, &hir::Api)| {
        let statement = &api.statement.as_ref()?.content;
        let what = format!("key of `{}`, who states something about `{name}`", statement.issuer);
        Some(match check_statement(statement, config, Some(now)) {
            Ok(()) => there(Group::BringBack, what, "configured, and the statement is signed with it"),
            Err(error) => {
                missing(Group::BringBack, what, error.to_string(), error.help().unwrap_or_default())
            }
        })
    };
    called(hir).into_iter().filter_map(|(name, api)| read((name, api))).collect()
}

fn key(agent: &EczId, config: &Config) -> Due {
    let what = format!("private key of `{agent}`");
    match config.agent_key(agent) {
        Ok(_) => there(Group::Here, what, "configured, and can be read"),
        Err(error) => {
            let help = error.help();
            let next = help.unwrap_or_else(|| "docs/configuration.md says how a key is named".into());
            missing(Group::Here, what, error.to_string(), next)
        }
    }
}

/// For each kind of ID that a handoff must verify: whether the configuration has a resolver's endpoint for it.
fn endpoints(hir: &Hir, config: &Config) -> Vec<Due> {
    let mut kinds: BTreeSet<EndpointKind> = BTreeSet::new();
    for hir in hir.with_callees() {
        for (_, _, call, _) in hir.flow.calls() {
            let policy = call.handoff().and_then(|handoff| handoff.policy.as_ref());
            let passport = hir.apis.get(&call.api).is_some_and(|api| api.no_passport.is_none());
            if passport && policy.is_some_and(|policy| policy.verify.mode == VerifyMode::Require) {
                kinds.extend([EndpointKind::Parent, EndpointKind::Agent, EndpointKind::Api]);
            }
        }
    }
    let due = |(word, kind): &(&str, EndpointKind)| {
        let what = format!("resolver endpoint for `{word}`");
        if config.resolver.machine.contains_key(kind) {
            return there(Group::Here, what, format!("configured at {}", config.resolver.base));
        }
        let found = "none is configured for this kind, so a handoff under `verify require` stops";
        let next = format!(
            "name one as `{word}` under `[resolver.templates.machine]` where your resolver has it; or choose a policy with `verify prefer`, such as `std.handoff.observe`"
        );
        missing(Group::Here, what, found, next)
    };
    EndpointKind::ALL.iter().filter(|(_, kind)| kinds.contains(kind)).map(due).collect()
}

/// What `eczflow manifest` writes.
fn documents(compiled: &Compilation, arguments: &Arguments, config: &Config) -> Result<Vec<Due>, Failure> {
    let folder = manifest::folder(arguments.manifest.as_deref(), &arguments.flow);
    let titled = |file: &str| match file {
        manifest::WORKFLOW => (Group::BringBack, "workflow manifest"),
        manifest::POLICY => (Group::BringBack, "handoff policy document"),
        _ => (Group::Here, "agent manifest"),
    };
    let Some(plan) = &compiled.plan else {
        let next = "once the flow checks, `eczflow manifest` writes it";
        let due = |file| {
            let (group, what) = titled(file);
            missing(group, what, "it is made from the plan, and there is none yet", next)
        };
        return Ok([manifest::WORKFLOW, manifest::POLICY, manifest::AGENT].map(due).into());
    };
    let drafts = manifest::drafts(plan, AgentFacts::default(), &folder, config)?;
    // All three are written together, or none.
    let mut options = format!(" -o {}", quoted(folder.as_str()));
    let mut own = "";
    for fault in drafts.iter().filter_map(|draft| draft.text.as_ref().err()) {
        let members = match fault {
            AgentFault::Missing(members) => members.as_slice(),
            AgentFault::Origin(_) | AgentFault::KeySet(_) => &["authorised_origin", "jwks_url"],
            AgentFault::Canonical(_) => &[],
        };
        for member in members {
            options.push_str(&format!(" {}", manifest::option(member)));
        }
        own = ", with what only the agent's operator knows in place of the capitals";
    }
    let mut due = Vec::new();
    for draft in drafts {
        let (group, what) = titled(draft.name);
        let standing = draft.standing(&folder)?;
        let found = format!("`{}` is {}", folder.join(draft.name), standing.words());
        due.push(match standing {
            manifest::Standing::Current => there(group, what, found),
            standing => {
                let replace = if standing == manifest::Standing::Other { " --replace" } else { "" };
                let command = arguments.command("manifest", &format!("{options}{replace}"));
                let next = format!("`{command}` writes it{own}");
                missing(group, what, found, next)
            }
        });
    }
    Ok(due)
}
