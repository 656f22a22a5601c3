//! A file that a flow names and that cannot be read, in words.

use std::io::ErrorKind;

use crate::base::Explained as _;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::ReadError;
use crate::syntax::ast;

/// The finding at the place where it is named.
pub(super) fn unreadable(code: &'static Code, named: &ast::Text, error: &ReadError) -> Diagnostic {
    if let ReadError::Io { path, kind: ErrorKind::NotFound, .. } = error {
        return Diagnostic::new(code, named.span, format!("there is no file `{}`", named.value))
            .note(format!("a path is relative to the file that names it: looked for was `{path}`"))
            .help("correct the path, or put the file there");
    }
    let found = Diagnostic::new(code, named.span, error.to_string());
    match error.help() {
        Some(help) => found.help(help),
        None => found,
    }
}
