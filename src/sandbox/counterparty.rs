//! One counterparty: the server of an api's origins, made from its document. Every request is verified before anything is
//! done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderName, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Response};

use super::admission::{Admission, Caller};
use super::answer::{Answer, documented};
use super::credentials::{Due, Shown, without_keys};
use super::faults::{AnswerFault, Behaviour};
use super::ledger::{Ledger, Open, Outcome};
use super::listener::{Body, Ending, Handler, Received, response};
use super::problem::Problem;
use super::request::read_arguments;
use super::surface::{Matched, Surface};
use super::things::Things;
use super::token::{TOKEN, TokenEndpoint};
use crate::base::Digest;
use crate::wire::handoff::Audience;

/// An api as a counterparty serves it.
pub(crate) struct ServedApi {
    pub(crate) name: String,
    /// The API Passport, or the origin: the audience of every handoff.
    pub(crate) audience: Audience,
    /// Paths before the document's own, without trailing slash; longest first.
    pub(crate) bases: Vec<String>,
    pub(crate) surface: Surface,
    /// What is due of every caller.
    pub(crate) due: Vec<Due>,
    /// Its token endpoint, wherever that is served.
    pub(crate) token: Option<Arc<TokenEndpoint>>,
    /// The header that carries the idempotency key, by operation; an operation without one honours none.
    pub(crate) key_headers: BTreeMap<String, HeaderName>,
    /// Wrong answers, in the order given.
    pub(crate) faults: Vec<AnswerFault>,
    memory: Mutex<Memory>,
}

/// What an api remembers.
#[derive(Default)]
pub(crate) struct Memory {
    /// Answers by idempotency key.
    keyed: BTreeMap<String, Stored>,
    /// Ids given so far, by operation: `name=JSON`.
    issued: BTreeMap<String, BTreeSet<String>>,
    /// How often each fault was used.
    used: Vec<u64>,
}

/// A token endpoint as a counterparty serves it.
pub(crate) struct ServedToken {
    pub(crate) endpoint: Arc<TokenEndpoint>,
    /// Wrong answers, in the order given.
    pub(crate) faults: Vec<AnswerFault>,
    pub(crate) memory: Mutex<Memory>,
}

struct Stored {
    /// Of method, path and body.
    request: Digest,
    answer: Answer,
}

/// A counterparty's server.
pub(crate) struct Counterparty {
    /// The ledger's name for it.
    pub(crate) name: String,
    /// `host[:port]` of its origins.
    pub(crate) authorities: Vec<String>,
    pub(crate) apis: Vec<ServedApi>,
    /// The token endpoints at its origins.
    pub(crate) tokens: Vec<ServedToken>,
    pub(crate) admission: Admission,
    pub(crate) ledger: Ledger,
    /// The request whose answer is withheld.
    pub(crate) hold: Option<u64>,
    /// Serves requests without a signature too.
    pub(crate) accept_unsigned: bool,
    /// What its requests created, changed and deleted.
    pub(crate) things: Mutex<Things>,
}

/// What a request comes to.
enum Done {
    Answer(Answer),
    Problem(Problem),
    /// What a token endpoint answers.
    Token(Response<Full<Bytes>>),
    /// A fault's answer.
    Fault(u16),
    Never,
    Reset,
    Close,
}

impl Handler for Counterparty {
    async fn handle(self: Arc<Self>, received: Received) -> Ending {
        let head = &received.head;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let bytes = if let Body::Whole(body) = &received.body { body.len() } else { 0 };
        let host = host(head);
        let token = self.tokens.iter().find(|token| token.endpoint.is_at(host, head.uri.path()));
        let keys: Vec<&str> = self.apis.iter().flat_map(ServedApi::query_keys).collect();
        let shown = without_keys(path, &keys);
        let open = self.ledger.enter(&self.name, token.is_none(), head.method.as_str(), &shown, bytes);
        let served = match token {
            Some(token) => serve_token(token, &open, &received),
            None => self.serve(&open, &received, host, &shown),
        };
        let done = served.unwrap_or_else(|problem| {
            open.note(|entry| entry.refused = Some(problem.detail.clone()));
            Done::Problem(problem)
        });
        open.done();
        if self.hold.is_some() && self.hold == open.request || matches!(done, Done::Never) {
            // The server drops this future, and with it the open entry, when the caller goes away.
            std::future::pending::<()>().await;
        }
        let (answer, body) = match done {
            Done::Answer(answer) => (written(&answer), answer.body.map(|(_, body)| body)),
            Done::Problem(problem) => (problem.into_response(), None),
            Done::Token(answer) => (answer, None),
            Done::Fault(status) => (faulty(status), None),
            Done::Close | Done::Never => {
                open.ended(Outcome::Closed);
                return Ending::Close;
            }
            Done::Reset => {
                open.ended(Outcome::Reset);
                return Ending::Reset;
            }
        };
        open.answered(answer.status().as_u16(), body);
        Ending::Answer(answer)
    }
}

