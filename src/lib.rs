//! eczflow compiles, checks, runs and audits workflows that call APIs across organisations.
//!
//! ARCHITECTURE.md maps the rooms; each imports only rooms above it in this list.

#![warn(missing_docs)]

// What the grammar becomes names this crate where pest is built without `std`.
extern crate alloc;

// Ground.
pub mod base;
pub mod ecz;
pub mod source;
pub mod diagnostics;
pub mod documents;
pub mod types;
pub mod expr;
pub mod plan;
pub mod trust;
// Compiler.
pub mod syntax;
pub mod hir;
pub mod graph;
pub mod rules;
pub mod emit;
pub mod compile;
// Runtime.
pub mod audit;
pub mod engine;
pub mod verify;
pub mod config;
pub mod store;
pub mod wire;
pub mod host;
pub mod sandbox;
// Roof.
pub mod report;
pub mod cli;
