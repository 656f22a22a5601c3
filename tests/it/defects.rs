//! Defects planted one by one in a workflow of two organisations, as they were once given to four checkers of
//! Arazzo documents. Each is refused, by one code and no other error; what stands in its place in the twin is accepted.

use std::collections::BTreeSet;

use camino::Utf8Path;
use eczflow::compile::{Compilation, Session};
use eczflow::diagnostics::Severity;
use eczflow::source::MemoryFiles;

const CARRIER: &str = r##"
openapi: 3.1.0
info: { title: Parcels, version: "1.0" }
servers: [{ url: https://carrier.example }]
security: [{ token: [] }]
components:
  securitySchemes:
    token: { type: http, scheme: bearer }
  schemas:
    Parcel:
      type: object
      required: [id, state]
      properties: { id: { type: string }, state: { type: string, enum: [booked, gone] } }
paths:
  /depots/{depot}:
    get:
      operationId: getDepot
      parameters:
        - { name: depot, in: path, required: true, schema: { type: string } }
        - { name: day, in: query, schema: { type: string } }
      responses:
        "200":
          description: It is open.
          content: { application/json: { schema: { type: object, required: [open], properties: { open: { type: boolean } } } } }
        "404": { description: There is no such depot. }
  /parcels:
    post:
      operationId: createParcel
      parameters:
        - { name: X-Depot, in: header, required: true, schema: { type: string } }
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              required: [grams]
              properties: { grams: { type: integer }, note: { type: string } }
      responses:
        "201": { description: Booked., content: { application/json: { schema: { $ref: "#/components/schemas/Parcel" } } } }
        "409": { description: The depot is full. }
  /parcels/{id}:
    parameters:
      - { name: id, in: path, required: true, schema: { type: string } }
    get:
      operationId: getParcel
      responses:
        "200": { description: The parcel., content: { application/json: { schema: { $ref: "#/components/schemas/Parcel" } } } }
    delete:
      operationId: cancelParcel
      responses:
        "204": { description: Cancelled. }
"##;

const INSURER: &str = r##"
openapi: 3.1.0
info: { title: Policies, version: "1.0" }
servers: [{ url: https://insurer.example }]
security: [{ token: [] }]
components:
  securitySchemes:
    token: { type: http, scheme: bearer }
paths:
  /policies:
    post:
      operationId: insure
      requestBody:
        required: true
        content:
          application/json:
            schema: { type: object, required: [parcel], properties: { parcel: { type: string } } }
      responses:
        "201":
          description: Insured.
          content: { application/json: { schema: { type: object, required: [number], properties: { number: { type: string } } } } }
        "402": { description: No cover left. }
"##;

const FLOW: &str = r##"eczflow 1
use std.handoff.{ strict }
use std.retry.{ careful }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
secret carrier_token for carrier
secret insurer_token for insurer
api carrier = openapi("carrier.yaml") {
  no passport because "it has none yet"
  auth bearer secret.carrier_token
}
api insurer = openapi("insurer.yaml") {
  no passport because "it has none yet"
  auth bearer secret.insurer_token
}
flow ship(depot: string, grams: int) -> { number: string, state: string } {
  as acme.agent
  handoff strict
  step place = carrier.getDepot(depot: depot, day: "today")
    retry careful
    on 404 fail "no such depot"
  ensure place.open else "the depot is closed"
  step parcel = carrier.createParcel("X-Depot": depot, { grams: grams })
    undo carrier.cancelParcel(id: parcel.id)
  step seen = carrier.getParcel(id: parcel.id)
  step policy = insurer.insure({ parcel: parcel.id })
    after seen
    irreversible because "the insurer takes nothing back"
  return { number: policy.number, state: seen.state }
}
"##;

/// A defect: what stands in the flow, what is planted for it, the code that refuses it; and what else is accepted there.
struct Defect {
    name: &'static str,
    place: &'static str,
    planted: &'static str,
    code: &'static str,
    twin: &'static str,
}

const DEFECTS: &[Defect] = &[
    Defect {
        name: "a string into an integer field",
        place: "{ grams: grams }",
        planted: "{ grams: depot }",
        code: "EF2001",
        twin: "{ grams: grams + 1 }",
    },
    Defect {
        name: "a required header is missing",
        place: "\"X-Depot\": depot, ",
        planted: "",
        code: "EF2004",
        twin: "header.\"X-Depot\": depot, ",
    },
    Defect {
        name: "an unknown operation",
        place: "carrier.getParcel(",
        planted: "carrier.readParcel(",
        code: "EF1008",
        twin: "carrier.\"GET /parcels/{id}\"(",
    },
    Defect {
        name: "a misspelt parameter",
        place: "day: \"today\"",
        planted: "dya: \"today\"",
        code: "EF2005",
        twin: "query.day: \"today\"",
    },
    Defect {
        name: "a body field that the schema does not have",
        place: "{ grams: grams }",
        planted: "{ grams: grams, colour: \"red\" }",
        code: "EF2012",
        twin: "{ grams: grams, note: \"red\" }",
    },
    Defect {
        name: "an output that the answer does not have",
        place: "number: policy.number",
        planted: "number: policy.reference",
        code: "EF2002",
        twin: "number: \"{policy.number}\"",
    },
    Defect {
        name: "a retry of a POST without a key",
        place: "    undo carrier.cancelParcel",
        planted: "    retry careful\n    undo carrier.cancelParcel",
        code: "EF5001",
        twin: "    on 409 fail \"full\"\n    undo carrier.cancelParcel",
    },
    Defect {
        name: "a token of one organisation sent to another",
        place: "auth bearer secret.insurer_token",
        planted: "auth bearer secret.carrier_token",
        code: "EF6001",
        twin: "auth bearer secret.insurer_token  timeout { attempt 5s }",
    },
    Defect {
        name: "a value of a step that is not there",
        place: "insure({ parcel: parcel.id })",
        planted: "insure({ parcel: bundle.id })",
        code: "EF1001",
        twin: "insure({ parcel: seen.id })",
    },
    Defect {
        name: "a value of a later step",
        place: "getParcel(id: parcel.id)",
        planted: "getParcel(id: policy.number)",
        code: "EF1006",
        twin: "getParcel(id: \"{parcel.id}\")",
    },
    Defect {
        name: "a jump to a step that is not there",
        place: "after seen",
        planted: "after seen, sene",
        code: "EF1013",
        twin: "after seen, place",
    },
    Defect {
        name: "a status that is not documented",
        place: "on 404 fail \"no such depot\"",
        planted: "on 410 fail \"no such depot\"",
        code: "EF2006",
        twin: "on 404 fail \"no depot {depot}\"",
    },
    Defect {
        name: "a step that is never reached",
        place: "  step seen",
        planted: "  fail \"closed\"\n  step seen",
        code: "EF3004",
        twin: "  fail \"closed\" when depot == \"\"\n  step seen",
    },
    Defect {
        name: "a jump back without an end",
        place: "carrier.getParcel(id: parcel.id)",
        planted: "poll carrier.getParcel(id: parcel.id) until seen.state == \"gone\" every 5s",
        code: "EF3010",
        twin: "poll carrier.getParcel(id: parcel.id) until seen.state == \"gone\" every 5s at most 60",
    },
];

fn compiled(flow: &str) -> Compilation {
    let mut files = MemoryFiles::default();
    files.insert("d/carrier.yaml", CARRIER);
    files.insert("d/insurer.yaml", INSURER);
    files.insert("d/flow.eczflow", flow);
    let path = Utf8Path::new("d/flow.eczflow");
    let pinned = Session::new(&files).pin(path).unwrap();
    files.insert("d/flow.eczflow", pinned.text);
    files.insert(pinned.lock_path, pinned.lock);
    Session::new(&files).compile(path, None).unwrap()
}

/// The errors. What a defect leaves without a use is warned about besides.
fn codes(compilation: &Compilation) -> BTreeSet<&'static str> {
    let errors = compilation.diagnostics.iter().filter(|found| found.severity == Severity::Error);
    errors.map(|found| found.code.number).collect()
}

#[test]
fn each_defect_is_refused_by_one_code_and_its_twin_is_accepted() {
    let whole = compiled(FLOW);
    assert!(whole.plan.is_some() && whole.diagnostics.is_empty(), "{:?}", whole.diagnostics);
    let mut problems = Vec::new();
    for Defect { name, place, planted, code, twin } in DEFECTS {
        assert_eq!(FLOW.matches(place).count(), 1, "{name}: `{place}`");
        let refused = compiled(&FLOW.replace(place, planted));
        if codes(&refused) != BTreeSet::from([*code]) || refused.plan.is_some() {
            problems.push(format!("{name}: {:?}", refused.diagnostics));
        }
        let accepted = compiled(&FLOW.replace(place, twin));
        if accepted.plan.is_none() || !accepted.diagnostics.is_empty() {
            problems.push(format!("the twin of {name}: {:?}", accepted.diagnostics));
        }
    }
    let distinct: BTreeSet<&str> = DEFECTS.iter().map(|defect| defect.code).collect();
    assert_eq!(distinct.len(), DEFECTS.len(), "two defects share a code");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The other jump back without an end: a flow that starts itself again. Its twin calls a flow that ends.
#[test]
fn a_flow_that_starts_itself_again_is_refused() {
    let place = "carrier.getParcel(id: parcel.id)";
    let refused = compiled(&FLOW.replace(place, "call ship(depot: parcel.id, grams: grams)"));
    assert_eq!(codes(&refused), BTreeSet::from(["EF3015"]), "{:?}", refused.diagnostics);
    let look = "flow look(id: string) -> { id: string, state: string } {\n  as acme.agent\n  handoff strict\n  step parcel = carrier.getParcel(id: id)\n  return { id: parcel.id, state: parcel.state }\n}\n";
    let accepted = compiled(&format!("{}{look}", FLOW.replace(place, "call look(id: parcel.id)")));
    assert!(accepted.plan.is_some() && accepted.diagnostics.is_empty(), "{:?}", accepted.diagnostics);
}
