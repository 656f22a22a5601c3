//! What the parts of this room do together, over the example's documents.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::base::Digest;
use crate::diagnostics::Sink;
use crate::source::SourceMap;

const SUPPORT: &str = include_str!("../../examples/refund/apis/support.openapi.yaml");
const WAREHOUSE: &str = include_str!("../../examples/refund/apis/warehouse.openapi.yaml");
const PAYMENTS: &str = include_str!("../../examples/refund/apis/payments.openapi.json");

fn read_named(text: &[u8], name: &str) -> Result<Document, Vec<&'static str>> {
    let mut sink = Sink::default();
    let document = check(text, name, &mut SourceMap::default(), &mut sink);
    let codes: Vec<_> = sink.into_sorted().iter().map(|finding| finding.code.number).collect();
    if codes.is_empty() { Ok(document.expect("a document where nothing was found")) } else { Err(codes) }
}

fn read(text: &str) -> Result<Document, Vec<&'static str>> {
    read_named(text.as_bytes(), "a.yaml")
}

fn payments() -> Document {
    read_named(PAYMENTS.as_bytes(), "payments.json").unwrap()
}

/// The payments document after a change of its JSON.
fn payments_with(change: impl FnOnce(&mut Value)) -> Result<Document, Vec<&'static str>> {
    let mut value: Value = serde_json::from_str(PAYMENTS).unwrap();
    change(&mut value);
    read_named(value.to_string().as_bytes(), "payments.json")
}

#[test]
fn the_examples_state_their_own_hashes() {
    for (text, name) in [(SUPPORT, "a.yaml"), (WAREHOUSE, "a.yaml"), (PAYMENTS, "a.json")] {
        let document = read_named(text.as_bytes(), name).unwrap();
        let identity = document.identity(&mut Sink::default()).unwrap();
        assert_eq!(
            identity.fields.spec_hash,
            Some(document.canonical_hash().to_string()),
            "{}",
            identity.fields.api_origin
        );
    }
}

#[test]
fn json_and_yaml_of_one_document_have_one_hash() {
    let yaml = read(SUPPORT).unwrap();
    let json = serde_json::to_string_pretty(&yaml.root().to_value()).unwrap();
    let json = read_named(json.as_bytes(), "a.json").unwrap();
    assert_eq!(yaml.canonical_hash(), json.canonical_hash());
    assert_ne!(yaml.raw_hash(), json.raw_hash());
    // Only the statement of the hash itself is left out.
    let other = payments_with(|value| value["info"]["x-ecz-id"]["spec_hash"] = json!("sha256:else")).unwrap();
    assert_eq!(other.canonical_hash(), payments().canonical_hash());
    let other = payments_with(|value| value["info"]["title"] = json!("else")).unwrap();
    assert_ne!(other.canonical_hash(), payments().canonical_hash());
}

#[test]
fn an_operation_says_the_same_from_its_slice_alone() {
    for (text, name) in [(SUPPORT, "a.yaml"), (WAREHOUSE, "a.yaml"), (PAYMENTS, "a.json")] {
        let document = read_named(text.as_bytes(), name).unwrap();
        for entry in document.operations() {
            let slice = document.slice(entry).unwrap();
            assert_eq!(Slice::of_text(slice.text.clone()).unwrap().digest, slice.digest);
            let whole = document.view(entry).unwrap();
            let alone = OperationView::from_slice(&slice.text).unwrap();
            assert_eq!(format!("{:?}", parts(&whole)), format!("{:?}", parts(&alone)));
            let schemas = whole.responses.iter().flat_map(|response| response.content.values());
            for pointer in schemas.filter_map(|media| media.schema.as_deref()) {
                let (at, resolved) = resolve(whole.root(), pointer).unwrap();
                assert_eq!(resolve(alone.root(), pointer), Some((at, resolved)));
            }
        }
    }
}

