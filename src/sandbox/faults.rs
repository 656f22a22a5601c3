//! What the sandbox is asked to do wrong. Faults change only what servers answer.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::base::{Explained, did_you_mean};
use crate::ecz::EczId;

/// All faults of one sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Wrong answers, in the order given: several for one operation follow each other.
    pub answers: Vec<AnswerFault>,
    /// Identities projected as REVOKED.
    pub revoked: Vec<Revocation>,
    /// Apis projected as MISMATCH with another `spec_hash`.
    pub drifted: Vec<String>,
    /// The counterparties' request (1-based, over all) whose answer is withheld until the caller goes away.
    pub hold: Option<u64>,
}

/// `API.OPERATION=BEHAVIOUR[xTIMES]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerFault {
    /// The api's name in the flow.
    pub api: String,
    /// The operation's key: its id, or `METHOD /path`.
    pub operation: String,
    /// What happens instead of an answer.
    pub behaviour: Behaviour,
    /// How often; absent for always.
    pub times: Option<u64>,
}

/// What a server does instead of answering as it would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers with this status, and does nothing. A 3xx names a location on the same origin.
    Status(u16),
    /// Does what is asked, and answers with the document's example of this name.
    Example(String),
    /// Does what is asked, and never answers.
    Timeout,
    /// Does what is asked, and resets the connection.
    Reset,
    /// Closes the connection and does nothing.
    Close,
    /// At an operation: does nothing, lets every token of the api expire, and says so (401). At a token endpoint: gives a
    /// token that holds no longer.
    Expired,
}

/// `ID[@STEP]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What is projected as REVOKED.
    pub id: EczId,
    /// From when every call ordered before this step has been answered; absent for the start.
    pub before: Option<String>,
}

/// A fault that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// Not of the form.
    #[error("`{text}` is not a fault: {reason}")]
    Spelling {
        /// As written.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The flow has no such api.
    #[error("the flow uses no api `{name}`")]
    Api {
        /// As written.
        name: String,
        /// The nearest api.
        near: Option<String>,
    },
    /// The flow calls no such operation of the api.
    #[error("the flow calls no operation `{name}` of `{api}`")]
    Operation {
        /// The api.
        api: String,
        /// As written.
        name: String,
        /// The nearest operation.
        near: Option<String>,
    },
    /// The operation's answer has no such example.
    #[error("the answer of `{operation}` has no example `{name}`")]
    Example {
        /// `api.operation`.
        operation: String,
        /// As written.
        name: String,
        /// The nearest example.
        near: Option<String>,
        /// The first of those that it has.
        known: Vec<String>,
    },
    /// Nobody asks the resolver about the api.
    #[error("`{name}` has no passport: nobody asks the resolver about it, so no drift can show")]
    NoPassport {
        /// The api.
        name: String,
        /// The first of those that have one.
        known: Vec<String>,
    },
    /// No run of the flow asks for the identity.
    #[error("no run of this flow asks the resolver for `{id}`")]
    Identity {
        /// As written.
        id: EczId,
        /// The nearest identity.
        near: Option<String>,
        /// The first of those that are asked for.
        known: Vec<String>,
    },
    /// The flow has no such step.
    #[error("the flow has no step `{name}`")]
    Step {
        /// As written.
        name: String,
        /// The nearest step.
        near: Option<String>,
    },
}

