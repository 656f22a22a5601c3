//! Tests that need the whole crate, one module a topic.

#[cfg(test)]
mod connector;
#[cfg(test)]
mod flows;
mod resolver;
#[cfg(test)]
mod sandbox;
mod simulation;
#[cfg(test)]
mod support;
