//! A counterparty's signed statement that operations of its API honour an idempotency header (docs/formats/idempotency-statement.md).

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{DocumentIdentity, EczId, Kind};
use crate::base::json::read_strict;
use crate::base::{
    PublicKey, Signer, SigningError, Timestamp, canonical_json, decode_base64url, encode_base64url, limits,
};

/// The format's name.
pub const STATEMENT_FORMAT: &str = "eczflow-idempotency-statement-1";

/// A statement as read. Its signature is by the key that it names; whose key that is, it cannot say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyStatement {
    /// Who states it.
    pub issuer: EczId,
    /// The API Passport it is about.
    pub api: EczId,
    /// The header that carries the key.
    pub header: String,
    /// The operations it is about, by `operationId` or as `POST /path`; all that have an effect where absent.
    pub operations: Option<Vec<String>>,
    /// No run begins later on the strength of it.
    pub not_after: Option<Timestamp>,
    /// The key that it is signed with.
    pub key: PublicKey,
    signed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    issuer: EczId,
    api: EczId,
    header: String,
    operations: Option<Vec<String>>,
    not_after: Option<Timestamp>,
    key: String,
    signature: String,
}

/// Why a statement is none of what a flow says it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementFault {
    /// Another issuer than the flow says.
    #[error("it is issued by `{0}`")]
    Issuer(EczId),
    /// The API has no passport that a statement could be about.
    #[error("the api has no passport that it could be about")]
    NoPassport,
    /// It is about another API.
    #[error("it is about `{0}`")]
    Api(EczId),
    /// The issuer is neither the API's operator nor the API Passport.
    #[error("`{0}` does not operate the api")]
    NotOperator(EczId),
    /// Another header.
    #[error("it is about the header `{0}`")]
    Header(String),
    /// The signature is not by its key over its content.
    #[error("its signature does not verify")]
    Signature,
}

impl StatementFault {
    /// The member of the statement that it is about.
    pub fn member(&self) -> &'static str {
        match self {
            StatementFault::Issuer(_) | StatementFault::NotOperator(_) => "issuer",
            StatementFault::NoPassport | StatementFault::Api(_) => "api",
            StatementFault::Header(_) => "header",
            StatementFault::Signature => "signature",
        }
    }
}

impl IdempotencyStatement {
    /// Reads a statement, or says why it is none. Whether its signature verifies is part of [`IdempotencyStatement::fault`].
    pub fn read(bytes: &[u8]) -> Result<IdempotencyStatement, String> {
        if bytes.len() > limits::STATEMENT_BYTES {
            return Err(format!("it is larger than {} KiB", limits::STATEMENT_BYTES >> 10));
        }
        let value = read_strict(bytes).map_err(|error| error.to_string())?;
        // `null` is no way to leave a member out: what is signed has one form.
        let members = value.as_object().ok_or("it is not an object")?;
        if members.values().any(Value::is_null) {
            return Err("a member is `null`: leave it out".into());
        }
        let message = unsigned(members)?;
        let written: Written = serde_json::from_value(value).map_err(|error| error.to_string())?;
        if written.format != STATEMENT_FORMAT {
            return Err(format!("its format is not `{STATEMENT_FORMAT}`"));
        }
        if written.api.kind() != Kind::Api {
            return Err(format!("`{}` is not an API Passport", written.api));
        }
        if written.operations.as_ref().is_some_and(Vec::is_empty) {
            return Err("`operations` names none: leave it out, or name some".into());
        }
        let key =
            PublicKey::from_jwk_x(&written.key).ok_or("its `key` is not an Ed25519 key in base64url")?;
        let signature =
            decode_base64url(&written.signature).and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
        let signature = signature.ok_or("its `signature` is not 64 bytes in base64url")?;
        Ok(IdempotencyStatement {
            issuer: written.issuer,
            api: written.api,
            header: written.header,
            operations: written.operations,
            not_after: written.not_after,
            key,
            signed: key.verifies(message.as_bytes(), &signature),
        })
    }