#[allow(clippy::type_complexity, reason = "everything but the root, compared at once")]
fn parts(
    view: &OperationView,
) -> (
    String,
    &Vec<ParameterView>,
    &Option<BodyView>,
    &Vec<ResponseView>,
    &Vec<std::collections::BTreeMap<String, SchemeView>>,
    &Vec<ServerView>,
) {
    (view.key() + &view.route(), &view.parameters, &view.body, &view.responses, &view.security, &view.servers)
}

#[test]
fn the_examples_hold_what_the_flow_needs() {
    let support = read(SUPPORT).unwrap();
    let ticket = support.view(support.operation("getTicket").unwrap()).unwrap();
    assert_eq!((ticket.method.as_str(), ticket.path.as_str()), ("GET", "/tickets/{ticketId}"));
    assert!(ticket.parameter(Location::Path, "ticketId").unwrap().required);
    let answer = &ticket.response(200).unwrap().content["application/json"];
    let example = |name: &str| &answer.examples.iter().find(|example| example.name == name).unwrap().value;
    assert_eq!((&example("T1")["amount"], example("T1")["lines"].as_array().unwrap().len()), (&json!(40), 2));
    assert_eq!((&example("T2")["amount"], &example("T3")["lines"]), (&json!(900), &json!([])));
    assert_eq!(ticket.response(404).unwrap().pointer, "/components/responses/NotFound");
    assert!(ticket.response(500).is_none() && ticket.security.is_empty());

    let warehouse = read(WAREHOUSE).unwrap();
    for name in ["returnItem", "takeBackItem"] {
        let view = warehouse.view(warehouse.operation(name).unwrap()).unwrap();
        assert!(view.parameter(Location::Header, "idempotency-key").is_some() && !view.is_safe());
    }

    let payments = payments();
    let refund = payments.view(payments.operation("createRefund").unwrap()).unwrap();
    assert!(refund.takes_bearer() && refund.parameters.is_empty() && refund.body.as_ref().unwrap().required);
    let servers: Vec<_> = refund.servers.iter().map(|server| server.url.as_str()).collect();
    assert_eq!(servers, ["https://payments.example", "https://eu.payments.example"]);
    let identity = payments.identity(&mut Sink::default()).unwrap();
    assert!(identity.fields.recheck_before_reliance && identity.fields.agent_credential_id.is_some());
    assert_eq!(payments.operation("POST /refunds").unwrap().key, "createRefund");
    let unknown = payments.operation("createRefnd").unwrap_err();
    assert_eq!((unknown.suggestion.as_deref(), unknown.known.len()), (Some("createRefund"), 3));
}

#[test]
fn a_slice_changes_with_what_it_refers_to_and_with_nothing_else() {
    let payments = payments();
    let entry = payments.operation("createRefund").unwrap();
    let slice = payments.slice(entry).unwrap();
    assert!(slice.text.contains("/components/schemas/Amount") && !slice.text.contains("CancelledRefund"));
    let after = |change: fn(&mut Value)| {
        let changed = payments_with(change).unwrap();
        changed.slice(changed.operation("createRefund").unwrap()).unwrap().digest
    };
    assert_eq!(
        after(|value| value["paths"]["/refunds/{refundId}"]["get"]["summary"] = json!("x")),
        slice.digest
    );
    assert_eq!(after(|value| value["info"]["title"] = json!("x")), slice.digest);
    assert_ne!(
        after(|value| value["components"]["schemas"]["Amount"]["multipleOf"] = json!(0.1)),
        slice.digest
    );
    assert_ne!(
        after(|value| value["components"]["securitySchemes"]["token"]["scheme"] = json!("basic")),
        slice.digest
    );
    assert_ne!(
        after(|value| value["servers"][1]["url"] = json!("https://us.payments.example")),
        slice.digest
    );
}

