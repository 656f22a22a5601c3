//! Tests that need the whole crate, one module a topic.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod connector;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod docs_language;
#[cfg(test)]
mod flows;
#[cfg(test)]
mod resolver;
#[cfg(test)]
mod run;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod support;
