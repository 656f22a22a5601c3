//! The places at one counterparty: `concurrency N` of its apis, over all runs of the process, in order of asking.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Who stands where.
#[derive(Default)]
pub(super) struct Places {
    line: Mutex<Line>,
    moved: Notify,
}

#[derive(Default)]
struct Line {
    taken: u32,
    next: u64,
    waiting: BTreeSet<u64>,
}

impl Places {
    /// A place, once fewer than `most` are taken and everybody who asked before has one or gave up.
    pub(super) async fn take(self: Arc<Self>, most: u32) -> Place {
        let waiting = Waiting::new(self);
        loop {
            // Made before the look, so that no move in between is missed.
            let moved = waiting.places.moved.notified();
            if waiting.is_next(most) {
                break;
            }
            moved.await;
        }
        Place(waiting.places.clone())
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody in the line, until it has a place or gives up.
struct Waiting {
    places: Arc<Places>,
    number: u64,
}

impl Waiting {
    fn new(places: Arc<Places>) -> Waiting {
        let number = {
            let mut line = places.line();
            let number = line.next;
            line.next = number.wrapping_add(1);
            line.waiting.insert(number);
            number
        };
        Waiting { places, number }
    }

    fn is_next(&self, most: u32) -> bool {
        let mut line = self.places.line();
        let next = line.waiting.first() == Some(&self.number) && line.taken < most.max(1);
        line.taken += u32::from(next);
        next
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.places.line().waiting.remove(&self.number);
        self.places.moved.notify_waiters();
    }
}

/// A place, given back when it is dropped.
pub(super) struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.taken = line.taken.saturating_sub(1);
        drop(line);
        self.0.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_go_to_who_asked_first_and_come_back() {
        let places = Arc::new(Places::default());
        let first = places.clone().take(2).await;
        let second = places.clone().take(2).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..4 {
            let (places, order) = (places.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                // One asks for less company than the others: those behind it wait for it.
                let place = places.take(if number == 1 { 1 } else { 2 }).await;
                order.lock().unwrap().push((number, place.0.line().taken));
            }));
            tokio::task::yield_now().await;
        }
        assert_eq!((order.lock().unwrap().len(), places.line().waiting.len()), (0, 4));
        tasks.remove(2).abort();
        drop(first);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        // The second one still has company as long as the first of all keeps its place.
        assert_eq!(*order.lock().unwrap(), [(0, 2)]);
        drop(second);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [(0, 2), (1, 1), (3, 1)]);
        let line = places.line();
        assert_eq!((line.taken, line.waiting.len()), (0, 0));
    }
}
