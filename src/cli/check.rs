//! `eczflow check`.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::error::{CliError, Failure};
use super::{Exit, Outcome, files, flow, output};
use crate::compile::{Compilation, Session};
use crate::config::{Config, ProcessEnvironment, cache};
use crate::plan::{self, Plan, Verified};
use crate::report::{self, Format, harmless_line};
use crate::source::{Cache, DiskFiles};

const EXAMPLES: &str = "\
Examples:
  eczflow check refund.eczflow
      draw every finding
  eczflow check a.eczflow b.eczflow#refund
      several files, and one flow of a file
  eczflow check *.eczflow --format concise
      one line a finding, for editors and scripts
  eczflow check refund.eczflow --format json
      one JSON object, for programs
  eczflow check *.eczflow --format sarif
      one SARIF log, for code scanning
  eczflow check *.eczflow --format github
      annotations in a GitHub workflow
  eczflow check refund.eczflow --fix
      mend what can be mended, then check
  eczflow check refund.eczflow --fix --dry-run
      only say what would be mended
  eczflow check refund.eczflow --stats
      calls, attempts, time and log records at most
  eczflow check refund.eczflow --failures
      what is undone, and what stays, for each failure

Says nothing and ends with 0 where nothing is wrong; ends with 1 where an error was found. Warnings alone end \
with 0.";

/// Check flows: everything that can be proven before anything runs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file; `FILE#flow` checks one flow of it.
    #[arg(required = true, value_name = "FLOW")]
    flows: Vec<flow::FlowName>,
    /// How findings are written.
    #[arg(long, value_enum, default_value_t = Style::Text)]
    format: Style,
    /// Mend what can be mended, and check what is left. Writes files of flows only, never a document or a lock.
    #[arg(long, conflicts_with_all = ["stats", "failures"])]
    fix: bool,
    /// With `--fix`: write nothing.
    #[arg(long, requires = "fix")]
    dry_run: bool,
    /// Show what each flow comes to at most: calls and attempts by counterparty, time, records of the audit log.
    #[arg(long)]
    stats: bool,
    /// Show for each node that can fail what is undone, in which order, and what stays.
    #[arg(long)]
    failures: bool,
    /// The configuration, instead of the user's own.
    #[arg(long, value_name = "FILE")]
    config: Option<Utf8PathBuf>,
    /// Where what is known of large documents is kept, instead of the user's own cache.
    #[arg(long, value_name = "FOLDER")]
    cache: Option<Utf8PathBuf>,
    /// Read every document anew, and keep nothing.
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Style {
    /// Drawn with the source.
    Text,
    /// One line each.
    Concise,
    /// One JSON object.
    Json,
    /// One SARIF 2.1.0 log.
    Sarif,
    /// Annotations of GitHub Actions, one line each.
    Github,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if arguments.stats || arguments.failures {
        return shown(arguments);
    }
    let format = match arguments.format {
        Style::Text => Format::Text,
        Style::Concise => Format::Concise,
        Style::Json => Format::Json,
        Style::Sarif => Format::Sarif,
        Style::Github => Format::Github,
    };
    let cache = match arguments.no_cache {
        true => None,
        false => cache(arguments.cache.as_deref(), &ProcessEnvironment),
    };
    let cache = cache.as_ref().map(|cache| -> &dyn Cache { cache });
    let mut failed = false;
    let mut all = Vec::new();
    let mut findings = report::Findings::new(format);
    for name in &arguments.flows {
        let config = flow::configuration(arguments.config.as_deref(), name.folder())?;
        let checked = match arguments.fix {
            true => fixed(name, &config, arguments.dry_run)?,
            false => flow::check_with(name, &config, cache)?,
        };
        failed |= checked.has_errors();
        output::data(&findings.add(&checked.source_map, &checked.diagnostics))?;
        all.extend(checked.diagnostics);
    }
    output::data(&findings.finish())?;
    if let Some(line) = report::summary(&all) {
        output::tell(&line);
    }
    if format == Format::Text
        && let Some(line) = report::further_reading(&all)
    {
        output::tell(&line);
    }
    Ok(if failed { Exit::Findings } else { Exit::Clean })
}

/// Mends a file, tells what was done, and answers with what is left to find; with `dry_run`, with what is found as it is.
fn fixed(name: &flow::FlowName, config: &Config, dry_run: bool) -> Result<Compilation, Failure> {
    let fixed = flow::fix(name, config)?;
    for made in &fixed.made {
        let (line, column) = made.place;
        output::tell(&format!(
            "{}{}:{line}:{column}: {} ({} {})",
            if dry_run { "would fix " } else { "fixed " },
            harmless_line(made.file.as_str()),
            harmless_line(&made.title),
            made.code.number,
            made.code.name,
        ));
    }
    if dry_run {
        return flow::check(name, config);
    }
    for (path, text) in &fixed.texts {
        files::replace(path, text.as_bytes())?;
    }
    Ok(fixed.compilation)
}

/// What failures come to, written as it is found: all of it may be more than fits into memory.
fn told_failures(plan: &Verified<Plan>, json: bool) -> Result<(), Failure> {
    let flow = &plan.flow.name;
    output::data(&match json {
        true => "{\"failures\":[".to_owned(),
        false => format!("{}\n", harmless_line(flow)),
    })?;
    let (mut told, mut between) = (Ok(()), "");
    plan::each_failure(plan, &mut |failure| {
        if told.is_ok() {
            told = output::data(&match json {
                true => format!("{between}{}", serde_json::json!(failure)),
                false => report::failure(&failure),
            });
            between = ",";
        }
    });
    told?;
    if json {
        let (flow, digest) = (serde_json::json!(flow), plan.digest());
        output::data(&format!(
            "],\"flow\":{flow},\"format\":\"eczflow-failures-1\",\"plan_digest\":\"{digest}\"}}\n"
        ))?;
    }
    Ok(())
}

/// What the plans of flows without errors say: bounds, or what failures come to.
fn shown(arguments: &Arguments) -> Outcome {
    let json = match arguments.format {
        Style::Text => false,
        Style::Json => true,
        Style::Concise => return Err(CliError::NoFindings { format: "concise" }.into()),
        Style::Sarif => return Err(CliError::NoFindings { format: "sarif" }.into()),
        Style::Github => return Err(CliError::NoFindings { format: "github" }.into()),
    };
    let mut exit = Exit::Clean;
    for name in &arguments.flows {
        let config = flow::configuration(arguments.config.as_deref(), name.folder())?;
        let checked = flow::check(name, &config)?;
        flow::tell(&checked.source_map, &checked.diagnostics);
        if checked.has_errors() {
            exit = Exit::Findings;
            continue;
        }
        for flow in checked.checked {
            let one = Some(flow.hir.flow.name.clone());
            let compiled = Session::new(&DiskFiles).compile(&name.file, one.as_deref())?;
            let Some(plan) = compiled.plan else {
                flow::tell(&compiled.source_map, &compiled.diagnostics);
                exit = Exit::Findings;
                continue;
            };
            if arguments.stats {
                let bounds = plan::bounds(&plan);
                output::data(&match json {
                    true => format!("{}\n", serde_json::json!({ "stats": bounds })),
                    false => report::bounds(&bounds),
                })?;
            }
            if arguments.failures {
                told_failures(&plan, json)?;
            }
        }
    }
    Ok(exit)
}