#[test]
fn circles_of_references_are_read_and_sliced() {
    let document = payments_with(|value| {
        value["components"]["schemas"]["Amount"] = json!({"type": "object", "properties": {"again": {"$ref": "#/components/schemas/Refund"},
                "part": {"$ref": "#/components/schemas/Refund/properties/state"},
                "item": {"$ref": "#/servers/0"}}});
    });
    let document = document.unwrap();
    let slice = document.slice(document.operation("createRefund").unwrap()).unwrap();
    assert!(OperationView::from_slice(&slice.text).is_ok());
    assert_eq!(
        payments_with(|value| value["components"]["parameters"]["RefundId"] =
            json!({"$ref": "#/components/parameters/RefundId"}))
        .unwrap_err(),
        ["EF8014", "EF8014"]
    );
}

#[test]
fn documents_that_do_not_hold_together_are_refused() {
    let codes = |change: fn(&mut Value)| payments_with(change).err().unwrap_or_default();
    assert_eq!(codes(|value| value["openapi"] = json!("3.3.0")), ["EF8010"]);
    assert_eq!(codes(|value| value["openapi"] = json!("3.1")), ["EF8010"]);
    assert_eq!(codes(|value| value["openapi"] = json!(3.1)), ["EF8010"]);
    assert_eq!(codes(|value| drop(value.as_object_mut().unwrap().remove("openapi"))), ["EF8010"]);
    let refer = |to: &'static str| {
        payments_with(|value| value["components"]["schemas"]["Amount"] = json!({"$ref": to}))
    };
    assert_eq!(refer("other.json#/Amount").unwrap_err(), ["EF8011"]);
    assert_eq!(refer("#/components/schemas/Nothing").unwrap_err(), ["EF8012"]);
    assert_eq!(refer("#amount").unwrap_err(), ["EF8012"]);
    assert_eq!(
        codes(|value| value["paths"]["/refunds"]["post"]["operationId"] = json!("getRefund")),
        ["EF8013"]
    );
    assert_eq!(
        codes(|value| value["components"]["parameters"]["RefundId"]["name"] = json!("id")),
        ["EF8014"; 2]
    );
    assert_eq!(
        codes(|value| value["paths"] = json!({"refunds": {"get": {}}, "/a": {"get": {"parameters": 1}}})),
        ["EF8014"; 2]
    );
    for path in
        ["//evil.example/a", "/a?x=1", "/a#f", "/../a", "/a/%2E%2e/b", "/a/.", "/a\\b", "/a b", "/a//b"]
    {
        let moved = payments_with(|value| value["paths"] = json!({path: {"get": {"responses": {}}}}));
        assert_eq!(moved.unwrap_err(), ["EF8014"], "{path}");
    }
    for path in ["/", "/a/", "/a..b/...", "/.well-known/a", "/a:b@c;d=1,2"] {
        let moved = payments_with(|value| value["paths"] = json!({path: {"get": {"responses": {}}}}));
        assert!(moved.is_ok(), "{path}");
    }
    assert_eq!(read("[1]").unwrap_err(), ["EF8010"]);
    assert_eq!(read_named(b"openapi: \xff", "a.yaml").unwrap_err(), ["EF8002"]);
    assert_eq!(read("\u{feff}openapi: 3.1.0").unwrap_err(), ["EF8002"]);
}

