//! Tests of the whole crate, one module a topic.

mod connector;
mod resolver;
mod support;
