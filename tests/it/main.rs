//! Tests that need the whole crate, one module a topic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod architecture;
mod beside;
mod commands;
mod connector;
mod docs;
mod docs_language;
mod flows;
mod forgery;
mod fuzzed;
mod process;
mod properties;
mod resolver;
mod run;
mod sandbox;
mod simulation;
mod stage;
mod support;
mod tamper;
mod wild;
mod world;
