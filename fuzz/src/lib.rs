//! What each fuzz target does with its bytes. Nothing here may panic on any input; what is asserted beyond that holds
//! for every input. Each body answers whether the input was accepted as what it claims to be.
//!
//! Used twice: by the targets in `fuzz_targets/`, and by `tests/it/fuzzed.rs` over the kept inputs. Names only the
//! public face of the main package.

use eczflow::audit::Trust;
use eczflow::base::{Digest, Ed25519Key, SeededRandom, Signer, Timestamp, canonical_json};
use eczflow::compile::Session;
use eczflow::diagnostics::Sink;
use eczflow::documents::{self, Document, OperationView};
use eczflow::ecz::{Asked, Decision, EczId, Observation, VerifyMode, judge};
use eczflow::plan::{self, Plan, PlanFile, Verified};
use eczflow::source::{MemoryFiles, SourceMap};
use eczflow::types::{Answer, Contract, Direction, JsonSchema};
use eczflow::verify;
use eczflow::wire::handoff::{RunSecret, TrustContext};
use eczflow::wire::resolver::{Adapter, BindingProjection};
use eczflow::wire::signature::{Message, Received, Target, content_digest, sign, verify as verify_signature};

/// The document that flows may refer to, as `desk.yaml`.
const DESK: &[u8] = include_bytes!("../documents/desk.yaml");
const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A flow: every flow of it is checked; then its documents are pinned, as an author does, and it is compiled.
pub fn flow(data: &[u8]) -> bool {
    let at = "f/flow.eczflow".into();
    let mut files = MemoryFiles::default();
    files.insert("f/desk.yaml", DESK);
    files.insert("f/flow.eczflow", data);
    let Ok(checked) = Session::new(&files).check(at, None) else { return false };
    let drawn =
        checked.checked.iter().map(|flow| flow.graph.drawing(&flow.hir, &checked.source_map).nodes.len());
    std::hint::black_box(drawn.sum::<usize>());
    let Ok(pinned) = Session::new(&files).pin(at) else { return false };
    if pinned.has_errors() {
        return false;
    }
    files.insert("f/flow.eczflow", pinned.text);
    files.insert("f/eczflow.lock", pinned.lock);
    let compile = || Session::new(&files).compile(at, None).ok();
    let Some(compilation) = compile() else { return false };
    let Some(verified) = compilation.plan else { return false };
    let again = compile().and_then(|compilation| compilation.plan);
    assert_eq!(again.map(|plan| plan.digest()), Some(verified.digest()), "the same text makes the same plan");
    survives(&verified);
    true
}

/// An OpenAPI document in JSON.
pub fn json_document(data: &[u8]) -> bool {
    document(data, "document.json")
}

/// An OpenAPI document in YAML.
pub fn yaml_document(data: &[u8]) -> bool {
    document(data, "document.yaml")
}

fn read(data: &[u8], name: &str) -> Option<Document> {
    documents::check(data, name, &mut SourceMap::default(), &mut Sink::default())
}

fn document(data: &[u8], name: &str) -> bool {
    let Some(document) = read(data, name) else { return false };
    let hash = document.canonical_hash();
    assert_eq!(read(data, name).map(|again| again.canonical_hash()), Some(hash), "read twice, one hash");
    let text = document.canonical_text();
    let rewritten = read(text.as_bytes(), "document.json").map(|again| again.canonical_hash());
    assert_eq!(rewritten, Some(hash), "its canonical JSON has the same hash");
    for entry in document.operations() {
        let (Ok(view), Ok(slice)) = (document.view(entry), document.slice(entry)) else { continue };
        let alone = OperationView::from_slice(&slice.text).expect("a slice is a whole");
        assert_eq!(alone.key(), view.key());
        let _ = Contract::from_view(&alone);
    }
    true
}

/// Whether one schema's values are another's: a JSON list of two schemas.
pub fn subschema(data: &[u8]) -> bool {
    let Ok([left, right]) = serde_json::from_slice::<[serde_json::Value; 2]>(data) else { return false };
    let read = |schema| JsonSchema::read(schema, "", Direction::Both).ok();
    let (Some(left), Some(right)) = (read(&left), read(&right)) else { return false };
    match left.is_within(&right) {
        Answer::Yes => {
            let wrong = left.values(20).into_iter().find(|value| right.check(value).is_err());
            assert_eq!(wrong, None, "a yes has no value that is refused");
        }
        Answer::No(shown) => {
            let value = shown.value.expect("a no shows a value");
            assert!(left.check(&value).is_ok() && right.check(&value).is_err(), "a no is confirmed");
        }
        Answer::Unknown(_) => {}
    }
    assert!(!matches!(left.is_within(&left), Answer::No(_)), "a schema holds itself");
    true
}

