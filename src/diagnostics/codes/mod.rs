//! Every code, one file a family. Each has a page `docs/rules/CODE-name.md`; a test compares the two.

pub mod documents;
pub mod graph;
pub mod identity;
pub mod names;
pub mod retry;
pub mod secrets;
pub mod style;
pub mod syntax;
pub mod types;

use super::Code;

/// All codes in order of their numbers.
pub fn all() -> Vec<&'static Code> {
    let families = [
        syntax::ALL,
        names::ALL,
        types::ALL,
        graph::ALL,
        identity::ALL,
        retry::ALL,
        secrets::ALL,
        style::ALL,
        documents::ALL,
    ];
    families.into_iter().flatten().copied().collect()
}
