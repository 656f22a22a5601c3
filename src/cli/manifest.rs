//! `eczflow manifest`.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::error::{CliError, Failure};
use super::{Exit, Outcome, files, flow, output, planned};
use crate::base::{Digest, canonical_json, json, limits};
use crate::config::{Config, EndpointKind};
use crate::ecz::EczId;
use crate::plan::{Plan, Verified};
use crate::source::{DiskFiles, FileSystem as _, ReadError};
use crate::trust::{AgentFacts, AgentFault, agent_document, handoff_policy, workflow_manifest};

const EXAMPLES: &str = "\
Examples:
  eczflow manifest refund.eczflow -o trust \\
    --agent-name runner --logical-agent-id refunds \\
    --origin https://agent.acme.example \\
    --jwks-url https://agent.acme.example/.well-known/jwks.json
      write workflow-manifest.json, handoff-policy.json and ecz-agent.json
  eczflow manifest refund.eczflow -o trust --check
      say whether they are what the flow makes now
  eczflow manifest refund.eczflow -o trust --replace
      write them anew; what only the operator knows is kept

A file that says something else is never overwritten without `--replace`. No secret stands in them, only names. \
Nothing is published: `ecz-agent.json` belongs at `/.well-known/ecz-agent.json` of the agent's origin.";

/// The default folder of the documents, beside the flow.
const FOLDER: &str = "trust";
pub(crate) const WORKFLOW: &str = "workflow-manifest.json";
pub(crate) const POLICY: &str = "handoff-policy.json";
pub(crate) const AGENT: &str = "ecz-agent.json";

/// Write what a flow shows others: workflow manifest, handoff policy document, agent manifest.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file, `FILE#flow` where it has several; or a plan.
    #[arg(value_name = "FLOW")]
    flow: flow::FlowName,
    /// The folder of the three files; `trust` beside the flow where it is not named.
    #[arg(short, long, value_name = "DIR")]
    output: Option<Utf8PathBuf>,
    /// The agent's name for people.
    #[arg(long, value_name = "NAME")]
    agent_name: Option<String>,
    /// The operator's own name of the logical agent: one credential, any number of replicas.
    #[arg(long, value_name = "ID")]
    logical_agent_id: Option<String>,
    /// The agent's authorised origin, `https://host[:port]`.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Where the agent's key set is published, on that origin.
    #[arg(long, value_name = "URL")]
    jwks_url: Option<String>,
    /// Write nothing; end with 1 where a file is not what the flow makes.
    #[arg(long, conflicts_with = "replace")]
    check: bool,
    /// Replace files that say something else.
    #[arg(long)]
    replace: bool,
    /// The configuration, instead of the user's own.
    #[arg(long, value_name = "FILE")]
    config: Option<Utf8PathBuf>,
}

/// How what only the operator knows is given, by the member it becomes.
pub(crate) fn option(member: &str) -> &'static str {
    match member {
        "agent_name" => "--agent-name NAME",
        "logical_agent_id" => "--logical-agent-id ID",
        "authorised_origin" => "--origin ORIGIN",
        _ => "--jwks-url URL",
    }
}

/// A document as the plan makes it now.
pub(crate) struct Draft {
    pub(crate) name: &'static str,
    /// Its text, or what is missing to make it.
    pub(crate) text: Result<String, AgentFault>,
}

/// How a file stands to its draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Byte for byte.
    Current,
    /// There is none.
    Absent,
    /// It says something else.
    Other,
}

impl Standing {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Standing::Current => "current",
            Standing::Absent => "not written",
            Standing::Other => "not what the flow makes now",
        }
    }
}

impl Draft {
    /// What stands in the folder.
    pub(crate) fn standing(&self, folder: &Utf8Path) -> Result<Standing, Failure> {
        Ok(match (optional(&folder.join(self.name))?, &self.text) {
            (None, _) => Standing::Absent,
            (Some(bytes), Ok(text)) if bytes == text.as_bytes() => Standing::Current,
            (Some(_), _) => Standing::Other,
        })
    }
}

