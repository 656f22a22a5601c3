//! Requests whole, over real HTTPS: what the specification's tables say is what is sent, and the counterparty understands it.

use eczflow::audit::Kind;
use eczflow::engine::{Phase, Status};
use eczflow::sandbox::Faults;
use serde_json::json;

use crate::flows;
use crate::stage::Stage;

const DOCUMENT: &str = r##"
openapi: 3.0.3
info: { title: Shelf, version: "1" }
servers: [{ url: "https://shelf.example/{edition}", variables: { edition: { default: v1, enum: [v1, v2] } } }]
paths:
  /shelves/{shelf}/items:
    post:
      operationId: put
      parameters:
        - { name: shelf, in: path, required: true, style: matrix, explode: true, schema: { type: array, items: { type: string } } }
        - { name: filter, in: query, style: deepObject, explode: true, schema: { type: object, properties: { kind: { type: string }, size: { type: integer } } } }
        - { name: tags, in: query, style: pipeDelimited, explode: false, schema: { type: array, items: { type: string } } }
        - { name: session, in: cookie, required: true, schema: { type: string } }
      requestBody:
        required: true
        content:
          application/x-www-form-urlencoded:
            schema:
              type: object
              required: [name, size]
              properties:
                name: { type: string }
                size: { type: object, properties: { width: { type: integer } } }
                note: { type: string, nullable: true }
            encoding: { size: { style: deepObject, explode: true } }
      responses:
        "200":
          description: It lies there.
          content: { application/json: { schema: { type: object, required: [name], properties: { name: { type: string } } } } }
"##;

const FLOW: &str = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3 agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api shelf = openapi("apis/shelf.yaml") {
  no passport because "the shelf has none yet"
  server "https://shelf.example/v2"
}
flow f(name: string) -> { name: string } {
  as acme.agent
  handoff strict
  step item = shelf.put(shelf: ["a", "b c"], filter: { kind: "mug", size: 3 }, tags: ["x", "y"], session: "S1", { name: name, size: { width: 2 } })
    irreversible because "there is nothing after it"
  return { name: item.name }
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn styles_cookies_and_forms_are_sent_as_the_tables_have_them() {
    let mut files = flows::refund_files(Some(FLOW));
    files.insert("apis/shelf.yaml", DOCUMENT);
    let stage = Stage::new(flows::compile(files), Faults::default()).await;
    let run = stage.run(json!({"name": "tea & mug"})).await;
    assert_eq!(run.phase, Phase::Finished(Status::Succeeded), "{:?}", run.failure);
    stage.audit(&run);
    let entries = stage.entries(&run);
    let intended = entries.iter().find(|entry| entry.record.kind == Kind::AttemptIntended).unwrap();
    let request = serde_json::to_value(&intended.payload).unwrap();
    let has = |part: &str| assert!(request.to_string().contains(part), "{part} in {request}");
    // Style values table of OpenAPI 3.0.4: matrix with explode, deepObject, pipeDelimited.
    has("https://shelf.example/v2/shelves/;shelf=a;shelf=b%20c/items?");
    has("filter%5Bkind%5D=mug&filter%5Bsize%5D=3");
    has("tags=x%7Cy");
    has("session=S1");
    has("name=tea+%26+mug&size%5Bwidth%5D=2");
    has("application/x-www-form-urlencoded");
}

const READ: &str = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3 agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api keys = openapi("apis/keys.openapi.yaml")
flow f(name: string) -> { found: string } {
  as acme.agent
  handoff strict
  step found = keys.read("Idempotency-Key": name)
  return { found: found }
}
"#;

/// A signature covers the header whoever gave it, or nobody would take the request.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_read_asks_for_is_sent_as_it_was_given() {
    let mut files = flows::refund_files(Some(READ));
    files.insert("apis/keys.openapi.yaml", include_str!("../ui/apis/keys.openapi.yaml"));
    let stage = Stage::new(flows::compile(files), Faults::default()).await;
    let run = stage.run(json!({"name": "this read"})).await;
    assert_eq!(run.phase, Phase::Finished(Status::Succeeded), "{:?}", run.failure);
    stage.audit(&run);
    let entries = stage.entries(&run);
    let intended = entries.iter().find(|entry| entry.record.kind == Kind::AttemptIntended).unwrap();
    let request = serde_json::to_value(&intended.payload).unwrap().to_string();
    assert!(request.contains(r#""idempotency-key":"this read""#), "{request}");
}