impl Counterparty {
    /// `shown` is the request's target without keys.
    fn serve(&self, open: &Open, received: &Received, host: &str, shown: &str) -> Result<Done, Problem> {
        let head = &received.head;
        if !self.authorities.iter().any(|authority| authority.eq_ignore_ascii_case(host)) {
            return Err(Problem::new(
                421,
                "misdirected request",
                "this server does not answer for that host",
            ));
        }
        let (api, matched) = self.route(head.method.as_str(), head.uri.path())?;
        let operation = matched.operation;
        let key_header = api.key_headers.get(&operation.key);
        let key = match key_header.map(|name| single(&head.headers, name)) {
            None => None,
            Some(key) => key?,
        };
        open.note(|entry| {
            entry.operation = Some(format!("{}.{}", api.name, operation.key));
            entry.key = key.map(str::to_owned);
        });
        let body = whole(&received.body)?;
        let caller = self.admission.admit(head, body, host, api, key_header, self.accept_unsigned)?;
        note_caller(open, &caller);
        let query = head.uri.query().unwrap_or_default();
        let credentials = Shown { headers: &head.headers, query, certificate: received.certificate };
        api.due.iter().try_for_each(|due| due.check(&credentials))?;
        let arguments = read_arguments(&matched, query, &api.query_keys(), &head.headers, body)?;
        if let (Some(header), Some(key)) = (key_header, key) {
            operation.contract.check_key(header.as_str(), key).map_err(|misfit| {
                let detail = format!("header `{header}`: {misfit}");
                Problem::new(400, "the request does not fit the document", detail)
            })?;
        }
        let mut memory = api.memory();
        let fault = memory.fault(&api.faults, &operation.key);
        match &fault {
            Some(Behaviour::Status(status)) => {
                let answer = documented(operation, *status, None);
                let told = *status >= 400 && answer.body.is_some();
                return Ok(if told { Done::Answer(answer) } else { Done::Fault(*status) });
            }
            Some(Behaviour::Close) => return Ok(Done::Close),
            Some(Behaviour::Expired) => {
                if let Some(token) = &api.token {
                    token.expire();
                }
                let problem =
                    Problem::new(401, "the token is not accepted", "a fault: the token has expired");
                return Err(problem.challenging("Bearer error=\"invalid_token\""));
            }
            _ => {}
        }
        let target = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let request =
            Digest::of_parts(&[head.method.as_str().as_bytes(), b" ", target.as_bytes(), b"\n", body]);
        let stored = key.and_then(|key| memory.keyed.get(key));
        let answer = match stored {
            Some(stored) if stored.request == request => stored.answer.clone(),
            Some(_) => {
                let detail = "this idempotency key came before with another method, path or body";
                return Err(Problem::new(422, "the key is taken", detail));
            }
            None => {
                let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
                let issued = memory.issued.entry(operation.key.clone()).or_default();
                let example = match &fault {
                    Some(Behaviour::Example(name)) => Some(name.as_str()),
                    _ => None,
                };
                let answer =
                    things.answer(&api.surface, operation, head.uri.path(), &arguments, issued, example)?;
                let done = answer.status < 400 && !operation.view.is_safe();
                if done {
                    open.effect(&api.name, &operation.key, shown, key);
                }
                if let Some(key) = key.filter(|_| done) {
                    memory.keyed.insert(key.to_owned(), Stored { request, answer: answer.clone() });
                }
                answer
            }
        };
        Ok(match fault {
            Some(Behaviour::Timeout) => Done::Never,
            Some(Behaviour::Reset) => Done::Reset,
            _ => Done::Answer(answer),
        })
    }