/// A plan: as a file; and what its canonical form and digest keep out, without them.
pub fn plan(data: &[u8]) -> bool {
    let file = PlanFile::read(data).and_then(plan::check_file);
    if let Ok(verified) = &file {
        survives(verified);
    }
    let plan = serde_json::from_slice::<PlanFile>(data).map(|file| file.plan);
    if let Ok(verified) = plan.map_err(drop).and_then(|plan| plan::check(plan).map_err(drop)) {
        survives(&verified);
    }
    file.is_ok()
}

/// An accepted plan is accepted again from its own text, under the same name.
fn survives(verified: &Verified<Plan>) {
    let text = verified.to_file().to_text().expect("a plan can be written");
    let again = PlanFile::read(text.as_bytes()).and_then(plan::check_file);
    assert_eq!(again.expect("it was accepted before").digest(), verified.digest());
}

/// A bundle: as it is; and with its last line's digest set right, so that what lies behind it is reached.
pub fn bundle(data: &[u8]) -> bool {
    let trust = Trust::Logs(&[]);
    let failed = verify::verify(&mut &*data, trust).failed(false);
    assert_eq!(verify::verify(&mut &*data, trust).failed(false), failed, "verified twice, one answer");
    if let Some(mended) = mended(data) {
        let mended_failed = verify::verify(&mut mended.as_slice(), trust).failed(false);
        assert!(failed || !mended_failed || mended != data);
    }
    !failed
}

fn mended(data: &[u8]) -> Option<Vec<u8>> {
    let body = data.strip_suffix(b"\n")?;
    let start = body.iter().rposition(|byte| *byte == b'\n')? + 1;
    let (before, last) = (data.get(..start)?, body.get(start..)?);
    let mut trailer: serde_json::Value = serde_json::from_slice(last).ok()?;
    *trailer.get_mut("digest")? = Digest::of(before).to_string().into();
    let mut mended = before.to_vec();
    mended.extend(canonical_json(&trailer).ok()?.bytes());
    mended.push(b'\n');
    Some(mended)
}

/// A resolver's answer about an API Passport, judged under the strictest policy.
pub fn resolver(data: &[u8]) -> bool {
    let id: EczId = "ECZ-GB-SUPP01::API-TICK01".parse().expect("an ID");
    let Ok(projection) = BindingProjection.read(&id, data) else { return false };
    let again = BindingProjection.read(&id, data);
    assert_eq!(again.as_ref(), Ok(&projection), "read twice, one projection");
    let asked = Asked {
        ecz_id: id.clone(),
        origin: Some("https://desk.example".into()),
        region: None,
        spec_hash: None,
        canonical_hash: None,
        operations: vec![("getTicket".into(), "GET /tickets/{ticketId}".into())],
    };
    let same = projection.ecz_id == id;
    let verdict = judge(VerifyMode::Require, &asked, &Observation::Projected(Box::new(projection)));
    assert!(same || verdict.decision == Decision::Stop, "an answer about another ID never goes");
    true
}

/// An `ECZ-Handoff` field.
pub fn handoff(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(context) = TrustContext::parse(text) else { return false };
    assert_eq!(context.to_field().as_deref(), Ok(text), "one text for one context");
    assert_eq!(context.traceparent().len(), 55);
    true
}

