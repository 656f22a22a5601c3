//! EF8: OpenAPI documents

use crate::diagnostics::Code;

/// Text that is neither JSON nor YAML, or larger than a document may be.
pub static SYNTAX: Code = Code::error("EF8001", "document-syntax");
/// Bytes or escapes that are not Unicode text, or a byte-order mark.
pub static ENCODING: Code = Code::error("EF8002", "document-encoding");
/// A member that stands twice in one object.
pub static DUPLICATE_KEY: Code = Code::error("EF8003", "duplicate-key");
/// A number whose value a double cannot hold.
pub static LOSSY_NUMBER: Code = Code::error("EF8004", "lossy-number");
/// Nesting beyond the limit.
pub static TOO_DEEP: Code = Code::error("EF8005", "document-too-deep");
/// A plain YAML scalar that readers disagree on.
pub static AMBIGUOUS_SCALAR: Code = Code::error("EF8006", "ambiguous-scalar");
/// A YAML construct that JSON has no counterpart for: tags, anchors, aliases, merge keys, several documents.
pub static YAML_FEATURE: Code = Code::error("EF8007", "yaml-feature");
/// A YAML key that is neither a string nor an integer.
pub static KEY_TYPE: Code = Code::error("EF8008", "yaml-key-type");
/// No `openapi` version, or one that is not read yet.
pub static VERSION: Code = Code::error("EF8010", "openapi-version");
/// A `$ref` to another file.
pub static EXTERNAL_REFERENCE: Code = Code::error("EF8011", "external-reference");
/// A local `$ref` that leads nowhere.
pub static DANGLING_REFERENCE: Code = Code::error("EF8012", "dangling-reference");
/// Two operations with one `operationId`.
pub static DUPLICATE_OPERATION: Code = Code::error("EF8013", "duplicate-operation-id");
/// An operation that does not follow OpenAPI.
pub static MALFORMED_OPERATION: Code = Code::error("EF8014", "malformed-operation");
/// No `info.x-ecz-id`.
pub static IDENTITY_MISSING: Code = Code::error("EF8020", "identity-missing");
/// A required field of `x-ecz-id` is missing.
pub static IDENTITY_FIELD_MISSING: Code = Code::error("EF8021", "identity-field-missing");
/// A field of `x-ecz-id` with a value of another kind.
pub static IDENTITY_FIELD: Code = Code::error("EF8022", "identity-field-malformed");
/// A member of `x-ecz-id` that is not one of the eight.
pub static IDENTITY_UNKNOWN: Code = Code::warning("EF8023", "identity-field-unknown");
/// An ID that stands in documentation as a placeholder.
pub static IDENTITY_PLACEHOLDER: Code = Code::error("EF8024", "identity-placeholder");
/// IDs that do not belong together.
pub static IDENTITY_CONTRADICTION: Code = Code::error("EF8025", "identity-contradiction");
/// An `api_origin` that is not an origin.
pub static IDENTITY_ORIGIN: Code = Code::error("EF8026", "identity-origin");
/// A `resolver_url` that does not name this passport.
pub static IDENTITY_RESOLVER: Code = Code::error("EF8027", "identity-resolver-url");
/// Something in `x-ecz-id` that looks like a secret.
pub static IDENTITY_SECRET: Code = Code::error("EF8028", "identity-secret");

/// This family.
pub const ALL: &[&Code] = &[
    &SYNTAX,
    &ENCODING,
    &DUPLICATE_KEY,
    &LOSSY_NUMBER,
    &TOO_DEEP,
    &AMBIGUOUS_SCALAR,
    &YAML_FEATURE,
    &KEY_TYPE,
    &VERSION,
    &EXTERNAL_REFERENCE,
    &DANGLING_REFERENCE,
    &DUPLICATE_OPERATION,
    &MALFORMED_OPERATION,
    &IDENTITY_MISSING,
    &IDENTITY_FIELD_MISSING,
    &IDENTITY_FIELD,
    &IDENTITY_UNKNOWN,
    &IDENTITY_PLACEHOLDER,
    &IDENTITY_CONTRADICTION,
    &IDENTITY_ORIGIN,
    &IDENTITY_RESOLVER,
    &IDENTITY_SECRET,
];
