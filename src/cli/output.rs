//! stdout for data, stderr for everything else. Colours go where they are wanted: a terminal, and no `NO_COLOR`.

use std::io::{self, Write as _};

use super::error::{CliError, Failure};

/// Writes data to stdout.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| failed(&error))
}

/// Writes bytes to stdout as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| failed(&error))
}

fn failed(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::ClosedPipe;
    }
    CliError::Write { path: "-".into(), reason: error.to_string(), kind: error.kind() }.into()
}

/// A value as JSON for other programs, indented, with a line end.
pub(crate) fn json_lines<T: serde::Serialize>(value: &T) -> Result<String, CliError> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|error| CliError::Write {
        path: "-".into(),
        reason: error.to_string(),
        kind: io::ErrorKind::InvalidData,
    })
}

/// Writes a line to stderr. That nobody can read it is no reason to stop.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Writes text that ends its own lines to stderr.
pub(crate) fn tell_raw(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}
