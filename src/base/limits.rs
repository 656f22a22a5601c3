//! Bounds on everything foreign. Each reader names the limit it applies.

/// A `.eczflow` file, bytes.
pub const FLOW_BYTES: usize = 4 << 20;
/// An OpenAPI document, bytes.
pub const DOCUMENT_BYTES: usize = 64 << 20;
/// A plan file, bytes.
pub const PLAN_BYTES: usize = 64 << 20;
/// An audit bundle, bytes.
pub const BUNDLE_BYTES: usize = 1 << 30;
/// One line of a bundle, bytes.
pub const BUNDLE_LINE_BYTES: usize = 64 << 20;
/// A configuration, lock or key file, bytes.
pub const CONFIG_BYTES: usize = 1 << 20;
/// A statement of a counterparty, bytes.
pub const STATEMENT_BYTES: usize = 64 << 10;
/// A resolver's answer, bytes (the official clients' cap).
pub const RESOLVER_BYTES: usize = 256 << 10;
/// A callee's answer where the flow names no other limit, bytes.
pub const RESPONSE_BYTES: usize = 16 << 20;
/// A canonical audit record, bytes.
pub const RECORD_BYTES: usize = 65_535;
/// Nesting of JSON and YAML.
pub const DOCUMENT_DEPTH: usize = 128;
/// Nesting of expressions and blocks in a flow.
pub const SYNTAX_DEPTH: usize = 64;
/// Largest integer that survives a double: 2^53 - 1 (RFC 7493).
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;
/// Nesting of a payload item's value: what wraps it in a bundle must stay within JSON readers' limit of 128.
pub const PAYLOAD_DEPTH: usize = 120;
/// Nesting of a value in a run: the journal's own members stand around it within a payload.
pub const VALUE_DEPTH: usize = PAYLOAD_DEPTH - 8;
