//! EF0: text that is no flow

use crate::diagnostics::Code;

/// A word or sign that cannot stand where it stands.
pub static UNEXPECTED: Code = Code::error("EF0001", "unexpected");
/// A file larger than its limit.
pub static TOO_LARGE: Code = Code::error("EF0002", "too-large");
/// Bytes that are no UTF-8.
pub static NOT_UTF8: Code = Code::error("EF0003", "not-utf-8");
/// A character that no source may hold.
pub static FORBIDDEN_CHARACTER: Code = Code::error("EF0004", "forbidden-character");
/// A bracket without its partner.
pub static UNBALANCED: Code = Code::error("EF0005", "unbalanced-bracket");
/// A string without its end.
pub static UNCLOSED_STRING: Code = Code::error("EF0006", "unclosed-string");
/// Brackets or conditions nested beyond the limit.
pub static TOO_DEEP: Code = Code::error("EF0007", "too-deep");
/// A construct of the language that this version does not build.
pub static NOT_BUILT_YET: Code = Code::error("EF0008", "not-built-yet");
/// A clause or part written twice.
pub static GIVEN_TWICE: Code = Code::error("EF0009", "given-twice");
/// A first line that does not name a version this compiler knows.
pub static VERSION: Code = Code::error("EF0010", "version-line");
/// A number, length of time, escape or pin that has no meaning.
pub static BAD_LITERAL: Code = Code::error("EF0011", "bad-literal");
/// A clause whose place in the layout contradicts what it would mean.
pub static MISPLACED: Code = Code::error("EF0012", "misplaced-clause");

/// This family.
pub const ALL: &[&Code] = &[
    &UNEXPECTED,
    &TOO_LARGE,
    &NOT_UTF8,
    &FORBIDDEN_CHARACTER,
    &UNBALANCED,
    &UNCLOSED_STRING,
    &TOO_DEEP,
    &NOT_BUILT_YET,
    &GIVEN_TWICE,
    &VERSION,
    &BAD_LITERAL,
    &MISPLACED,
];