impl Explained for FaultError {
    fn code(&self) -> &'static str {
        match self {
            FaultError::Spelling { .. } => "ER3905",
            FaultError::Api { .. } => "ER3906",
            FaultError::Operation { .. } => "ER3907",
            FaultError::Identity { .. } => "ER3908",
            FaultError::Step { .. } => "ER3909",
            FaultError::Example { .. } => "ER3012",
            FaultError::NoPassport { .. } => "ER3009",
        }
    }

    fn help(&self) -> Option<String> {
        let near = match self {
            FaultError::Spelling { .. } => {
                return Some(
                    "write `API.OPERATION=503x2`, `=timeout`, `=reset`, `=close`, `=expired`, `=example:NAME` or a status, each with `xTIMES` or without; `ID` or `ID@STEP` to revoke"
                        .into(),
                );
            }
            FaultError::NoPassport { known, .. } if known.is_empty() => return None,
            FaultError::NoPassport { known, .. } => {
                return Some(format!("`--drift` is for an api with a passport: `{}`", known.join("`, `")));
            }
            FaultError::Api { near, .. }
            | FaultError::Operation { near, .. }
            | FaultError::Example { near, .. }
            | FaultError::Identity { near, .. }
            | FaultError::Step { near, .. } => near,
        };
        let near = near.as_ref().map(|near| format!("did you mean `{near}`?"));
        near.or_else(|| match self {
            FaultError::Example { known, .. } if known.is_empty() => {
                Some("the document names no examples under `examples` of its answers".into())
            }
            FaultError::Example { known, .. } => Some(format!("it has `{}`", known.join("`, `"))),
            FaultError::Identity { known, .. } if !known.is_empty() => {
                Some(format!("it asks for `{}`", known.join("`, `")))
            }
            _ => None,
        })
    }
}

/// Names that fit into a line or two.
fn first_of(names: &[&str]) -> Vec<String> {
    names.iter().take(8).map(|name| (*name).to_owned()).collect()
}

fn spelling(text: &str, reason: &'static str) -> FaultError {
    FaultError::Spelling { text: text.chars().take(120).collect(), reason }
}

impl FromStr for AnswerFault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<AnswerFault, FaultError> {
        // A path template may hold `=`; a behaviour never does.
        let (target, behaviour) = text.rsplit_once('=').ok_or_else(|| spelling(text, "it has no `=`"))?;
        let (api, operation) =
            target.split_once('.').ok_or_else(|| spelling(text, "`API.OPERATION` stands before the `=`"))?;
        if api.is_empty() || operation.is_empty() {
            return Err(spelling(text, "`API.OPERATION` stands before the `=`"));
        }
        let counted = behaviour.rsplit_once('x');
        // The name of an example may end in an `x` of its own.
        let is_count = |behaviour: &str, times: &str| {
            let named = times.is_empty() && behaviour.starts_with("example:");
            !named && times.bytes().all(|byte| byte.is_ascii_digit())
        };
        let counted = counted.filter(|(behaviour, times)| is_count(behaviour, times));
        let (behaviour, times) = match counted {
            Some((behaviour, times)) => {
                let times = times.parse().ok().filter(|times| *times > 0);
                let times = times.ok_or_else(|| spelling(text, "after `x` stands how often, at least 1"))?;
                (behaviour, Some(times))
            }
            None => (behaviour, None),
        };
        let behaviour = match behaviour {
            "timeout" => Behaviour::Timeout,
            "reset" => Behaviour::Reset,
            "close" => Behaviour::Close,
            "expired" => Behaviour::Expired,
            text if let Some(name) = text.strip_prefix("example:").filter(|name| !name.is_empty()) => {
                Behaviour::Example(name.to_owned())
            }
            status => status
                .parse()
                .ok()
                .filter(|number: &u16| status.len() == 3 && (300..600).contains(number))
                .map(Behaviour::Status)
                .ok_or_else(|| {
                    spelling(
                        text,
                        "the behaviour is a status of 300 to 599, timeout, reset, close, expired or example:NAME",
                    )
                })?,
        };
        Ok(AnswerFault { api: api.to_owned(), operation: operation.to_owned(), behaviour, times })
    }
}

impl FromStr for Revocation {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Revocation, FaultError> {
        let (id, before) = match text.split_once('@') {
            Some((_, "")) => return Err(spelling(text, "a step's name stands after the `@`")),
            Some((id, step)) => (id, Some(step.to_owned())),
            None => (text, None),
        };
        let id = id.parse().map_err(|_| spelling(text, "`ID` is an ECZ-ID"))?;
        Ok(Revocation { id, before })
    }
}

