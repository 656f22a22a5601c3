//! The command line: one file a command. Data goes to stdout, everything else to stderr; a closed pipe ends a command
//! quietly.
//!
//! May import every room. The only room that knows clap; with `config` the only one that reads the environment, with
//! `report` the only one that knows miette. Nothing here exits: `main.rs` does, with what [`main`] answers.

mod answers;
mod audit;
mod check;
mod checkpoint;
mod compile;
mod conclusion;
mod egress;
mod error;
mod explain;
mod files;
mod flow;
mod graph;
mod hash;
mod hosted;
mod inputs;
mod key;
mod manifest;
mod operations;
mod output;
mod pin;
mod planned;
mod resume;
mod run;
mod runs;
mod runtime;
mod sandbox;
mod storage;
mod trustmap;
mod vendor;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use error::CliError;
use error::Failure;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: clean.
    Clean,
    /// 1: findings.
    Findings,
    /// 2: plan, configuration or I/O error.
    Error,
    /// 3: the run failed and what has an undo is undone.
    Failed,
    /// 4: the run is paused, stuck or in doubt.
    Standing,
    /// 5: audit verification failed.
    Unverified,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Clean => 0,
            Exit::Findings => 1,
            Exit::Error => 2,
            Exit::Failed => 3,
            Exit::Standing => 4,
            Exit::Unverified => 5,
        }
    }
}

/// What a command comes to.
type Outcome = Result<Exit, Failure>;

const EXAMPLES: &str = "\
Examples:
  eczflow check refund.eczflow
      prove what can be proven before it runs
  eczflow run refund.eczflow --sandbox --input ticket_id=T1
      run it against a sandbox on this machine
  eczflow audit export latest --store .eczflow/sandbox -o refund.audit
      write the log of that run
  eczflow audit verify refund.audit
      verify such a log, offline
  eczflow explain EF4001
      what a code means and what to do

Exit codes: 0 clean; 1 findings; 2 plan, configuration or I/O error; 3 run failed, what has an undo is undone; 4 \
run paused, stuck or in doubt; 5 audit verification failed.";

/// Workflows of API calls across organisations: checked before they run, durable while they run, auditable after.
#[derive(Debug, Parser)]
#[command(name = "eczflow", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Explain(explain::Arguments),
    Compile(compile::Arguments),
    Graph(graph::Arguments),
    Egress(egress::Arguments),
    Trustmap(trustmap::Arguments),
    Checkpoint(checkpoint::Arguments),
    Manifest(manifest::Arguments),
    Operations(operations::Arguments),
    Hash(hash::Arguments),
    Pin(pin::Arguments),
    Vendor(vendor::Arguments),
    Key(key::Arguments),
    Run(Box<run::Arguments>),
    Resume(resume::Arguments),
    Runs(runs::Arguments),
    Audit(audit::Arguments),
    Sandbox(sandbox::Arguments),
}

/// Runs the command that the process was called with; answers its exit code.
pub fn main() -> u8 {
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version go to stdout with 0, usage errors to stderr with 2. A closed pipe is no error.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let outcome = match Cli::from_arg_matches(&matches) {
        Ok(cli) => dispatch(cli.command),
        Err(error) => {
            let _ = error.print();
            return Exit::Error.code();
        }
    };
    match outcome {
        Ok(exit) => exit.code(),
        Err(failure) => failure.show(),
    }
}

fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Graph(arguments) => graph::run(&arguments),
        Command::Egress(arguments) => egress::run(&arguments),
        Command::Trustmap(arguments) => trustmap::run(&arguments),
        Command::Checkpoint(arguments) => checkpoint::run(&arguments),
        Command::Manifest(arguments) => manifest::run(&arguments),
        Command::Operations(arguments) => operations::run(&arguments),
        Command::Hash(arguments) => hash::run(&arguments),
        Command::Pin(arguments) => pin::run(&arguments),
        Command::Vendor(arguments) => vendor::run(&arguments),
        Command::Key(arguments) => key::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Resume(arguments) => resume::run(&arguments),
        Command::Runs(arguments) => runs::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_with_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            for inner in command.get_subcommands() {
                let path = format!("{path} {}", inner.get_name());
                if inner.has_subcommands() {
                    walk(inner, &path);
                } else {
                    let help = inner.get_after_help().map(ToString::to_string).unwrap_or_default();
                    assert!(help.contains(&path), "`{path}` has no example of itself in its help");
                }
            }
        }
        walk(&Cli::command(), "eczflow");
    }

    /// Clap wraps a line that is too long where it comes to be too long: an example then breaks amid its words, and a
    /// paragraph of several lines turns ragged. So examples fit a narrow terminal and a paragraph is one line.
    #[test]
    fn helps_read_well_on_a_narrow_terminal() {
        fn walk(command: &clap::Command, path: &str) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let mut paragraph = false;
            for line in help.lines() {
                assert!(!line.starts_with(' ') || line.chars().count() < 80, "`{path}`: {line}");
                let text = !line.is_empty() && !line.starts_with(' ');
                assert!(!(paragraph && text), "`{path}`: a paragraph of two lines, {line}");
                paragraph = text;
            }
            for inner in command.get_subcommands() {
                walk(inner, &format!("{path} {}", inner.get_name()));
            }
        }
        walk(&Cli::command(), "eczflow");
    }
}
