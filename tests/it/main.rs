//! Tests that need the whole crate, one module a topic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod architecture;
mod auth;
mod beside;
mod commands;
mod connector;
mod control;
mod defects;
mod docs;
mod docs_language;
mod drift;
mod edited;
mod examples;
mod failures;
mod faults_network;
mod faults_store;
mod flows;
mod forgery;
mod fuzzed;
mod hostile;
mod interference;
mod limits;
mod process;
mod properties;
mod reconcile;
mod requests;
mod resolver;
mod run;
mod sandbox;
mod secrecy;
mod signals;
mod simulation;
mod stage;
mod statements;
mod sub_flows;
mod support;
mod survey;
mod tamper;
mod trust;
mod typed;
mod undo;
mod unverified;
mod wild;
mod world;