    /// Why it does not say that an API honours a header; `None` where it does.
    pub fn fault(&self, by: &EczId, of: Option<&DocumentIdentity>, header: &str) -> Option<StatementFault> {
        if self.issuer != *by {
            return Some(StatementFault::Issuer(self.issuer.clone()));
        }
        let Some(of) = of else { return Some(StatementFault::NoPassport) };
        if self.api != of.api_passport_id {
            return Some(StatementFault::Api(self.api.clone()));
        }
        if self.issuer != of.operator_ecz_id && self.issuer != of.api_passport_id {
            return Some(StatementFault::NotOperator(self.issuer.clone()));
        }
        if !self.header.eq_ignore_ascii_case(header) {
            return Some(StatementFault::Header(self.header.clone()));
        }
        (!self.signed).then_some(StatementFault::Signature)
    }

    /// Whether it is about an operation, by either of its names.
    pub fn covers(&self, names: [&str; 2]) -> bool {
        let listed = |operations: &Vec<String>| operations.iter().any(|name| names.contains(&name.as_str()));
        self.operations.as_ref().is_none_or(listed)
    }
}

/// What a counterparty states: a statement before it is signed.
#[derive(Debug, Clone)]
pub struct Stated {
    /// Who states it.
    pub issuer: EczId,
    /// The API Passport it is about.
    pub api: EczId,
    /// The header that carries the key.
    pub header: String,
    /// The operations it is about; all that have an effect where there is none.
    pub operations: Vec<String>,
    /// No run begins later on the strength of it.
    pub not_after: Option<Timestamp>,
}

impl Stated {
    /// The statement, signed: JSON of several lines.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, SigningError> {
        let mut members = Map::from_iter([
            ("format".to_owned(), STATEMENT_FORMAT.into()),
            ("issuer".to_owned(), self.issuer.as_str().into()),
            ("api".to_owned(), self.api.as_str().into()),
            ("header".to_owned(), self.header.as_str().into()),
            ("key".to_owned(), signer.public_key().jwk_x().into()),
        ]);
        if !self.operations.is_empty() {
            members.insert("operations".into(), self.operations.clone().into());
        }
        if let Some(not_after) = self.not_after {
            members.insert("not_after".into(), not_after.to_string().into());
        }
        let message = unsigned(&members).map_err(SigningError::Signer)?;
        members.insert("signature".into(), encode_base64url(&signer.sign(message.as_bytes())?).into());
        let statement = Value::Object(members);
        Ok(format!("{statement:#}\n"))
    }
}

