//! Tests that need the whole crate, one module a topic.

mod connector;
mod docs_language;
mod flows;
mod properties;
mod resolver;
mod run;
mod sandbox;
mod simulation;
mod stage;
mod support;
#[cfg(test)]
mod world;
mod tamper;
