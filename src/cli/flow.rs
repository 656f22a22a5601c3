//! `FILE` and `FILE#flow`: reading, checking and compiling them, and telling what was found.

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::{CliError, Failure};
use super::output;
use crate::base::{did_you_mean, limits};
use crate::compile::{Compilation, Fixed, Session};
use crate::config::{Config, ProcessEnvironment, RuleLevel, load};
use crate::diagnostics::{Diagnostic, Severity, codes};
use crate::plan::{Plan, Verified};
use crate::report::{self, Format};
use crate::source::{Cache, DiskFiles, FileSystem as _, SourceMap};

/// A flow's file, and which flow of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlowName {
    pub(crate) file: Utf8PathBuf,
    pub(crate) flow: Option<String>,
}

impl FromStr for FlowName {
    type Err = String;

    fn from_str(text: &str) -> Result<FlowName, String> {
        // A file whose own name holds a `#` is meant where it exists.
        let split = if Utf8Path::new(text).exists() { None } else { text.rsplit_once('#') };
        match split {
            Some((file, flow)) if !file.is_empty() && !flow.is_empty() => {
                Ok(FlowName { file: file.into(), flow: Some(flow.to_owned()) })
            }
            Some(_) => Err("write `FILE` or `FILE#flow`".into()),
            None => Ok(FlowName { file: text.into(), flow: None }),
        }
    }
}

impl fmt::Display for FlowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.flow {
            Some(flow) => write!(f, "{}#{flow}", self.file),
            None => self.file.fmt(f),
        }
    }
}

impl FlowName {
    /// The folder the file lies in.
    pub(crate) fn folder(&self) -> &Utf8Path {
        self.file.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
    }

    /// Whether the name is that of a compiled plan.
    pub(crate) fn is_plan(&self) -> bool {
        self.file.as_str().ends_with(".json")
    }
}

/// The configuration that holds for a flow.
pub(crate) fn configuration(explicit: Option<&Utf8Path>, folder: &Utf8Path) -> Result<Config, Failure> {
    let config = load(explicit, Some(folder), &ProcessEnvironment, &DiskFiles)?;
    levels_hold(&config)?;
    Ok(config)
}

/// A level that names nothing, or takes away an error, would be believed and not hold.
fn levels_hold(config: &Config) -> Result<(), CliError> {
    let known = codes::all();
    for (name, level) in &config.rules {
        let Some(code) = known.iter().find(|code| code.name == name) else {
            let near = did_you_mean(name, known.iter().map(|code| code.name));
            return Err(CliError::Rules {
                reason: format!("names `{name}`, which is no rule"),
                help: match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`eczflow explain` lists every rule".into(),
                },
            });
        };
        if code.severity == Severity::Error && *level != RuleLevel::Error {
            return Err(CliError::Rules {
                reason: format!("sets `{name}` to `{}`, but it is always an error", level.as_str()),
                help: "only warnings can be set to another level".into(),
            });
        }
    }
    Ok(())
}

/// The findings at their configured levels.
fn levelled(findings: Vec<Diagnostic>, config: &Config) -> Vec<Diagnostic> {
    let level = |finding: &Diagnostic| config.rules.get(finding.code.name).copied();
    findings
        .into_iter()
        .filter(|finding| level(finding) != Some(RuleLevel::Off))
        .map(|mut finding| {
            match level(&finding) {
                Some(RuleLevel::Error) => finding.severity = Severity::Error,
                Some(RuleLevel::Warning) => finding.severity = Severity::Warning,
                Some(RuleLevel::Off) | None => {}
            }
            finding
        })
        .collect()
}

/// Tells a plan and an OpenAPI document from a flow, which would only yield a flood of findings. What cannot be read is left
/// to who reads it next.
pub(crate) fn is_a_flow(path: &Utf8Path) -> Result<(), CliError> {
    let Ok(bytes) = DiskFiles.read(path, limits::FLOW_BYTES) else { return Ok(()) };
    let text = String::from_utf8_lossy(&bytes);
    let json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    let (what, help) = if json && text.contains("\"plan_digest\"") {
        ("a plan", "name the flow it was compiled from; `eczflow run` takes plans too")
    } else if json && text.contains("\"openapi\"") || text.lines().any(|line| line.starts_with("openapi:")) {
        ("an OpenAPI document", "name it in a flow, `api NAME = openapi(\"FILE\")`, and check that")
    } else if json {
        ("a JSON file", "a flow begins with `eczflow 1`")
    } else {
        return Ok(());
    };
    Err(CliError::NotAFlow { path: path.to_owned(), what, help })
}