fn optional(path: &Utf8Path) -> Result<Option<Vec<u8>>, Failure> {
    match DiskFiles.read(path, limits::CONFIG_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReadError::Io { kind: std::io::ErrorKind::NotFound, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The folder of a flow's documents.
pub(crate) fn folder(named: Option<&Utf8Path>, flow: &flow::FlowName) -> Utf8PathBuf {
    named.map_or_else(|| flow.folder().join(FOLDER), Utf8Path::to_owned)
}

/// The three documents of a plan. What only the operator knows and `facts` leaves out is taken from the file that stands
/// in the folder.
pub(crate) fn drafts(
    plan: &Verified<Plan>,
    facts: AgentFacts,
    folder: &Utf8Path,
    config: &Config,
) -> Result<Vec<Draft>, Failure> {
    let written = optional(&folder.join(AGENT))?.and_then(|bytes| json::read_strict(&bytes).ok());
    let facts = facts.or(written.as_ref().map(AgentFacts::read).unwrap_or_default());
    let page = |id: &EczId| config.resolver.human.get(&EndpointKind::of(id)).map(|form| form.fill(id));
    let policy = text(&handoff_policy(plan, plan.digest()))?;
    let workflow = text(&workflow_manifest(plan, plan.digest(), Digest::of(&policy)))?;
    let agent = match agent_document(plan, &facts, &page) {
        Ok(manifest) => Ok(text(&manifest)?),
        Err(fault) => Err(fault),
    };
    Ok(vec![
        Draft { name: WORKFLOW, text: Ok(workflow) },
        Draft { name: POLICY, text: Ok(policy) },
        Draft { name: AGENT, text: agent },
    ])
}

/// Canonical JSON and a line end.
fn text(value: &serde_json::Value) -> Result<String, CliError> {
    canonical_json(value).map(|text| text + "\n").map_err(|error| CliError::Write {
        path: "-".into(),
        reason: error.to_string(),
        kind: std::io::ErrorKind::InvalidData,
    })
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let config = flow::configuration(arguments.config.as_deref(), arguments.flow.folder())?;
    let Some(plan) = planned::load(&arguments.flow, &config, planned::Detached::Never)? else {
        output::tell("nothing is written of a flow with errors: the documents are made from the plan");
        return Ok(Exit::Findings);
    };
    let folder = folder(arguments.output.as_deref(), &arguments.flow);
    let facts = AgentFacts {
        agent_name: arguments.agent_name.clone(),
        logical_agent_id: arguments.logical_agent_id.clone(),
        authorised_origin: arguments.origin.clone(),
        jwks_url: arguments.jwks_url.clone(),
    };
    let drafts = drafts(&plan, facts, &folder, &config)?;
    if arguments.check {
        return check(&drafts, &folder);
    }
    // All or nothing: every refusal comes before the first write.
    let mut texts = Vec::new();
    for draft in drafts {
        let path = folder.join(draft.name);
        let standing = draft.standing(&folder)?;
        let text = draft.text.map_err(|fault| CliError::Agent { fault })?;
        if standing == Standing::Other && !arguments.replace {
            return Err(CliError::Standing { path }.into());
        }
        texts.push((path, standing, text));
    }
    files::folder(&folder)?;
    for (path, standing, text) in texts {
        if standing == Standing::Current {
            output::data(&format!("{path} is current\n"))?;
        } else {
            files::replace(&path, text.as_bytes())?;
            output::data(&format!("wrote {path}\n"))?;
        }
    }
    Ok(Exit::Clean)
}

fn check(drafts: &[Draft], folder: &Utf8Path) -> Outcome {
    let mut exit = Exit::Clean;
    for draft in drafts {
        let standing = draft.standing(folder)?;
        output::data(&format!("{}: {}\n", folder.join(draft.name), standing.words()))?;
        if standing != Standing::Current {
            exit = Exit::Findings;
        }
    }
    Ok(exit)
}