/// What faults may name.
pub(crate) struct Names<'a> {
    /// Operations by api.
    pub(crate) operations: BTreeMap<&'a str, Vec<&'a str>>,
    /// Named examples of answers by api and operation.
    pub(crate) examples: BTreeMap<(&'a str, &'a str), Vec<&'a str>>,
    /// The apis that have a passport.
    pub(crate) with_passport: Vec<&'a str>,
    /// The identities that a run asks for.
    pub(crate) identities: Vec<&'a str>,
    /// Steps, those in loops included.
    pub(crate) steps: Vec<&'a str>,
}

impl Faults {
    /// Reads the values of `--fault`, `--revoke`, `--drift` and `--hold`. Whether they name anything shows at the start.
    pub fn parse(
        faults: &[String],
        revoked: &[String],
        drifted: &[String],
        hold: Option<u64>,
    ) -> Result<Faults, FaultError> {
        Ok(Faults {
            answers: faults.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
            revoked: revoked.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
            drifted: drifted.to_vec(),
            hold,
        })
    }

    /// Whether every name is one of this flow and its documents.
    pub(crate) fn check(&self, names: &Names<'_>) -> Result<(), FaultError> {
        let near_to =
            |name: &str, among: &[&str]| did_you_mean(name, among.iter().copied()).map(str::to_owned);
        let apis: Vec<&str> = names.operations.keys().copied().collect();
        let no_api = |name: &String| FaultError::Api { name: name.clone(), near: near_to(name, &apis) };
        for fault in &self.answers {
            let operations = names.operations.get(fault.api.as_str()).ok_or_else(|| no_api(&fault.api))?;
            if !operations.contains(&fault.operation.as_str()) {
                let near = near_to(&fault.operation, operations);
                return Err(FaultError::Operation {
                    api: fault.api.clone(),
                    name: fault.operation.clone(),
                    near,
                });
            }
            if let Behaviour::Example(name) = &fault.behaviour {
                let examples = names.examples.get(&(fault.api.as_str(), fault.operation.as_str()));
                let examples = examples.map(Vec::as_slice).unwrap_or_default();
                if !examples.contains(&name.as_str()) {
                    let operation = format!("{}.{}", fault.api, fault.operation);
                    return Err(FaultError::Example {
                        operation,
                        name: name.clone(),
                        near: near_to(name, examples),
                        known: first_of(examples),
                    });
                }
            }
        }
        for api in &self.drifted {
            names.operations.get(api.as_str()).ok_or_else(|| no_api(api))?;
            if !names.with_passport.contains(&api.as_str()) {
                let known = first_of(&names.with_passport);
                return Err(FaultError::NoPassport { name: api.clone(), known });
            }
        }
        for revocation in &self.revoked {
            if !names.identities.contains(&revocation.id.as_str()) {
                // What is asked for of a party is its API Passport or an agent's credential, seldom its own.
                let below = format!("{}::", revocation.id);
                let below = names.identities.iter().find(|id| id.starts_with(&below));
                let near = below.map(|id| (*id).to_owned());
                let near = near.or_else(|| near_to(revocation.id.as_str(), &names.identities));
                let known = first_of(&names.identities);
                return Err(FaultError::Identity { id: revocation.id.clone(), near, known });
            }
            if let Some(step) =
                revocation.before.as_ref().filter(|step| !names.steps.contains(&step.as_str()))
            {
                return Err(FaultError::Step { name: step.clone(), near: near_to(step, &names.steps) });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read() {
        let fault = |text: &str| text.parse::<AnswerFault>().map(|fault| (fault.behaviour, fault.times));
        assert_eq!(fault("payments.createRefund=503x2"), Ok((Behaviour::Status(503), Some(2))));
        assert_eq!(fault("payments.createRefund=timeout"), Ok((Behaviour::Timeout, None)));
        assert_eq!(fault("payments.createRefund=resetx1"), Ok((Behaviour::Reset, Some(1))));
        assert_eq!(fault("payments.createRefund=expired"), Ok((Behaviour::Expired, None)));
        assert_eq!(fault("payments.@token=expiredx2"), Ok((Behaviour::Expired, Some(2))));
        assert_eq!(fault("payments.createRefund=303"), Ok((Behaviour::Status(303), None)));
        let example = |name: &str| Behaviour::Example(name.to_owned());
        assert_eq!(fault("payments.getRefund=example:runningx2"), Ok((example("running"), Some(2))));
        assert_eq!(fault("payments.getRefund=example:in box"), Ok((example("in box"), None)));
        assert_eq!("a.GET /x.json=close".parse::<AnswerFault>().unwrap().operation, "GET /x.json");
        for bad in [
            "",
            "a",
            "a.b",
            "a=503",
            ".b=503",
            "a.=503",
            "a.b=",
            "a.b=503x",
            "a.b=503x0",
            "a.b=200",
            "a.b=+503",
            "a.b=example:",
        ] {
            assert_eq!(fault(bad).unwrap_err().code(), "ER3905", "{bad}");
        }
        let revocation = "ECZ-GB-A1B2C3::API-000001@refund".parse::<Revocation>().unwrap();
        assert_eq!(revocation.before.as_deref(), Some("refund"));
        for bad in ["", "refund", "ECZ-GB-A1B2C3@"] {
            assert!(bad.parse::<Revocation>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_checked_with_suggestions() {
        let names = Names {
            operations: BTreeMap::from([("payments", vec!["createRefund"]), ("plain", vec![])]),
            with_passport: vec!["payments"],
            examples: BTreeMap::from([(("payments", "createRefund"), vec!["pending"])]),
            identities: vec!["ECZ-GB-A1B2C3::API-000001"],
            steps: vec!["refund"],
        };
        let help = |faults: Faults| faults.check(&names).unwrap_err().help().unwrap();
        let answers = |text: &str| Faults { answers: vec![text.parse().unwrap()], ..Faults::default() };
        assert_eq!(help(answers("payment.createRefund=503")), "did you mean `payments`?");
        assert_eq!(help(answers("payments.createrefund=503")), "did you mean `createRefund`?");
        assert_eq!(help(answers("payments.createRefund=example:pendin")), "did you mean `pending`?");
        assert_eq!(answers("payments.createRefund=example:pendingx1").check(&names), Ok(()));
        let revoked = |text: &str| Faults { revoked: vec![text.parse().unwrap()], ..Faults::default() };
        assert_eq!(help(revoked("ECZ-GB-A1B2C3::API-000001@refunt")), "did you mean `refund`?");
        assert_eq!(help(revoked("ECZ-GB-A1B2C3::API-000007")), "did you mean `ECZ-GB-A1B2C3::API-000001`?");
        let drifted = |name: &str| Faults { drifted: vec![name.into()], ..Faults::default() };
        assert!(help(drifted("paymints")).contains("payments"));
        assert_eq!(drifted("payments").check(&names), Ok(()));
        assert_eq!(help(drifted("plain")), "`--drift` is for an api with a passport: `payments`");
        assert_eq!(answers("payments.createRefund=503").check(&names), Ok(()));
        // Where nothing is near, what there is.
        assert_eq!(help(answers("payments.createRefund=example:lost")), "it has `pending`");
        assert_eq!(help(revoked("ECZ-GB-A1B2C3")), "did you mean `ECZ-GB-A1B2C3::API-000001`?");
        assert_eq!(help(revoked("ECZ-FR-NOBODY")), "it asks for `ECZ-GB-A1B2C3::API-000001`");
        let none = Names { examples: BTreeMap::new(), ..names };
        let found = answers("payments.createRefund=example:lost").check(&none).unwrap_err();
        assert_eq!(found.help().unwrap(), "the document names no examples under `examples` of its answers");
    }
}
