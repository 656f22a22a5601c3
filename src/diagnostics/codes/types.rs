//! EF2: types (P3)

use crate::diagnostics::Code;

/// A value that does not fit where it stands.
pub static TYPE_MISMATCH: Code = Code::error("EF2001", "type-mismatch");
/// A member that the type does not have.
pub static UNKNOWN_MEMBER: Code = Code::error("EF2002", "unknown-member");
/// A value that may be absent where one is needed.
pub static OPTIONAL_NOT_HANDLED: Code = Code::error("EF2003", "optional-not-handled");
/// A required parameter or body that is not given.
pub static MISSING_ARGUMENT: Code = Code::error("EF2004", "missing-argument");
/// An argument or body that the operation does not take.
pub static UNKNOWN_ARGUMENT: Code = Code::error("EF2005", "unknown-argument");
/// `on` for a status that the operation does not document.
pub static UNDOCUMENTED_STATUS: Code = Code::error("EF2006", "undocumented-status");
/// An operator or function that does not take these types.
pub static BAD_OPERANDS: Code = Code::error("EF2007", "bad-operands");
/// An operation that this version cannot call.
pub static UNSUPPORTED_OPERATION: Code = Code::error("EF2008", "unsupported-operation");
/// A literal that its type cannot hold.
pub static LITERAL_OUT_OF_RANGE: Code = Code::error("EF2009", "literal-out-of-range");
/// A response header that no success of the operation documents.
pub static UNDOCUMENTED_HEADER: Code = Code::error("EF2010", "undocumented-header");
/// A signal that is no record, or that has a member of its own called `sender`.
pub static SIGNAL_TYPE: Code = Code::error("EF2030", "signal-type");

/// A `match` without an arm for a way its step can end.
pub static UNMATCHED_STATUS: Code = Code::error("EF2011", "unmatched-status");

/// A member of a record that nothing declares where it is put.
pub static UNDECLARED_MEMBER: Code = Code::error("EF2012", "undeclared-member");

/// Something beside the body of a step that may be read back.
pub static NO_OWN_ANSWER: Code = Code::error("EF2013", "no-own-answer");

/// A `??` whose left side is never absent or null.
pub static NEEDLESS_DEFAULT: Code = Code::warning("EF2014", "needless-default");

/// A value which the flow writes, and which the document's schema refuses.
pub static UNFIT_LITERAL: Code = Code::error("EF2020", "unfit-literal");

/// This family.
pub const ALL: &[&Code] = &[
    &TYPE_MISMATCH,
    &UNKNOWN_MEMBER,
    &OPTIONAL_NOT_HANDLED,
    &MISSING_ARGUMENT,
    &UNKNOWN_ARGUMENT,
    &UNDOCUMENTED_STATUS,
    &BAD_OPERANDS,
    &UNSUPPORTED_OPERATION,
    &LITERAL_OUT_OF_RANGE,
    &UNDOCUMENTED_HEADER,
    &UNMATCHED_STATUS,
    &UNDECLARED_MEMBER,
    &NO_OWN_ANSWER,
    &NEEDLESS_DEFAULT,
    &UNFIT_LITERAL,
    &SIGNAL_TYPE,
];
