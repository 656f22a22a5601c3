//! The language's text: grammar, parser, abstract syntax tree.
//!
//! May import: base, source, diagnostics. Knows pest; nothing else does. The parser never panics, always returns a
//! tree, and reports several positioned errors of one file.

pub mod ast;
