//! The compiled flow: what the compiler emits, what a run executes, what an auditor replays.
//!
//! May import: base, ecz, documents, types, expr. A plan read from disk is never trusted: [`Verified`] is the only key to
//! a run, and it is made by recomputing digest, slices and obligations from the plan's own content.

mod answers;
mod authentication;
mod bits;
mod bounds;
mod called;
mod check;
mod class;
mod compensation;
mod constant;
mod digits;
mod error;
mod failures;
mod file;
mod functions;
mod hangs;
mod idempotency;
mod keys;
mod lanes;
mod limits;
mod matches;
mod model;
mod steps;
mod names;
mod needs;
mod obligations;
mod order;
mod origins;
mod outline;
mod pace;
mod party;
pub mod ranges;
mod records;
mod statement;
mod sub_flows;
pub mod secrecy;
mod typed;
mod values;
mod weaker;

pub use answers::{Uses, answer_uses, each_expression};
pub use authentication::{Accepted, accepts, is_token, misplaced, token_endpoint, unassumable};
pub use bounds::{Bounds, CallTime, Load, Phase, RESOLVER_MS, ReadBack, Rounds, bounds, longest};
pub use called::{Given, SENDER, Signal, SubFlow};
pub use check::{Held, OBLIGATIONS, Proven, Verified, check, check_file, prove};
pub use class::{Class, Classified, Clearance, How, Received, Release};
pub use compensation::{Following, Uncovered, Undoes, can_fail, uncovered, undoes};
pub use constant::Constants;
pub use digits::Digits;
pub use error::PlanError;
pub use failures::{Doubt, Failure, Stand, Undoing, each_failure, failures};
pub use file::{PlanFile, digest};
pub use functions::{Cost, FunctionFault, PARAMETERS, STEPS, applied, cost, costs, reached};
pub use idempotency::{carries_credential, idempotency, is_reserved};
pub use keys::{FlowKeys, JudgedKeys, KeyDoes, KeyFault, KeyFlow, KeyNode, is_anew, judge_keys};
pub use limits::{Counterparty, Limits, LimitsByApi, unlike};
pub use matches::{ArmFault, arm_fault, is_documented, is_refusal, unmatched};
pub use model::*;
pub use names::{each_child, free_names, names_next};
pub use needs::{Credential, Need, needs};
pub use obligations::{assumptions, below_hint, calls, describe};
pub use origins::{Choice, OriginError, base_url, https_origin, https_slip};
pub use outline::{Does, Failing, Item, waiting};
pub use pace::{HeldUp, Paced, Rate, held_up, paced, requests};
pub use party::{
    Auth, Declared, Party, reachable, reachable_unverified, reachable_verified, relaxed, two_sided,
    unverified,
};
pub use ranges::out_of_range;
pub use steps::*;
pub use typed::reads_back;
pub use values::is_paged;
pub use weaker::{WeakerCall, weaker_calls};