#[test]
fn what_is_broken_and_not_asked_for_is_no_error() {
    let document = |change: fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(PAYMENTS).unwrap();
        change(&mut value);
        let (mut sources, mut sink) = Default::default();
        let document = Document::read(value.to_string().as_bytes(), "a.json", &mut sources, &mut sink);
        assert!(!sink.has_errors(), "{sink:?}");
        document.unwrap()
    };
    let changes: [fn(&mut Value); 6] = [
        |value| value["components"]["schemas"]["Other"] = json!({"$ref": "other.json"}),
        |value| value["paths"]["/other"] = json!({"get": {"responses": {"200": {"$ref": "#/nothing"}}}}),
        |value| {
            value["paths"]["/other"] = json!({"get": {"operationId": "getRefund", "parameters": 1}, "put": 1})
        },
        |value| value["paths"]["/other"] = json!({"$ref": "./other.yaml#/paths/x"}),
        |value| value["paths"]["/refunds"]["post"]["callbacks"] = json!({"done": {"$ref": "other.json"}}),
        |value| value["webhooks"] = json!(1),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let document = document(change);
        let entry = document.operation("createRefund").unwrap();
        assert!(document.view(entry).is_ok() && document.slice(entry).is_ok(), "{index}");
    }
    let twice = document(|value| value["paths"]["/other"] = json!({"get": {"operationId": "getRefund"}}));
    assert!(twice.operation("getRefund").is_err() && twice.duplicate("createRefund").is_none());
    assert_eq!(twice.duplicate("getRefund").unwrap().code.number, "EF8013");
    assert_eq!(twice.operation("GET /refunds/{refundId}").unwrap().key, "GET /refunds/{refundId}");
    let slice = twice.slice(twice.operation("GET /other").unwrap()).unwrap();
    assert_eq!(OperationView::from_slice(&slice.text).unwrap().route(), "GET /other");
}

#[test]
fn every_dialect_is_read() {
    let text = |version: &str| {
        format!(
            r##"{{"openapi": "{version}", "$self": "https://a.example/apis/t", "paths": {{"/t": {{
            "get": {{"operationId": "get", "responses": {{"200": {{"description": "", "content": {{
                "application/json": {{"schema": {{"$ref": "https://a.example/apis/t#/components/schemas/T"}}}}}}}}}}}},
            "query": {{"operationId": "ask", "parameters": [{{"in": "querystring", "name": "q",
                "content": {{"application/x-www-form-urlencoded": {{"schema": {{}}}}}}}}]}},
            "additionalOperations": {{"COPY": {{"operationId": "copy", "responses": {{"200": {{"description": "",
                "content": {{"application/jsonl": {{"itemSchema": {{"type": "string"}}}}}}}}}}}}}}
            }}}}, "components": {{"schemas": {{"T": {{"type": "string", "nullable": true}}}}}}}}"##
        )
    };
    let (mut sources, mut sink) = Default::default();
    let mut document =
        |version: &str| Document::read(text(version).as_bytes(), "a.json", &mut sources, &mut sink).unwrap();
    for (version, dialect) in [("3.0.4", Dialect::V30), ("3.1.2", Dialect::V31), ("3.2.0-rc1", Dialect::V32)]
    {
        let document = document(version);
        assert_eq!(document.dialect(), dialect);
        let view = document.view(document.operation("get").unwrap()).unwrap();
        assert_eq!((view.dialect, document.operation("copy").is_ok()), (dialect, dialect == Dialect::V32));
        let schema = view.json("/paths/~1t/get/responses/200/content/application~1json/schema").unwrap();
        assert_eq!(schema, &json!({"$ref": "#/components/schemas/T"}));
        assert!(view.json("/components/schemas/T").is_some());
    }
    let document = document("3.2.0");
    let ask = document.view(document.operation("ask").unwrap()).unwrap();
    assert_eq!((ask.method.as_str(), ask.is_safe()), ("QUERY", true));
    assert_eq!(ask.parameters[0].location, Location::QueryString);
    let copy = document.operation("COPY /t").unwrap();
    assert_eq!((copy.key.as_str(), copy.pointer.as_str()), ("copy", "/paths/~1t/additionalOperations/COPY"));
    let view = OperationView::from_slice(&document.slice(copy).unwrap().text).unwrap();
    assert!(
        !view.is_safe() && view.response(200).unwrap().content["application/jsonl"].item_schema.is_some()
    );
}

