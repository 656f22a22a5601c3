//! OpenAPI documents: strict JSON and YAML readers with places, the canonical hash, `x-ecz-id`, operations, slices, the
//! lock file.
//!
//! May import: base, ecz, source, diagnostics. The only room that knows a YAML library. Pure: reads bytes, never files.
//! Invariants: any bytes end in a document or in findings with a place, within bounded time; JSON and YAML of one
//! document have one canonical hash; a slice alone yields the same [`OperationView`] as the document it came from.

mod document;
mod families;
mod identity;
mod json;
mod lock;
mod number;
mod operation;
mod pointer;
mod references;
mod remembered;
mod report;
mod security;
mod servers;
mod slice;
mod tree;
mod vendor;
mod view;
mod yaml;
#[cfg(test)]
mod tests;

pub use document::{Document, OperationEntry, UnknownOperation, check};
pub use families::{DATA_CLASS, Families, mapped};
pub use identity::{IDENTITY_FIELDS, Identity};
pub use lock::{Comparison, LOCK_FORMAT, Lock, LockError, LockedApi, Used, Wanted};
pub use pointer::{escape, join, of_schema};
pub use references::{Reference, each_object, local_reference, resolve};
pub use security::{ClientCredentials, Scheme, SchemeView};
pub use servers::{ServerVariable, ServerView};
pub use slice::{SLICE_FORMAT, Slice};
pub use vendor::{ReadSource, VENDORED_FORMAT, Vendored, vendor};
pub use view::{
    BodyView, Dialect, EncodingView, Example, HeaderView, Location, MediaView, OperationView, ParameterView,
    ResponseView, StatusRange, ViewError,
};
