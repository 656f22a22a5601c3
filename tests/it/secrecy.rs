//! P6 from a plan alone: one that was edited in what it says of classes, clearances and releases is refused, whatever its
//! digest and its proof say.

use eczflow::plan::{
    Class, Classified, Clearance, How, Node, NodeKind, Plan, PlanError, Received, Release, Verified, check,
    prove,
};

use crate::flows;

/// Personal data for the warehouse, one bit of restricted data that is released, an output, and a called flow.
const FLOW: &str = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api people = openapi("apis/people.yaml")
api support = openapi("apis/support.openapi.yaml") { cleared restricted from acme }
api warehouse = openapi("apis/warehouse.openapi.yaml") { cleared personal from people }
classify input look.case as restricted
classify support.listNotes -> text as personal
flow stock(sku: string) -> { count: int } {
  as acme.agent
  handoff strict
  step found = warehouse.getStock(sku: sku)
  return { count: found.in_stock }
}
flow look(id: string, case: string) -> { n: int, said: string } {
  as acme.agent
  handoff strict
  cleared personal from support
  step person = people.getPerson(id: id)
  let high = release person.salary > 9 to warehouse as internal because "one bit, agreed with the staff"
  step choice = warehouse.getStock(sku: if high then "A" else "B")
  step known = call stock(sku: person.name)
    when choice.in_stock > 0
    after choice
  step notes = support.listNotes(ticketId: case)
    after known
  return { n: known?.count ?? 0, said: notes[0]?.text ?? "nothing" }
}
"#;

fn plan() -> Verified<Plan> {
    let mut files = flows::refund_files(Some(FLOW));
    files.insert("apis/people.yaml", include_str!("../ui/apis/people.yaml"));
    flows::compile(files)
}

fn release(plan: &mut Plan) -> &mut Option<Release> {
    let mut lets = plan.flow.body.nodes.iter_mut().filter_map(|Node { kind, .. }| match kind {
        NodeKind::Let { release, .. } => Some(release),
        _ => None,
    });
    lets.next().unwrap()
}

fn released(plan: &mut Plan) -> &mut Release {
    release(plan).as_mut().unwrap()
}

fn cleared<'p>(plan: &'p mut Plan, api: &str) -> &'p mut Vec<Clearance> {
    &mut plan.apis.get_mut(api).unwrap().cleared
}

/// The warehouse's one clearance, in both flows: a name is one api.
fn warehouse(plan: &mut Plan, edit: fn(&mut Vec<Clearance>)) {
    edit(&mut plan.flows.get_mut("stock").unwrap().apis.get_mut("warehouse").unwrap().cleared);
    edit(cleared(plan, "warehouse"));
}

fn edited(edit: impl Fn(&mut Plan), restated: bool) -> Result<Verified<Plan>, PlanError> {
    let mut plan = Plan::clone(&plan());
    edit(&mut plan);
    if restated {
        let proven = prove(&plan)?;
        (plan.proof, plan.egress) = (proven.proof, proven.egress);
    }
    check(plan)
}

