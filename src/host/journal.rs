//! One run's place in the journal: its state, its chain, and the batch that is not durable yet.

use std::sync::Arc;

use super::{HostError, Observer};
use crate::audit::{Record, record_hash};
use crate::base::{Digest, Random, Timestamp};
use crate::engine::{Engine, Event, State};
use crate::store::{Batch, Entry, Opening, Store};

/// A run being written. Events are applied at once and become durable with [`Journal::commit`].
pub(super) struct Journal<'a> {
    engine: &'a Engine<'a>,
    store: Arc<dyn Store>,
    random: Arc<dyn Random>,
    observer: Arc<dyn Observer>,
    pub(super) state: State,
    next: u64,
    previous: Option<Digest>,
    opening: Option<Opening>,
    batch: Vec<(Entry, Event)>,
    /// The tree's root after the last commit.
    pub(super) root: Option<Digest>,
}

impl<'a> Journal<'a> {
    /// A new run; `opening` goes with its first batch.
    pub(super) fn begin(
        engine: &'a Engine<'a>,
        store: Arc<dyn Store>,
        random: Arc<dyn Random>,
        observer: Arc<dyn Observer>,
        run: String,
        opening: Opening,
    ) -> Journal<'a> {
        let state = State::new(run);
        let opening = Some(opening);
        Journal {
            engine,
            store,
            random,
            observer,
            state,
            next: 0,
            previous: None,
            opening,
            batch: Vec::new(),
            root: None,
        }
    }

    /// A run that goes on after its last durable record.
    pub(super) fn go_on(
        engine: &'a Engine<'a>,
        store: Arc<dyn Store>,
        random: Arc<dyn Random>,
        observer: Arc<dyn Observer>,
        state: State,
        last: &Record,
    ) -> Result<Journal<'a>, HostError> {
        let leaf = last.leaf().map_err(|error| HostError::Event(error.to_string()))?;
        let previous = Some(record_hash(leaf.as_bytes()));
        let next = last.seq.saturating_add(1);
        Ok(Journal {
            engine,
            store,
            random,
            observer,
            state,
            next,
            previous,
            opening: None,
            batch: Vec::new(),
            root: None,
        })
    }

    /// Records an event and applies it; durable with the next commit.
    pub(super) fn push(&mut self, event: Event, at: Timestamp) -> Result<(), HostError> {
        let event_error = |error: &dyn std::fmt::Display| HostError::Event(error.to_string());
        let (record, payload) = self
            .engine
            .record(&self.state, &event, self.next, self.previous, at, self.random.as_ref())
            .map_err(|error| event_error(&error))?;
        let leaf = record_hash(record.leaf().map_err(|error| event_error(&error))?.as_bytes());
        self.engine.apply(&mut self.state, &event, at, leaf).map_err(|error| event_error(&error))?;
        (self.next, self.previous) = (self.next.saturating_add(1), Some(leaf));
        self.batch.push((Entry { record, payload }, event));
        Ok(())
    }

    /// Makes everything pushed durable, then shows it to the observer.
    pub(super) async fn commit(&mut self) -> Result<(), HostError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (entries, events): (Vec<Entry>, Vec<Event>) = std::mem::take(&mut self.batch).into_iter().unzip();
        let shown: Vec<Record> = entries.iter().map(|entry| entry.record.clone()).collect();
        let batch = Batch { run: self.state.run.clone(), opening: self.opening.take(), entries };
        let appended = self.store.append(batch).await?;
        self.root = Some(appended.root);
        for (record, event) in shown.iter().zip(&events) {
            self.observer.recorded(record, event);
        }
        Ok(())
    }
}