#[test]
fn schemes_say_how_they_work() {
    let document = payments_with(|value| {
        value["components"]["securitySchemes"] = json!({
            "basic": {"type": "http", "scheme": "Basic"}, "key": {"type": "apiKey", "in": "query", "name": "k"},
            "oauth": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://a.example/token",
                "scopes": {"read": "to read"}}}},
            "person": {"type": "oauth2", "flows": {"authorizationCode": {}}},
            "tls": {"type": "mutualTLS"}, "open": {"type": "openIdConnect"},
        });
        let all = ["basic", "key", "oauth", "person", "tls", "open", "nobody"];
        value["paths"]["/refunds"]["post"]["security"] = all.map(|name| json!({name: ["read"]})).into();
    });
    let document = document.unwrap();
    let view = document.view(document.operation("createRefund").unwrap()).unwrap();
    let schemes: Vec<&Scheme> =
        view.security.iter().flat_map(|one| one.values()).map(|one| &one.scheme).collect();
    let client_credentials = Some(ClientCredentials {
        token_url: "https://a.example/token".into(),
        scopes: [("read".to_owned(), "to read".to_owned())].into(),
    });
    assert_eq!(
        schemes,
        [
            &Scheme::Basic,
            &Scheme::ApiKey { location: Location::Query, name: "k".into() },
            &Scheme::OAuth2 { client_credentials },
            &Scheme::OAuth2 { client_credentials: None },
            &Scheme::MutualTls,
            &Scheme::Other("openIdConnect".into()),
            &Scheme::Other("undeclared".into()),
        ]
    );
    assert_eq!(view.security[2]["oauth"].scopes, ["read"]);
}

#[test]
fn a_part_has_what_it_refers_to() {
    let payments = payments();
    let part = payments.part("/components/schemas/Refund").unwrap().unwrap();
    assert!(part.pointer("/components/schemas/Amount").is_some() && part.get("paths").is_none());
    assert!(payments.part("/components/schemas/Nothing").unwrap().is_none());
    assert!(payments.names("/components/schemas").contains(&"Amount"));
}

