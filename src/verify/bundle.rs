//! The four answers about a bundle.

use std::io::BufRead;

use super::replay::{Legal, replay};
use crate::audit::{Answers, Bundle, Trust, verify_bundle};
use crate::base::canonical_json;
use crate::plan::{self, Plan};

/// The four answers, each on its own.
#[derive(Debug)]
pub struct Report {
    /// Whole, whose, complete.
    pub answers: Answers,
    /// Legal: `None` where the bundle could not be read.
    pub legal: Option<Legal>,
}

impl Report {
    /// Whether verification failed. What is not answered fails only with `strict`, and then only *whose*.
    pub fn failed(&self, strict: bool) -> bool {
        self.answers.failed(strict) || matches!(self.legal, None | Some(Legal::No { .. }))
    }
}

/// Verifies a bundle offline. Never fails as such: what is wrong stands in the answers.
pub fn verify(source: &mut dyn BufRead, trust: Trust<'_>) -> Report {
    let answers = verify_bundle(source, trust);
    let legal = answers.bundle.as_ref().map(legal);
    Report { answers, legal }
}

fn legal(bundle: &Bundle) -> Legal {
    let refused = |why: String| Legal::No { seq: 0, why };
    let plan: Plan = match serde_json::from_str(&bundle.header.plan) {
        Ok(plan) => plan,
        Err(error) => return refused(format!("its plan cannot be read: {error}")),
    };
    if canonical_json(&plan).ok().as_deref() != Some(&bundle.header.plan) {
        return refused("its plan is not in canonical form".into());
    }
    let plan = match plan::check(plan) {
        Ok(plan) => plan,
        Err(error) => return refused(format!("its plan does not hold: {error}")),
    };
    let entries: Vec<_> = bundle
        .records
        .iter()
        .map(|record| (record.clone(), bundle.payloads.get(&record.seq).cloned()))
        .collect();
    replay(&plan, &bundle.header.run, &entries).1
}
