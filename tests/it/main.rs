//! Tests that need the whole crate, one module a topic.

mod sandbox;