/// What a statement's signature is over: the canonical JSON of everything but the signature.
fn unsigned(members: &Map<String, Value>) -> Result<String, String> {
    let mut members = members.clone();
    members.remove("signature");
    canonical_json(&members).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Ed25519Key;
    use serde_json::json;

    fn key() -> Ed25519Key {
        Ed25519Key::generate(&crate::base::SeededRandom::new("statement"))
    }

    /// What the program signs it reads, and names that a reader may have written otherwise are part of it.
    #[test]
    fn what_is_signed_is_read() {
        let stated = Stated {
            issuer: "ECZ-GB-PAYM01".parse().unwrap(),
            api: "ECZ-GB-PAYM01::API-REFD01".parse().unwrap(),
            header: "X-Key".into(),
            operations: vec!["createRefund".into()],
            not_after: Some("2027-12-31T00:00:00Z".parse().unwrap()),
        };
        let read = IdempotencyStatement::read(stated.sign(&key()).unwrap().as_bytes()).unwrap();
        assert_eq!(read, IdempotencyStatement::read(&signed(statement())).unwrap());
        let all = Stated { operations: vec![], not_after: None, ..stated };
        let read = IdempotencyStatement::read(all.sign(&key()).unwrap().as_bytes()).unwrap();
        assert!(read.covers(["any", "PUT /any"]) && read.not_after.is_none() && read.signed);
    }

    fn signed(mut statement: Value) -> Vec<u8> {
        statement["key"] = key().public_key().jwk_x().into();
        let message = unsigned(statement.as_object().unwrap()).unwrap();
        statement["signature"] = encode_base64url(&key().sign(message.as_bytes()).unwrap()).into();
        statement.to_string().into_bytes()
    }

    fn statement() -> Value {
        json!({
            "format": STATEMENT_FORMAT, "issuer": "ECZ-GB-PAYM01", "api": "ECZ-GB-PAYM01::API-REFD01",
            "header": "X-Key", "operations": ["createRefund"], "not_after": "2027-12-31T00:00:00Z",
        })
    }

    fn identity() -> DocumentIdentity {
        serde_json::from_value(json!({
            "operator_ecz_id": "ECZ-GB-PAYM01", "api_passport_id": "ECZ-GB-PAYM01::API-REFD01",
            "api_origin": "https://payments.example",
        }))
        .unwrap()
    }

    #[test]
    fn a_statement_is_about_one_api_one_header_and_its_operations() {
        let read = IdempotencyStatement::read(&signed(statement())).unwrap();
        let issuer: EczId = "ECZ-GB-PAYM01".parse().unwrap();
        let of = identity();
        assert_eq!(read.fault(&issuer, Some(&of), "x-key"), None);
        assert!(read.covers(["createRefund", "POST /refunds"]) && !read.covers(["other", "PUT /other"]));
        let other: EczId = "ECZ-GB-SUPP01".parse().unwrap();
        let elsewhere =
            DocumentIdentity { api_passport_id: "ECZ-GB-PAYM01::API-OTHER1".parse().unwrap(), ..identity() };
        let operated = DocumentIdentity { operator_ecz_id: other.clone(), ..identity() };
        for (by, of, header, fault) in [
            (&other, Some(&of), "X-Key", StatementFault::Issuer(issuer.clone())),
            (&issuer, None, "X-Key", StatementFault::NoPassport),
            (&issuer, Some(&elsewhere), "X-Key", StatementFault::Api(read.api.clone())),
            (&issuer, Some(&operated), "X-Key", StatementFault::NotOperator(issuer.clone())),
            (&issuer, Some(&of), "Key", StatementFault::Header("X-Key".into())),
        ] {
            assert_eq!(read.fault(by, of, header), Some(fault));
        }
    }

    /// The signature is over every member: whichever is changed afterwards, it does not verify.
    #[test]
    fn nothing_of_it_can_be_changed_once_it_is_signed() {
        let whole: Value = serde_json::from_slice(&signed(statement())).unwrap();
        let issuer: EczId = "ECZ-GB-PAYM01".parse().unwrap();
        for (member, value) in [
            ("operations", json!(["createRefund", "dropRefund"])),
            ("not_after", json!("2028-12-31T00:00:00Z")),
            ("header", json!("x-key")),
            (
                "key",
                json!(Ed25519Key::generate(&crate::base::SeededRandom::new("another")).public_key().jwk_x()),
            ),
        ] {
            let mut changed = whole.clone();
            changed[member] = value;
            let read = IdempotencyStatement::read(changed.to_string().as_bytes()).unwrap();
            assert_eq!(
                read.fault(&issuer, Some(&identity()), "X-Key"),
                Some(StatementFault::Signature),
                "{member}"
            );
        }
    }

    #[test]
    fn what_is_no_statement_is_refused() {
        let with = |member: &str, value: Value| {
            let mut changed = statement();
            changed[member] = value;
            signed(changed)
        };
        for bytes in [
            with("format", "eczflow-idempotency-statement-2".into()),
            with("operations", json!([])),
            with("operations", Value::Null),
            with("not_after", "soon".into()),
            with("api", "ECZ-GB-PAYM01".into()),
            with("more", true.into()),
            b"[]".to_vec(),
            b"{}".to_vec(),
            b"{\"format\":1,\"format\":1}".to_vec(),
            vec![b' '; limits::STATEMENT_BYTES + 1],
        ] {
            assert!(
                IdempotencyStatement::read(&bytes).is_err(),
                "{}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(90)])
            );
        }
    }
}
