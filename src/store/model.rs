//! What goes into a store and what comes out.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::sync::oneshot;

use super::error::StoreError;
use crate::audit::{Export, Payload, Record, VerifierKey};
use crate::base::{Digest, Timestamp};

/// An event: the record and what it commits to.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The record, complete: `seq` and `prev` follow the run's last one.
    pub record: Record,
    /// Exactly the items that the record commits to.
    pub payload: Payload,
}

/// What a run's first record brings with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The flow's name.
    pub flow: String,
    /// The plan's canonical text; its SHA-256 is the record's `decision.plan_digest`.
    pub plan: String,
}

/// Records of one run that become durable together, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The run's id.
    pub run: String,
    /// Present exactly where the first entry starts the run.
    pub opening: Option<Opening>,
    /// The events in order; at least one.
    pub entries: Vec<Entry>,
}

/// How far a run is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Number of the run's records.
    pub size: u64,
    /// The root of its tree.
    pub root: Digest,
}

/// An append on its way to the disk. Await it, or [`Pending::wait`]. Dropping it does not take the append back.
#[derive(Debug)]
#[must_use = "nothing is durable before this is answered"]
pub struct Pending(pub(crate) oneshot::Receiver<Result<Appended, StoreError>>);

impl Pending {
    /// An append that failed: for a store that stands before another one.
    pub fn failed(error: StoreError) -> Pending {
        Pending::ready(Err(error))
    }

    /// An append that is answered already.
    pub(crate) fn ready(answer: Result<Appended, StoreError>) -> Pending {
        let (sender, receiver) = oneshot::channel();
        // The receiver is held right here: the send cannot fail.
        let _ = sender.send(answer);
        Pending(receiver)
    }

    /// Blocks this thread until the append is durable or refused.
    pub fn wait(self) -> Result<Appended, StoreError> {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut pending = pin!(self);
        loop {
            match pending.as_mut().poll(&mut context) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => std::thread::park(),
            }
        }
    }
}

impl Future for Pending {
    type Output = Result<Appended, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| {
            answer.unwrap_or_else(|_| Err(StoreError::Stopped("the writer has ended".to_owned())))
        })
    }
}

/// A run as `runs` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Its id.
    pub run: String,
    /// The flow's name.
    pub flow: String,
    /// Digest of its plan.
    pub plan: Digest,
    /// `running`, or `decision.status` of its last pause or end (`paused`, `finished` where that says nothing).
    pub status: String,
    /// Time of its first record.
    pub started: Timestamp,
    /// Time of its `run_finished`.
    pub finished: Option<Timestamp>,
    /// Number of its records.
    pub size: u64,
    /// The root of its tree: the audit root.
    pub root: Digest,
}

/// The journal: records, payloads, trees and runs, written in one transaction.
pub trait Store: Send + Sync {
    /// Appends records of one run. Durable, in the run's tree and, for a start, pause or end, in the signed log, when
    /// the answer says so.
    fn append(&self, batch: Batch) -> Pending;

    /// Signs how far a run is now, so that it can be exported before it ends. Does nothing where the log covers it.
    fn cover(&self, run: &str, time: Timestamp) -> Pending;

    /// Every run, oldest first.
    fn runs(&self) -> Result<Vec<RunSummary>, StoreError>;

    /// One run.
    fn run(&self, run: &str) -> Result<RunSummary, StoreError>;

    /// A run's events in order, held against its tree.
    fn load(&self, run: &str) -> Result<Vec<Entry>, StoreError>;

    /// A plan's canonical text.
    fn plan(&self, digest: &Digest) -> Result<Option<String>, StoreError>;

    /// Everything a bundle of the run needs. [`StoreError::NotCovered`] where the signed log ends before its records.
    fn export(&self, run: &str) -> Result<Export, StoreError>;

    /// The key that others verify this store's log with.
    fn log_key(&self) -> VerifierKey;
}
