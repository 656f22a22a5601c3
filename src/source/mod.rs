//! Files, spans and the source map; the file system as a trait, so that the compiler stays pure.
//!
//! May import: base. Knows codespan-reporting's `Files`, because line tables are its concern; nothing here draws.

mod cache;
mod files;
mod system;

pub use cache::{Cache, DiskCache};
pub use files::{FileId, SourceFile, SourceMap, Span, Text};
pub use system::{DiskFiles, FileSystem, MemoryFiles, Overlay, ReadError, read_bounded};