/// A signed request: a line `METHOD authority path query`, fields, an empty line, the body. Verified as it came, and
/// signed anew.
pub fn signature(data: &[u8]) -> bool {
    let Some(request) = Request::read(data) else { return false };
    let key = Ed25519Key::generate(&SeededRandom::new("fuzz"));
    let public = key.public_key();
    let find = |keyid: &str| (keyid == public.thumbprint()).then_some(public);
    let check = |headers: &[(String, String)], body: &[u8]| {
        let target = request.target.clone();
        let idempotency_header = Some("X-Request-Id");
        verify_signature(&Received { target, headers, body, idempotency_header }, &find, NOW)
    };
    let verified = check(&request.headers, &request.body);
    let other = [request.body.as_slice(), b"x"].concat();
    if let Ok(first) = &verified {
        assert_eq!(
            check(&request.headers, &request.body).ok().as_ref(),
            Some(first),
            "verified twice, one answer"
        );
        assert!(check(&request.headers, &other).is_err(), "another body does not verify");
    }
    // What was signed verifies, whatever the request was, where it could be signed at all.
    let field = |name: &str| {
        let mut found = request.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    };
    let message = Message {
        target: request.target.clone(),
        content_type: field("content-type"),
        idempotency: field("x-request-id").map(|value| ("X-Request-Id", value)),
        handoff: field("ecz-handoff"),
        body: &request.body,
    };
    if let Ok(signed) = sign(&message, &key, NOW, "AAAAAAAAAAAAAAAAAAAAAA") {
        assert_eq!(signed.content_digest, (!request.body.is_empty()).then(|| content_digest(&request.body)));
        let sent = [
            ("content-type", message.content_type),
            ("x-request-id", field("x-request-id")),
            ("ecz-handoff", message.handoff),
        ];
        let sent = sent.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())));
        let headers: Vec<(String, String)> = sent.chain(signed.headers()).collect();
        let answer = check(&headers, &request.body);
        assert_eq!(answer.ok().map(|verified| verified.base), Some(signed.base), "what was signed verifies");
        assert!(check(&headers, &other).is_err(), "another body does not verify");
    }
    verified.is_ok()
}

/// A request that verifies, as [`signature`] reads it: the seed `valid` of that target.
pub fn signed_request() -> Vec<u8> {
    let target = Target {
        method: "POST".into(),
        authority: "desk.example".into(),
        path: "/v1/notes".into(),
        query: Some("full=true".into()),
        hidden: Vec::new(),
    };
    let body = br#"{"text":"MUG"}"#;
    let handoff = trust_context();
    let message = Message {
        target,
        content_type: Some("application/json"),
        idempotency: Some(("X-Request-Id", "k-1")),
        handoff: Some(&handoff),
        body,
    };
    let key = Ed25519Key::generate(&SeededRandom::new("fuzz"));
    let signed = sign(&message, &key, NOW, "AAAAAAAAAAAAAAAAAAAAAA").expect("it can be signed");
    let mut text = format!(
        "POST desk.example /v1/notes full=true\ncontent-type: application/json\nx-request-id: k-1\n\
         ecz-handoff: {handoff}\n"
    );
    for (name, value) in signed.headers() {
        text.push_str(&format!("{name}: {value}\n"));
    }
    [text.as_bytes(), b"\n", body.as_slice()].concat()
}

/// A trust context as it is sent: the seed `valid` of [`handoff`].
pub fn trust_context() -> String {
    let audience = eczflow::wire::handoff::Audience::parse("ECZ-GB-SUPP01::API-TICK01").expect("an ID");
    let secret = RunSecret::new([7; 32]);
    let context = TrustContext {
        operator: "ECZ-GB-A1B2C3".parse().expect("an ID"),
        agent: "ECZ-GB-A1B2C3::AGENT-7QK2M9".parse().expect("an ID"),
        run: secret.run_id(&audience),
        handoff: secret.handoff_id(&audience, "made[0].noted"),
        attempt: 2,
        leaf: Digest::of("leaf"),
        trace: secret.trace_id(Some(&audience)),
        parent: Some(Digest::of("context")),
        audience,
    };
    context.to_field().expect("it is a context")
}

struct Request {
    target: Target,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(data: &[u8]) -> Option<Request> {
        let end = data.windows(2).position(|pair| pair == b"\n\n")?;
        let body = data.get(end + 2..)?.to_vec();
        let head = std::str::from_utf8(data.get(..end)?).ok()?;
        let mut lines = head.lines();
        let mut words = lines.next()?.splitn(4, ' ').map(str::to_owned);
        let target = Target {
            method: words.next()?,
            authority: words.next()?,
            path: words.next()?,
            query: words.next(),
            hidden: Vec::new(),
        };
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim().to_owned())
        });
        Some(Request { target, headers: headers.collect(), body })
    }
}