    /// The api and operation a path means.
    fn route(&self, method: &str, path: &str) -> Result<(&ServedApi, Matched<'_>), Problem> {
        let mut methods: Vec<&str> = Vec::new();
        for api in &self.apis {
            for rest in api.bases.iter().filter_map(|base| path.strip_prefix(base.as_str())) {
                match api.surface.find(method, rest) {
                    Ok(matched) => return Ok((api, matched)),
                    Err(others) => methods.extend(others),
                }
            }
        }
        if methods.is_empty() {
            return Err(Problem::new(404, "no such operation", "the flow uses no operation of this path"));
        }
        methods.sort_unstable();
        methods.dedup();
        let detail = "the flow uses this path, but not with this method";
        Err(Problem::new(405, "no such operation", detail).with("allow", methods.join(", ")))
    }
}

impl ServedApi {
    /// An api that nobody has called yet.
    pub(crate) fn new(name: &str, audience: &Audience, surface: Surface) -> ServedApi {
        ServedApi {
            name: name.to_owned(),
            audience: audience.clone(),
            bases: Vec::new(),
            surface,
            due: Vec::new(),
            token: None,
            key_headers: BTreeMap::new(),
            faults: Vec::new(),
            memory: Mutex::default(),
        }
    }

    /// The parameters of the query that carry keys: no signature covers them, and no operation declares them.
    pub(crate) fn query_keys(&self) -> Vec<&str> {
        self.due.iter().filter_map(Due::query_key).collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// The fault that this request meets, used up by one.
    fn fault(&mut self, faults: &[AnswerFault], operation: &str) -> Option<Behaviour> {
        self.used.resize(faults.len(), 0);
        let mut both = faults.iter().zip(&mut self.used);
        let (fault, used) = both.find(|(fault, used)| {
            fault.operation == operation && fault.times.is_none_or(|times| **used < times)
        })?;
        *used += 1;
        Some(fault.behaviour.clone())
    }
}

/// A header that may stand there once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let problem = |why: &str| {
        Problem::new(400, "the request does not fit the document", format!("header `{name}` {why}"))
    };
    if values.next().is_some() {
        return Err(problem("stands there more than once"));
    }
    match value.to_str() {
        Ok(text) if !text.is_empty() => Ok(Some(text)),
        _ => Err(problem("is empty or no text")),
    }
}

/// The host a request names, without the port that https has by itself.
fn host(head: &Parts) -> &str {
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| head.uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
    host.strip_suffix(":443").unwrap_or(host)
}

fn whole(body: &Body) -> Result<&Bytes, Problem> {
    match body {
        Body::Whole(body) => Ok(body),
        Body::TooLarge => Err(Problem::new(413, "the body is too large", "at most 1 MiB is read")),
        Body::Broken => Err(Problem::new(400, "the body is broken", "it ended before its end")),
    }
}

/// A request for a token. It is nobody's effect and no request of a run's step, so it is not counted among those.
fn serve_token(token: &ServedToken, open: &Open, received: &Received) -> Result<Done, Problem> {
    open.note(|entry| entry.operation = Some(format!("{}.{TOKEN}", token.endpoint.api)));
    let body = whole(&received.body)?;
    let mut memory = token.memory.lock().unwrap_or_else(PoisonError::into_inner);
    let fault = memory.fault(&token.faults, TOKEN);
    let expired = fault == Some(Behaviour::Expired);
    let answer = || token.endpoint.answer(&received.head, body, expired);
    Ok(match fault {
        Some(Behaviour::Status(status)) => Done::Fault(status),
        Some(Behaviour::Close) => Done::Close,
        Some(Behaviour::Timeout) => Done::Never,
        Some(Behaviour::Reset) => Done::Reset,
        Some(Behaviour::Expired | Behaviour::Example(_)) | None => Done::Token(answer()),
    })
}

fn note_caller(open: &Open, caller: &Caller) {
    open.note(|entry| {
        entry.signed = caller.signed;
        entry.nonce.clone_from(&caller.nonce);
        entry.run.clone_from(&caller.run);
        entry.handoff.clone_from(&caller.handoff);
        entry.attempt = caller.attempt;
    });
}

fn written(answer: &Answer) -> Response<Full<Bytes>> {
    let mut written = match &answer.body {
        Some((content_type, body)) => response(answer.status, content_type, body.to_string()),
        None => {
            let mut empty = response(answer.status, "", "");
            empty.headers_mut().clear();
            empty
        }
    };
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            written.headers_mut().insert(name, value);
        }
    }
    written
}

fn faulty(status: u16) -> Response<Full<Bytes>> {
    let mut answer = Problem::new(status, "a fault", "the sandbox was asked to answer so").into_response();
    if (300..400).contains(&status) {
        answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/redirected-by-fault"));
    }
    answer
}
