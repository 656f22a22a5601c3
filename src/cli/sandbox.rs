//! `eczflow sandbox`, and the sandbox of `eczflow run --sandbox`.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;

use super::error::{CliError, Failure};
use super::{Exit, Outcome, flow, output, planned, runtime};
use crate::engine::VERDICT_AGE_MS;
use crate::plan::Plan;
use crate::report;
use crate::sandbox::{Faults, Options, Sandbox};

const EXAMPLES: &str = "\
Examples:
  eczflow sandbox refund.eczflow
      serve until Ctrl-C; print where everything is
  eczflow run refund.eczflow --config FILE ...
      in another terminal, with the FILE it printed
  curl http://CONTROL/ledger
      what has reached the servers

Everything listens on loopback only, with certificates of a test authority made for this sandbox.";

/// Serve a resolver and one counterparty for each api of a flow, made from the documents, and keep them running.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file, `FILE#flow` where it has several, or a plan (`.json`).
    #[arg(value_name = "FLOW|PLAN")]
    flow: flow::FlowName,
    /// Where configuration, keys and the store of its runs are kept.
    #[arg(long, value_name = "DIR", default_value = ".eczflow/served")]
    folder: Utf8PathBuf,
    /// The control address's port on loopback [default: any free one].
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Answer requests without a signature too, for trying things by hand.
    #[arg(long)]
    accept_unsigned: bool,
    /// Print one JSON object: config, ca, control, origins.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    faults: FaultArguments,
}

/// What a sandbox is to do wrong.
#[derive(Debug, Args)]
#[command(next_help_heading = "What the sandbox does wrong")]
pub(crate) struct FaultArguments {
    /// Answer so instead of as it would: a status, `timeout`, `reset`, `close`, `expired` or `example:NAME`, an example of the
    /// document's, and how often (`503x2`, `example:pendingx2`).
    #[arg(long, value_name = "API.OPERATION=ANSWER")]
    fault: Vec<String>,
    /// Project this identity as REVOKED, from the start or once every call before the step has been answered.
    #[arg(long, value_name = "ID[@STEP]")]
    revoke: Vec<String>,
    /// Project this api's passport as MISMATCH, with another `spec_hash`.
    #[arg(long, value_name = "API")]
    drift: Vec<String>,
    /// Withhold the answer to the counterparties' N-th request.
    #[arg(long, value_name = "N")]
    hold: Option<u64>,
}

impl FaultArguments {
    /// Whether anything is to go wrong.
    pub(crate) fn any(&self) -> bool {
        !(self.fault.is_empty() && self.revoke.is_empty() && self.drift.is_empty() && self.hold.is_none())
    }
}

/// Faults were asked for, and no sandbox.
pub(crate) fn without_sandbox() -> Failure {
    CliError::NoSandbox.into()
}

/// Starts a sandbox for a plan.
pub(crate) async fn start(
    plan: &Plan,
    faults: &FaultArguments,
    accept_unsigned: bool,
    control_port: Option<u16>,
    folder: &Utf8Path,
) -> Result<Sandbox, Failure> {
    let faults = Faults::parse(&faults.fault, &faults.revoke, &faults.drift, faults.hold)?;
    let options = Options { faults, accept_unsigned, control_port, ..Options::default() };
    let sandbox = Sandbox::start(plan, options, folder).await?;
    for example in sandbox.left_out() {
        output::tell(&format!("sandbox: {}", report::harmless_line(example)));
    }
    Ok(sandbox)
}

/// Says which revocations had no effect, and why that can be.
pub(crate) fn tell_unseen(sandbox: &Sandbox) {
    for revocation in sandbox.unseen() {
        output::tell(&format!(
            "sandbox: `--revoke {revocation}` never came into force: nobody asked the resolver after that moment; a run asks for all identities at its start, and uses a verdict for up to {} s unless the document says `recheck_before_reliance: true`",
            VERDICT_AGE_MS / 1_000
        ));
    }
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let own = flow::configuration(None, arguments.flow.folder())?;
    let Some(plan) = planned::load(&arguments.flow, &own, planned::Detached::Never)? else {
        return Ok(Exit::Findings);
    };
    let runtime = runtime::start()?;
    runtime.block_on(async {
        let sandbox =
            start(&plan, &arguments.faults, arguments.accept_unsigned, arguments.port, &arguments.folder)
                .await?;
        // Heard from before the first line is out: whoever reads it may interrupt at once.
        let interrupt = tokio::spawn(runtime::interrupt());
        tokio::task::yield_now().await;
        output::data(&if arguments.json { as_json(&sandbox) } else { as_text(&sandbox) })?;
        output::tell("serving until Ctrl-C");
        // It ends by the signal alone; a task that was broken off ends the sandbox too.
        let _ended = interrupt.await;
        tell_unseen(&sandbox);
        sandbox.stop().await;
        Ok(Exit::Clean)
    })
}

fn as_json(sandbox: &Sandbox) -> String {
    let object = json!({
        "config": sandbox.config_path(),
        "ca": sandbox.ca_path(),
        "control": format!("http://{}", sandbox.control()),
        "origins": sandbox.origins(),
    });
    format!("{object}\n")
}

fn as_text(sandbox: &Sandbox) -> String {
    let mut text = format!(
        "config   {}\nca       {}\ncontrol  http://{}/ledger\n",
        sandbox.config_path(),
        sandbox.ca_path(),
        sandbox.control()
    );
    for (origin, address) in sandbox.origins() {
        text.push_str(&format!("origin   {origin} at {address}\n"));
    }
    text
}