#[test]
fn json_is_read_strictly() {
    let codes = |text: &str| read_named(text.as_bytes(), "a.json").unwrap_err();
    assert_eq!(codes(r#"{"openapi": "3.1.0", "a": 1, "\u0061": 2}"#), ["EF8003"]);
    assert_eq!(
        codes(r#"{"a": 9007199254740993, "b": 1e400, "c": "\ud800", "d": "\udc00\ud83d"}"#),
        ["EF8004", "EF8004", "EF8002", "EF8002", "EF8002"]
    );
    for bad in [
        "",
        "{",
        "{\"a\"",
        "{\"a\":}",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "-",
        "1.",
        "1e",
        "nul",
        "\"\\x\"",
        "\"a\nb\"",
        "{} {}",
        "\"\\u12g4\"",
        "'a'",
        "\u{a0}1",
    ] {
        assert_eq!(codes(bad), ["EF8001"], "{bad}");
    }
    let emoji = read_named(br#"{"openapi":"3.1.0","info":"\ud83d\ude00"}"#, "a.json").unwrap_err();
    assert_eq!(emoji, ["EF8020"]);
}

#[test]
fn identity_is_read_field_by_field() {
    let codes = |field: &str, value: Value| {
        payments_with(|document| document["info"]["x-ecz-id"][field] = value).err().unwrap_or_default()
    };
    assert_eq!(
        payments_with(|value| drop(value["info"].as_object_mut().unwrap().remove("x-ecz-id"))).unwrap_err(),
        ["EF8020"]
    );
    assert_eq!(payments_with(|value| value["info"]["x-ecz-id"] = json!([])).unwrap_err(), ["EF8022"]);
    for field in &IDENTITY_FIELDS[..5] {
        let missing =
            |value: &mut Value| drop(value["info"]["x-ecz-id"].as_object_mut().unwrap().remove(*field));
        assert_eq!(payments_with(missing).unwrap_err(), ["EF8021"], "{field}");
        assert_eq!(codes(field, json!(1)), ["EF8022"], "{field}");
    }
    assert_eq!(codes("recheck_before_reliance", json!("true")), ["EF8022"]);
    assert_eq!(codes("operator_ecz_id", json!("ecz-gb-paym01")), ["EF8022"]);
    assert_eq!(codes("policy_mod", json!("x")), ["EF8023"]);
    assert_eq!(codes("agent_credential_id", json!("ECZ-GB-PAYM01::AGENT-XXXXXX")), ["EF8024"]);
    assert_eq!(codes("agent_credential_id", json!("ECZ-GB-PAYM01::API-REFD01")), ["EF8025"]);
    assert_eq!(codes("operator_ecz_id", json!("ECZ-GB-OTHER1")), ["EF8025"]);
    for origin in [
        "http://payments.example",
        "https://payments.example/",
        "https://payments.example/v1",
        "https://Payments.example",
        "https://payments.example:443",
        "https://u@payments.example",
        "payments.example",
        "",
    ] {
        assert_eq!(codes("api_origin", json!(origin)), ["EF8026"], "{origin}");
    }
    assert!(codes("api_origin", json!("https://payments.example:8443")).is_empty());
    assert!(codes("resolver_url", json!("https://r.example/passport/ECZ-GB-PAYM01::API-REFD01")).is_empty());
    for url in [
        "https://r.example/p/ECZ-GB-PAYM01",
        "http://r.example/p/ECZ-GB-PAYM01/API/REFD01",
        "nothing",
        "https://r.example/p/ECZ-GB-OTHER1/API/REFD01",
        "https://r.example/?/p/ECZ-GB-PAYM01/API/REFD01",
    ] {
        assert_eq!(codes("resolver_url", json!(url)), ["EF8027"], "{url}");
    }
    assert_eq!(codes("client_secret", json!("hunter2")), ["EF8028"]);
    assert_eq!(codes("policy_mode", json!("Bearer abc")), ["EF8028"]);
}

#[test]
fn findings_about_secrets_do_not_repeat_them() {
    let mut value: Value = serde_json::from_str(PAYMENTS).unwrap();
    value["info"]["x-ecz-id"]["client_secret"] = json!("hunter2");
    let mut sink = Sink::default();
    check(value.to_string().as_bytes(), "a.json", &mut SourceMap::default(), &mut sink);
    assert!(sink.has_errors() && !format!("{:?}", sink.findings()).contains("hunter2"));
}

#[test]
fn places_point_into_the_text() {
    let mut sources = SourceMap::default();
    let document = Document::read(SUPPORT.as_bytes(), "a.yaml", &mut sources, &mut Sink::default()).unwrap();
    let view = document.view(document.operation("getTicket").unwrap()).unwrap();
    let name = |pointer: &str| sources.slice(document.place(pointer).unwrap());
    assert_eq!(name(&view.pointer), "get");
    assert_eq!(name(&view.parameters[0].pointer), "TicketId");
    assert_eq!(
        name(view.response(200).unwrap().content["application/json"].schema.as_ref().unwrap()),
        "schema"
    );
    let identity = document.identity(&mut Sink::default()).unwrap();
    assert_eq!(sources.slice(identity.place("api_origin")), "https://support.example");
    assert_eq!(sources.slice(identity.place("agent_credential_id")), "x-ecz-id");
}

#[test]
fn a_lock_tells_used_changes_from_unused_ones() {
    let payments = payments();
    let used =
        Used { operations: ["createRefund".to_owned(), "cancelRefund".to_owned()].into(), ..Used::default() };
    let mut lock = Lock::default();
    let locked = LockedApi::of("apis/payments.openapi.json", &payments, &used).unwrap();
    lock.set("refund.eczflow", [("payments".to_owned(), locked)].into());
    let text = lock.write();
    let lock = Lock::read(text.as_bytes()).unwrap();
    assert_eq!(lock.write(), text);
    let mut both = lock.clone();
    both.set("other.eczflow", lock.flows["refund.eczflow"].clone());
    assert_eq!(Lock::read_for("refund.eczflow", both.write().as_bytes()).unwrap(), lock);
    assert_eq!(Lock::read_for("none.eczflow", text.as_bytes()).unwrap(), Lock::default());

    let wanted = Wanted {
        flow: "refund.eczflow",
        api: "payments",
        document: "apis/payments.openapi.json",
        pin: payments.canonical_hash(),
        used: &used,
    };
    assert_eq!(lock.compare(wanted, &payments), Comparison::Unchanged);
    let unused =
        payments_with(|value| value["paths"]["/refunds/{refundId}"]["get"]["summary"] = json!("x")).unwrap();
    assert_eq!(lock.compare(wanted, &unused), Comparison::UnusedChanged);
    let changed =
        payments_with(|value| value["components"]["schemas"]["Amount"]["multipleOf"] = json!(1)).unwrap();
    let created = Used { operations: ["createRefund".to_owned()].into(), ..Used::default() };
    assert_eq!(lock.compare(wanted, &changed), Comparison::SliceChanged(created.clone()));
    let gone =
        payments_with(|value| value["paths"]["/refunds"]["post"]["operationId"] = json!("refund")).unwrap();
    assert_eq!(lock.compare(wanted, &gone), Comparison::SliceChanged(created));
    assert_eq!(lock.compare(Wanted { api: "other", ..wanted }, &unused), Comparison::Missing);
    assert_eq!(lock.compare(Wanted { pin: Digest::of("x"), ..wanted }, &unused), Comparison::Mismatch);

    let edited = text.replace("no done yet", "x").replace("Gives money back", "Gives money away");
    assert!(matches!(Lock::read(edited.as_bytes()), Err(LockError::Edited { .. })));
    assert!(matches!(
        Lock::read(text.replace("lock-1", "lock-2").as_bytes()),
        Err(LockError::Version { .. })
    ));
    assert!(matches!(
        Lock::read(b"{\"format\": \"eczflow-lock-1\", \"flows\": {}, \"x\": 1}"),
        Err(LockError::Unreadable { .. })
    ));
}

#[test]
fn what_is_just_not_too_deep_can_be_sliced_and_read_again() {
    let with_depth = |depth: usize| {
        let nested = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        // Four objects stand above the extension.
        let text =
            format!("{{\"openapi\":\"3.1.0\",\"paths\":{{\"/a\":{{\"get\":{{\"x-deep\":{nested}}}}}}}}}");
        ["a.json", "a.yaml"].map(|name| {
            let mut sink = Sink::default();
            let document = Document::read(text.as_bytes(), name, &mut SourceMap::default(), &mut sink);
            document.ok_or_else(|| sink.findings()[0].code.number)
        })
    };
    for document in with_depth(123) {
        let document = document.unwrap();
        let slice = document.slice(document.operation("GET /a").unwrap()).unwrap();
        assert!(OperationView::from_slice(&slice.text).is_ok());
    }
    for document in with_depth(124) {
        assert_eq!(document.unwrap_err(), "EF8005");
    }
}

#[test]
fn slices_that_were_made_up_are_errors() {
    let slice = payments().slice(payments().operation("createRefund").unwrap()).unwrap();
    for bad in [
        "",
        "{}",
        "[]",
        &slice.text.replace("eczflow-slice-1", "x"),
        &slice.text.replace("POST", "GET"),
        &slice.text.replace("\"path\":\"/refunds\"", "\"path\":\"/else\""),
    ] {
        assert!(OperationView::from_slice(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_page_of_a_code_fails_and_passes_as_it_says() {
    for code in crate::diagnostics::codes::documents::ALL {
        let path = format!("docs/rules/{}-{}.md", code.number, code.name);
        let page = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let found = |tag: &str| {
            let (_, rest) =
                page.split_once(&format!("```yaml {tag}\n")).unwrap_or_else(|| panic!("{path}: {tag}"));
            read(rest.split_once("```").unwrap().0).err().unwrap_or_default()
        };
        assert!(found("fail").contains(&code.number), "{path}: {:?}", found("fail"));
        assert!(!found("pass").contains(&code.number), "{path}: {:?}", found("pass"));
    }
}

/// Generous for a debug build on a busy machine; what grows with the square of the size takes minutes.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
#[expect(clippy::disallowed_methods, reason = "the test is about time")]
fn hostile_texts_end_soon() {
    let million = 1 << 20;
    let mut bomb = String::from("a0: &a0 [x, x]\n");
    for level in 1..200 {
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", format!("*a{},", level - 1).repeat(9)));
    }
    let many = |unit: &str| unit.repeat(million / unit.len());
    let texts = [
        bomb,
        many("["),
        many("{"),
        many("{\"a\":"),
        many("[{"),
        many("- "),
        many("? "),
        many("a: "),
        many("&a "),
        many("!a "),
        many("\""),
        many("'"),
        many("|\n"),
        many(">"),
        many("#"),
        many("---\n"),
        many("%YAML 1.2\n"),
        many("*a\n"),
        many("\\"),
        many("\t"),
        many(" "),
        many("\n"),
        many("a:\n"),
        many("[],"),
        many("- a\n"),
        many("é: é\n"),
        many("1"),
        format!("[{}", many("1,")),
        format!("{{{}", many("a,")),
        format!("{{{}", many("\"a\":1,")),
        format!("\"{}", many("\\ud800")),
        format!("1e{}", many("9")),
        (0..3000).map(|depth| format!("{}a:\n", " ".repeat(depth % 300))).collect(),
        (0..60_000).map(|key| format!("k{key}: {{v: [1, 2]}}\n")).collect(),
    ];
    for text in texts {
        for name in ["a.json", "a.yaml"] {
            let start = Instant::now();
            let found = read_named(text.as_bytes(), name);
            assert!(found.is_err(), "{}", &text.chars().take(20).collect::<String>());
            let took = start.elapsed();
            assert!(took < PATIENCE, "{name} {}: {took:?}", &text.chars().take(20).collect::<String>());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_in_a_document_or_in_findings(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for name in ["a.json", "a.yaml", "a"] {
            let mut sink = Sink::default();
            let document = check(&bytes, name, &mut SourceMap::default(), &mut sink);
            prop_assert!(document.is_some() || sink.has_errors());
        }
        let _ = Lock::read(&bytes);
    }

    #[test]
    fn yaml_made_of_its_own_characters_ends(text in "[-?:,\\[\\]{}#&*!|>'\"%@ \n\ta0.~<=\\\\é\u{85}\u{2028}\u{feff}\0]{0,80}") {
        for name in ["a.json", "a.yaml"] {
            let mut sink = Sink::default();
            let document = check(text.as_bytes(), name, &mut SourceMap::default(), &mut sink);
            prop_assert!(document.is_some() || sink.has_errors());
        }
    }

    #[test]
    fn a_damaged_document_ends(at in 0usize..6000, with in "[-:\\[\\]{}&*'\"\n 0a]{0,3}", cut in 0usize..40) {
        for (text, name) in [(SUPPORT, "a.yaml"), (PAYMENTS, "a.json")] {
            let mut bytes = text.as_bytes().to_vec();
            let at = at % bytes.len();
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, with.bytes());
            let mut sink = Sink::default();
            let mut sources = SourceMap::default();
            let document = check(&bytes, name, &mut sources, &mut sink);
            prop_assert!(document.is_some() || sink.has_errors());
            for finding in sink.findings() {
                let span = finding.span();
                let text = sources.file(span.file).unwrap().text();
                prop_assert!(span.start <= span.end && text.get(span.range()).is_some(), "{finding:?}");
            }
        }
    }
}