/// Tells a flow from an OpenAPI document, which would only yield findings about what it is not.
pub(crate) fn is_a_document(path: &Utf8Path, bytes: &[u8]) -> Result<(), CliError> {
    if !path.as_str().ends_with(".eczflow") && !bytes.starts_with(b"eczflow 1") {
        return Ok(());
    }
    let help = "name one of the documents that its `api` blocks name: `api NAME = openapi(\"FILE\")`";
    Err(CliError::NotADocument { path: path.to_owned(), help })
}

/// Checks the chosen flow, or every flow of the file.
pub(crate) fn check(name: &FlowName, config: &Config) -> Result<Compilation, Failure> {
    check_with(name, config, None)
}

/// As [`check`]; with a cache, large documents are remembered. Not for what makes plans.
pub(crate) fn check_with(
    name: &FlowName,
    config: &Config,
    cache: Option<&dyn Cache>,
) -> Result<Compilation, Failure> {
    is_a_flow(&name.file)?;
    let session = Session::new(&DiskFiles);
    let session = match cache {
        Some(cache) => session.with_cache(cache),
        None => session,
    };
    let mut checked = session.check(&name.file, name.flow.as_deref())?;
    checked.diagnostics = levelled(checked.diagnostics, config);
    Ok(checked)
}

/// Checks as [`check`] does, and mends what can be mended of what the configuration does not turn off. Writes nothing.
pub(crate) fn fix(name: &FlowName, config: &Config) -> Result<Fixed, Failure> {
    is_a_flow(&name.file)?;
    let wanted = |finding: &Diagnostic| config.rules.get(finding.code.name) != Some(&RuleLevel::Off);
    let mut fixed = Session::new(&DiskFiles).fix(&name.file, name.flow.as_deref(), wanted)?;
    fixed.compilation.diagnostics = levelled(fixed.compilation.diagnostics, config);
    Ok(fixed)
}

/// Compiles one flow, with its findings at their configured levels: there is no plan where one of them is an error.
pub(crate) fn compilation(name: &FlowName, config: &Config) -> Result<Compilation, Failure> {
    is_a_flow(&name.file)?;
    let mut compilation = Session::new(&DiskFiles).compile(&name.file, name.flow.as_deref())?;
    compilation.diagnostics = levelled(compilation.diagnostics, config);
    compilation.plan = compilation.plan.take().filter(|_| !compilation.has_errors());
    Ok(compilation)
}

/// Compiles one flow. `None` where findings stand in the way; they were told then.
pub(crate) fn compile(name: &FlowName, config: &Config) -> Result<Option<Verified<Plan>>, Failure> {
    let compilation = compilation(name, config)?;
    tell(&compilation.source_map, &compilation.diagnostics);
    Ok(compilation.plan)
}

/// Draws findings to stderr, where there are any.
pub(crate) fn tell(map: &SourceMap, findings: &[Diagnostic]) {
    output::tell_raw(&report::findings(map, findings, Format::Text));
    if let Some(line) = report::summary(findings) {
        output::tell(&line);
    }
    if let Some(line) = report::further_reading(findings) {
        output::tell(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Explained as _;

    #[test]
    fn a_flow_is_named_behind_its_file() {
        let named: FlowName = "a/b.eczflow#refund".parse().unwrap();
        assert_eq!((named.file.as_str(), named.flow.as_deref()), ("a/b.eczflow", Some("refund")));
        assert_eq!((named.folder().as_str(), named.to_string().as_str()), ("a", "a/b.eczflow#refund"));
        let only: FlowName = "b.eczflow".parse().unwrap();
        assert_eq!((only.flow.as_deref(), only.folder().as_str()), (None, "."));
        assert!("b.eczflow#".parse::<FlowName>().is_err());
        assert!("x.plan.json".parse::<FlowName>().unwrap().is_plan());
    }

    #[test]
    fn levels_must_name_warnings_that_exist() {
        let with = |name: &str, level| Config {
            rules: [(name.to_owned(), level)].into_iter().collect(),
            ..Config::default()
        };
        let error = codes::all().into_iter().find(|code| code.severity == Severity::Error).unwrap();
        let warning = codes::all().into_iter().find(|code| code.severity == Severity::Warning).unwrap();
        assert_eq!(levels_hold(&with("no-such-rule-at-all", RuleLevel::Off)).unwrap_err().code(), "ER1077");
        assert_eq!(levels_hold(&with(error.name, RuleLevel::Off)).unwrap_err().code(), "ER1077");
        let off = with(warning.name, RuleLevel::Off);
        levels_hold(&off).unwrap();
        let finding = Diagnostic::new(warning, crate::source::Span::default(), "m");
        assert!(levelled(vec![finding.clone()], &off).is_empty());
        let raised = levelled(vec![finding], &with(warning.name, RuleLevel::Error));
        assert_eq!(raised[0].severity, Severity::Error);
    }
}
