//! Tests of the whole crate, one module a topic.

#[cfg(test)]
mod connector;
#[cfg(test)]
mod resolver;
#[cfg(test)]
mod support;
