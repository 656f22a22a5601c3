//! Drawing: findings, operational errors, graphs, tables, progress, and the pages behind `eczflow explain`.
//!
//! May import every room before it. The only room beside `source` that knows codespan-reporting, and with `cli` the only
//! one that knows miette. Everything but [`Progress`] returns text; nothing here exits. Invariant: foreign text reaches
//! a terminal only without control characters.

mod bounds;
mod checkpoint;
mod egress;
mod errors;
mod findings;
mod graph;
mod operations;
mod pages;
mod picture;
mod progress;
mod runs;
mod shown;
mod story;
mod trustmap;
mod update;

pub use bounds::{bounds, failure};
pub use checkpoint::{Checkpoint, Due, Group, State, checkpoint};
pub use egress::egress;
pub use errors::error;
pub use findings::{Findings, Format, findings, further_reading, summary, unverified};
pub use graph::{dot, mermaid};
pub use operations::{operation, operations};
pub use pages::{Page, find_page, obligation, obligation_of, pages};
pub use picture::{html, svg, trustmap_svg};
pub use progress::Progress;
pub use runs::runs;
pub use shown::{harmless, harmless_line};
pub use trustmap::{statement, trustmap};
pub use update::update;
