//! EF1: names

use crate::diagnostics::Code;

/// A name that nothing declares.
pub static UNKNOWN_NAME: Code = Code::error("EF1001", "unknown-name");
/// A name declared twice, or one that would hide another.
pub static DUPLICATE_NAME: Code = Code::error("EF1002", "duplicate-name");
/// A declaration nothing uses.
pub static UNUSED_NAME: Code = Code::warning("EF1003", "unused-name");
/// A file or part of the standard library that `use` or `openapi` names and that cannot be read.
pub static UNREADABLE_USE: Code = Code::error("EF1004", "unreadable-use");
/// A name of one kind where another is needed.
pub static WRONG_KIND: Code = Code::error("EF1005", "wrong-kind");
/// A name used before the line that defines it.
pub static USED_BEFORE_DEFINITION: Code = Code::error("EF1006", "used-before-definition");
/// No flow, or several and none chosen.
pub static NO_SUCH_FLOW: Code = Code::error("EF1007", "no-such-flow");
/// A call of an operation that the document does not have.
pub static UNKNOWN_OPERATION: Code = Code::error("EF1008", "unknown-operation");
/// A sub-flow that the file does not have.
pub static UNKNOWN_FLOW: Code = Code::error("EF1009", "unknown-flow");

/// A `classify` of something that is not there.
pub static UNKNOWN_CLASSIFIED: Code = Code::error("EF1017", "unknown-classified");

/// An `after` of something that is not there.
pub static UNKNOWN_STEP: Code = Code::error("EF1013", "unknown-step");

/// This family.
pub const ALL: &[&Code] = &[
    &UNKNOWN_NAME,
    &DUPLICATE_NAME,
    &UNUSED_NAME,
    &UNREADABLE_USE,
    &WRONG_KIND,
    &USED_BEFORE_DEFINITION,
    &NO_SUCH_FLOW,
    &UNKNOWN_OPERATION,
    &UNKNOWN_FLOW,
    &UNKNOWN_STEP,
    &UNKNOWN_CLASSIFIED,
];
