//! EF3: the graph (P1, P8)

use crate::diagnostics::Code;

/// Steps that wait for each other in a circle.
pub static CYCLE: Code = Code::error("EF3001", "cycle");
/// Files that use each other in a circle.
pub static USE_CYCLE: Code = Code::error("EF3002", "use-cycle");
/// A flow that neither returns nor fails.
pub static NO_END: Code = Code::error("EF3003", "no-end");
/// A step that can never run.
pub static UNREACHABLE: Code = Code::error("EF3004", "unreachable");
/// An effect before a possible failure without an undo.
pub static MISSING_UNDO: Code = Code::error("EF3005", "missing-undo");
/// An irreversible effect that something that can fail is not ordered before.
pub static IRREVERSIBLE_NOT_LAST: Code = Code::error("EF3006", "irreversible-not-last");
/// A flow with more nodes or deeper nesting than a plan may have.
pub static TOO_LARGE: Code = Code::error("EF3007", "too-large");
/// A type that contains itself, or a function that calls itself.
pub static DECLARATION_CYCLE: Code = Code::error("EF3008", "declaration-cycle");
/// A flow that calls itself, directly or through others.
pub static RECURSIVE_CALL: Code = Code::error("EF3015", "recursive-call");

/// An arm of a `match` that can never be taken.
pub static IMPOSSIBLE_ARM: Code = Code::error("EF3009", "impossible-arm");

/// A poll, or pages, that no number of tries ends.
pub static ENDLESS_POLL: Code = Code::error("EF3010", "endless-poll");

/// A guard that is always false.
pub static FALSE_GUARD: Code = Code::error("EF3011", "false-guard");

/// Pages of a call that is not told which one.
pub static UNASKED_PAGE: Code = Code::error("EF3012", "unasked-page");

/// An undo that is told nothing of what its step did.
pub static BLIND_UNDO: Code = Code::warning("EF3014", "blind-undo");

/// A poll whose condition is the same after every answer.
pub static BLIND_POLL: Code = Code::error("EF3032", "blind-poll");

/// An `irreversible` without a reason, or of what changes nothing.
pub static EMPTY_IRREVERSIBLE: Code = Code::error("EF3030", "empty-irreversible");

/// This family.
pub const ALL: &[&Code] = &[
    &CYCLE,
    &USE_CYCLE,
    &NO_END,
    &UNREACHABLE,
    &MISSING_UNDO,
    &IRREVERSIBLE_NOT_LAST,
    &TOO_LARGE,
    &DECLARATION_CYCLE,
    &IMPOSSIBLE_ARM,
    &ENDLESS_POLL,
    &FALSE_GUARD,
    &UNASKED_PAGE,
    &BLIND_UNDO,
    &RECURSIVE_CALL,
    &EMPTY_IRREVERSIBLE,
    &BLIND_POLL,
];