type Edit = (&'static str, fn(&mut Plan));

/// Each breaks P6 or the form of what is said: no proof helps.
#[test]
fn what_breaks_confidentiality_is_refused_with_a_new_proof_too() {
    edited(|_| {}, false).unwrap();
    edited(|_| {}, true).unwrap();
    let edits: [Edit; 17] = [
        ("an api is not cleared for the run's own data", |plan| cleared(plan, "support").clear()),
        ("an api is not cleared for another's data", |plan| warehouse(plan, |cleared| cleared.clear())),
        ("it is cleared for less", |plan| cleared(plan, "support")[0].class = Class::Personal),
        ("it is cleared for another's", |plan| {
            warehouse(plan, |cleared| cleared[0].from = Some("ECZ-GB-SUPP01".into()));
        }),
        ("outputs are not cleared", |plan| plan.flow.cleared.clear()),
        ("clearances stand twice", |plan| {
            let first = cleared(plan, "support")[0].clone();
            cleared(plan, "support").push(first);
        }),
        ("clearances are not sorted", |plan| {
            cleared(plan, "support").insert(0, Clearance { class: Class::Restricted, from: None });
            cleared(plan, "support").reverse();
        }),
        ("the flow's clearances stand twice", |plan| {
            let first = plan.flow.cleared[0].clone();
            plan.flow.cleared.push(first);
        }),
        ("nothing is released", |plan| *release(plan) = None),
        ("it is released to another", |plan| released(plan).to = vec!["support".into()]),
        ("it is released to nobody", |plan| released(plan).to.clear()),
        ("it is released to one twice", |plan| released(plan).to.push("warehouse".into())),
        ("it is released as what it is", |plan| released(plan).class = Class::Restricted),
        ("it is released without a reason", |plan| released(plan).because = " ".into()),
        ("an answer is of a higher class", |plan| {
            plan.apis.get_mut("support").unwrap().classified.get_mut("listNotes").unwrap()[0].class =
                Class::Restricted;
        }),
        ("a member is classified twice", |plan| {
            let fields = plan.apis.get_mut("support").unwrap().classified.get_mut("listNotes").unwrap();
            fields.push(fields[0].clone());
        }),
        ("an operation that is not used is classified", |plan| {
            let support = plan.apis.get_mut("support").unwrap();
            let fields = support.classified["listNotes"].clone();
            support.classified.insert("getTicket".into(), fields);
        }),
    ];
    for (what, edit) in edits {
        for restated in [false, true] {
            let found = edited(edit, restated).map(|_| ()).unwrap_err();
            assert!(matches!(found, PlanError::Obligation { name: "P6", .. }), "{what}: {found}");
        }
    }
}

/// What could be said is not what was proven: the proof and the table are those of the content and no others.
#[test]
fn a_proof_or_a_table_of_something_else_is_refused() {
    let edits: [Edit; 13] = [
        ("an input has no class", |plan| plan.flow.inputs[1].classified.clear()),
        ("an input has a lower class", |plan| plan.flow.inputs[1].classified[0].class = Class::Personal),
        ("an answer has no class", |plan| plan.apis.get_mut("support").unwrap().classified.clear()),
        ("another reason is given", |plan| released(plan).because = "because".into()),
        ("a row is missing", |plan| drop(plan.egress.remove(0))),
        ("no row is left", |plan| plan.egress.clear()),
        ("a row stands twice", |plan| plan.egress.insert(0, plan.egress[0].clone())),
        ("rows are not sorted", |plan| plan.egress.reverse()),
        ("another receives it", |plan| plan.egress[0].to = "ECZ-GB-PAYM01".into()),
        ("it is another's", |plan| plan.egress[0].of = "ECZ-GB-PAYM01".into()),
        ("it is of another class", |plan| plan.egress[0].class = Class::Public),
        ("it is received in another way", |plan| {
            let row = plan.egress.iter_mut().find(|row| row.how == How::Decides).unwrap();
            row.how = How::Sent;
        }),
        ("nothing is said of P6", |plan| plan.proof.obligations.retain(|entry| entry.name != "P6")),
    ];
    for (what, edit) in edits {
        let found = edited(edit, false).map(|_| ());
        assert!(found.is_err(), "{what}");
    }
}

/// A value made of several fields: one of them the text of another's, all picked by a third. Released to one of two.
const MIXED: &str = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api people = openapi("apis/people.yaml")
api support = openapi("apis/support.openapi.yaml") { cleared restricted from people }
api warehouse = openapi("apis/warehouse.openapi.yaml")
flow look(code: string, other: string) -> { n: int } {
  as acme.agent
  handoff strict
  step person = people.getPerson(id: other)
  let name = if person.salary > 9 then "{code} {person.name}" else code
  let inner = release name to warehouse as personal because "the badge"
  let badge = release "{inner} {person.city}" to warehouse as internal because "the badge and its town"
  step stock = warehouse.getStock(sku: badge)
  step notes = support.listNotes(ticketId: badge)
  return { n: stock.in_stock + length(notes) }
}
"#;

#[test]
fn every_field_of_what_is_released_is_listed() {
    let mut files = flows::refund_files(Some(MIXED));
    files.insert("apis/people.yaml", include_str!("../ui/apis/people.yaml"));
    let plan = flows::compile(files);
    let rows = |call: &str| -> Vec<String> {
        let rows = plan.egress.iter().filter(|row| row.call == call && row.place != "call");
        let row = |row: &Received| {
            let how = if row.how == How::Sent { "sent" } else { "decides" };
            let by = row.released.as_ref().map_or(String::new(), |by| format!(" by {by}"));
            format!("{how} {} {} {}{by}", row.source, row.field, row.class)
        };
        rows.map(row).collect()
    };
    assert_eq!(
        rows("stock"),
        [
            "sent input code  internal by badge",
            "sent people.getPerson city public by badge",
            "sent people.getPerson name internal by badge",
            "decides people.getPerson salary internal by badge",
        ]
    );
    assert_eq!(
        rows("notes"),
        [
            "sent input code  internal",
            "sent people.getPerson city public",
            "sent people.getPerson name personal",
            "decides people.getPerson salary restricted",
        ]
    );
    let of = |call: &str| {
        let found = plan.proof.obligations.iter().find(|one| one.name == "P6" && one.subject == call);
        found.unwrap().holds_by.clone()
    };
    assert_eq!(of("stock"), "ECZ-GB-WARE01 receives internal at most");
    assert_eq!(of("notes"), "ECZ-GB-SUPP01 receives personal at most; restricted decides");
    // A table that leaves one of them out is that of something else.
    for at in 0..plan.egress.len() {
        let mut copy = Plan::clone(&plan);
        copy.egress.remove(at);
        check(copy).unwrap_err();
    }
}

/// What a called flow is given can fail before anything of it is done: its calls tell.
const GIVEN: &str = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api warehouse = openapi("apis/warehouse.openapi.yaml")
classify input look.part as internal
flow stock(plus: int) -> { count: int } {
  as acme.agent
  handoff strict
  step found = warehouse.getStock(sku: "M")
  return { count: found.in_stock + plus }
}
flow look(part: int) -> { n: int } {
  as acme.agent
  handoff strict
  step known = call stock(plus: 100 / part)
  return { n: known.count }
}
"#;

#[test]
fn what_a_called_flow_is_given_counts_for_its_calls() {
    let plan = flows::compile(flows::refund_files(Some(GIVEN)));
    check(Plan::clone(&plan)).unwrap();
    let mut raised = Plan::clone(&plan);
    raised.flow.inputs[0].classified[0].class = Class::Restricted;
    for found in [prove(&raised).map(|_| ()), check(raised).map(|_| ())] {
        let found = found.unwrap_err();
        assert!(
            matches!(&found, PlanError::Obligation { name: "P6", subject, .. } if subject == "known/found"),
            "{found}"
        );
    }
}

/// Only the called flow uses the api that another organisation is said to answer.
const SAID: &str = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
operator depot { passport ECZ-GB-WARE01 }
api warehouse = openapi("apis/warehouse.openapi.yaml")
api plain = openapi("apis/plain.yaml") { no passport because "a measurement" operator depot }
classify warehouse.getStock as restricted
flow known(day: string) -> { wet: bool } {
  as acme.agent
  handoff strict
  step found = plain.getDay(day: day)
  return { wet: found.rain }
}
flow look(sku: string) -> { n: int } {
  as acme.agent
  handoff strict
  step stock = warehouse.getStock(sku: sku)
  step day = call known(day: "{stock.in_stock}")
  return { n: 1 }
}
"#;

#[test]
fn who_is_said_to_answer_in_a_called_flow_is_the_receiver_there() {
    let mut files = flows::refund_files(Some(SAID));
    files.insert("apis/plain.yaml", include_str!("../ui/apis/plain.yaml"));
    let plan = flows::compile(files);
    let to: Vec<_> =
        plan.egress.iter().filter(|row| row.call == "day/found").map(|row| row.to.as_str()).collect();
    assert_eq!(to, ["ECZ-GB-WARE01"]);
    // A plan in which that name is two organisations could say either.
    let mut other = Plan::clone(&plan);
    let mut depot = other.flows["known"].operators["depot"].clone();
    depot.passport = "ECZ-GB-PAYM01".parse().unwrap();
    other.operators.insert("depot".to_owned(), depot);
    let found = prove(&other).map(|_| ()).and_then(|()| check(other).map(|_| ())).unwrap_err();
    assert!(matches!(found, PlanError::Obligation { name: "P4", .. }), "{found}");
}

/// An input of a document's schema has the classes of the schema, and a plan without them is another one.
#[test]
fn what_a_document_says_of_an_input_is_in_the_plan() {
    const TYPED: &str = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api people = openapi("apis/people.yaml")
api warehouse = openapi("apis/warehouse.openapi.yaml") { cleared personal from acme }
flow look(who: people.Person) -> { n: int } {
  as acme.agent
  handoff strict
  step found = warehouse.getStock(sku: who.name)
  return { n: found.in_stock }
}
"#;
    let mut files = flows::refund_files(Some(TYPED));
    files.insert("apis/people.yaml", include_str!("../ui/apis/people.yaml"));
    let mut plan = Plan::clone(&flows::compile(files));
    let classified = &mut plan.flow.inputs[0].classified;
    assert!(classified.iter().any(|field| field.path == ["name"] && field.class == Class::Personal));
    let row = plan.egress.iter().find(|row| row.field == "name").unwrap();
    assert_eq!((row.class, row.of.as_str()), (Class::Personal, "ECZ-GB-A1B2C3"));
    classified.clear();
    assert!(check(plan.clone()).is_err());
    // Raised, with a proof of its own, it is refused for what it would send.
    let name = Classified { path: vec!["name".into()], class: Class::Restricted };
    plan.flow.inputs[0].classified = vec![name];
    let refused = prove(&plan).err().unwrap().to_string();
    assert!(refused.contains("who -> name"), "{refused}");
}
