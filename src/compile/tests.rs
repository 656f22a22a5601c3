use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::diagnostics::Severity;
use crate::hir::StandardLibrary;
use crate::plan::{self, PlanError, PlanFile};
use crate::source::{DiskFiles, MemoryFiles};

const FLOW: &str = include_str!("../../examples/refund/refund.eczflow");
const SUPPORT: &str = include_str!("../../examples/refund/apis/support.openapi.yaml");
const WAREHOUSE: &str = include_str!("../../examples/refund/apis/warehouse.openapi.yaml");
const PAYMENTS: &str = include_str!("../../examples/refund/apis/payments.openapi.json");
const LOCK: &str = include_str!("../../examples/refund/eczflow.lock");

fn example() -> MemoryFiles {
    let mut files = MemoryFiles::default();
    files.insert("f/refund.eczflow", FLOW);
    files.insert("f/apis/support.openapi.yaml", SUPPORT);
    files.insert("f/apis/warehouse.openapi.yaml", WAREHOUSE);
    files.insert("f/apis/payments.openapi.json", PAYMENTS);
    files.insert("f/eczflow.lock", LOCK);
    files
}

fn path() -> &'static Utf8Path {
    Utf8Path::new("f/refund.eczflow")
}

/// `LINE CODE` of each finding.
fn findings(compilation: &Compilation) -> Vec<String> {
    let line =
        |finding: &crate::diagnostics::Diagnostic| compilation.source_map.line_column(finding.span()).0;
    compilation
        .diagnostics
        .iter()
        .map(|finding| format!("{} {}", line(finding), finding.code.number))
        .collect()
}

fn check(files: &MemoryFiles) -> Vec<String> {
    findings(&Session::new(files).compile(path(), None).unwrap())
}

fn line_of(text: &str, part: &str) -> usize {
    text.lines().position(|line| line.contains(part)).unwrap() + 1
}

#[test]
fn the_example_compiles_to_the_same_bytes_each_time() {
    let root = Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/refund/refund.eczflow"));
    let first = Session::new(&DiskFiles).compile(&root, None).unwrap();
    assert_eq!(findings(&first), Vec::<String>::new());
    let files = example();
    let second = Session::new(&files).compile(path(), Some("refund_ticket")).unwrap();
    let text = |compilation: &Compilation| compilation.plan.as_ref().unwrap().to_file().to_text().unwrap();
    assert_eq!(text(&first), text(&second));
    let guards = first.plan.unwrap().proof.guards.clone();
    assert!(
        guards.iter().any(|guard| guard.starts_with("refund: ") && guard.contains("multipleOf")),
        "{guards:?}"
    );
}

#[test]
fn the_examples_pins_are_current_and_pinning_keeps_the_layout() {
    let mut files = example();
    let pinned = Session::new(&files).pin(path()).unwrap();
    assert!(pinned.current && pinned.edits.is_empty());
    let unpinned = |line: &'static str| match line.trim_start().starts_with("pinned ") {
        true if line.ends_with('{') => "{",
        true => "",
        false => line,
    };
    let lines: Vec<&str> = FLOW.lines().map(unpinned).collect();
    files.insert("f/refund.eczflow", lines.join("\n"));
    let other = LOCK.replace("\"flows\": {", "\"flows\": {\n    \"other.eczflow\": {},");
    files.insert("f/eczflow.lock", other);
    let pinned = Session::new(&files).pin(path()).unwrap();
    assert!(!pinned.current && !pinned.has_errors() && pinned.edits.len() == 3);
    assert!(pinned.lock.contains("\"other.eczflow\": {}"));
    files.insert("f/refund.eczflow", pinned.text);
    files.insert("f/eczflow.lock", pinned.lock);
    assert_eq!(check(&files), Vec::<String>::new());
    assert!(Session::new(&files).pin(path()).unwrap().current);
}

/// A step without a handoff policy is the same finding at the step, wherever the policy went missing: one that marks all of
/// them.
#[test]
fn a_handoff_policy_is_missed_at_the_step_wherever_it_was_removed() {
    let steps = |text: &str| -> Vec<String> {
        ["step ticket", "step moved", "undo  warehouse", "step refund", "undo  payments"]
            .map(|part| format!("{} EF4001", line_of(text, part)))
            .to_vec()
    };
    let missed = |compilation: &Compilation| -> Vec<String> {
        let found = compilation.diagnostics.iter().filter(|found| found.code.number == "EF4001");
        let mut lines: Vec<usize> = found
            .flat_map(|found| &found.labels)
            .filter(|label| label.primary || label.message.ends_with(" as well"))
            .map(|label| compilation.source_map.line_column(label.span).0)
            .collect();
        lines.sort_unstable();
        lines.into_iter().map(|line| format!("{line} EF4001")).collect()
    };
    let with = |flow: &str, files: &mut MemoryFiles| files.insert("f/refund.eczflow", flow);

    // The flow's.
    let mut files = example();
    let flow = FLOW.replace("  handoff  strict", "");
    with(&flow, &mut files);
    assert_eq!(missed(&Session::new(&files).compile(path(), None).unwrap()), steps(&flow));

    // An api's default: only its calls have one.
    let flow = flow.replace("  auth    bearer", "  handoff strict\n  auth    bearer");
    with(&flow, &mut files);
    let mut others = steps(&flow);
    others.truncate(3);
    assert_eq!(missed(&Session::new(&files).compile(path(), None).unwrap()), others);

    // A used file's, and one part of it.
    let flow = FLOW.replace("use std.handoff.{ strict }", "use \"./policies.eczflow\".{ strict }");
    with(&flow, &mut files);
    let policies =
        "eczflow 1\nhandoff strict { verify require within 60s  attest request response  evidence >= E4 }\n";
    files.insert("f/policies.eczflow", policies);
    assert_eq!(check(&files), Vec::<String>::new());
    for broken in [
        "eczflow 1\n",
        &policies.replace("evidence >= E4", ""),
        &policies.replace("attest request response", ""),
    ] {
        files.insert("f/policies.eczflow", broken);
        assert_eq!(missed(&Session::new(&files).compile(path(), None).unwrap()), steps(&flow), "{broken}");
    }

    // The standard library's.
    let files = example();
    let standard = StandardLibrary::default();
    let strict = standard.part("handoff").unwrap().replacen("evidence >= E4", "", 1);
    let session = Session::new(&files).with_standard(standard.with("handoff", strict));
    assert_eq!(missed(&session.compile(path(), None).unwrap()), steps(FLOW));
}

#[test]
fn a_changed_document_is_judged_by_what_is_used_of_it() {
    let payments = line_of(FLOW, "api payments") + 1;
    let mut files = example();
    files
        .insert("f/apis/payments.openapi.json", PAYMENTS.replacen("How a refund stands", "How it stands", 1));
    let compilation = Session::new(&files).compile(path(), None).unwrap();
    assert_eq!(findings(&compilation), [format!("{payments} EF4010")]);
    assert!(compilation.plan.is_some());
    files.insert("f/apis/payments.openapi.json", PAYMENTS.replacen("Gives money back", "Gives money", 1));
    let compilation = Session::new(&files).compile(path(), None).unwrap();
    assert_eq!(findings(&compilation), [format!("{payments} EF4009")]);
    assert!(compilation.plan.is_none());
    let note = &compilation.diagnostics[0].notes[0];
    assert!(note.contains("P3") && note.contains("`refund`"), "{note}");
}

/// A used operation that cannot be cut out is not one that did not change, and no lock holds it.
#[test]
fn what_cannot_be_cut_out_is_not_unchanged() {
    let mut files = example();
    for (from, to, code) in [
        ("#/components/schemas/NewRefund\"", "#/components/schemas/Nothing\"", "EF8012"),
        ("#/components/schemas/NewRefund\"", "other.json#/NewRefund\"", "EF8011"),
        ("\"operationId\": \"getRefund\"", "\"operationId\": \"createRefund\"", "EF8013"),
    ] {
        let document = PAYMENTS.replacen(from, to, 1);
        assert_ne!(document, PAYMENTS, "{from}");
        files.insert("f/apis/payments.openapi.json", document);
        let compilation = Session::new(&files).check(path(), None).unwrap();
        let found: Vec<&str> = compilation.diagnostics.iter().map(|found| found.code.number).collect();
        assert!(found.contains(&code) && !found.contains(&"EF4010"), "{found:?}");
        assert!(!found.contains(&"EF4009"), "{found:?}");
        let pinned = Session::new(&files).pin(path()).unwrap();
        let found: Vec<&str> = pinned.diagnostics.iter().map(|found| found.code.number).collect();
        assert!(pinned.has_errors() && found == [code] && pinned.edits.is_empty(), "{found:?}");
    }
}

/// What P8 and P9 are made of is stated in the proof as it was recomputed, entry by entry.
#[test]
fn what_is_recomputed_of_effects_and_bounds_is_what_the_proof_says() {
    let files = example();
    let plan = Session::new(&files).compile(path(), None).unwrap().plan.unwrap();
    let with = |name: &str, change: &dyn Fn(&mut Vec<plan::Obligation>, usize)| {
        let mut edited = plan::Plan::clone(&plan);
        let at = edited.proof.obligations.iter().position(|entry| entry.name == name).unwrap();
        change(&mut edited.proof.obligations, at);
        plan::check(edited).map(|_| ()).map_err(|error| crate::base::Explained::code(&error))
    };
    assert_eq!(with("P8", &|entries, at| entries[at].holds_by = "undo nothing".into()), Err("ER2008"));
    assert_eq!(with("P8", &|entries, at| drop(entries.remove(at))), Err("ER2008"));
    assert_eq!(with("P9", &|entries, at| entries[at].holds_by = "at most: nothing".into()), Err("ER2008"));
    assert_eq!(with("P9", &|entries, at| entries[at].subject = "ticket".into()), Err("ER2008"));
    for name in plan::OBLIGATIONS {
        assert_eq!(
            with(name, &|entries, _| entries.retain(|entry| entry.name != name)),
            Err("ER2008"),
            "{name}"
        );
    }
}

/// What an undo needs of whoever keeps a key is taken for granted: for the step's own undo, and for that of its flow's call.
#[test]
fn a_key_with_an_undo_is_listed() {
    let files = example();
    let plan = Session::new(&files).compile(path(), None).unwrap().plan.unwrap();
    let listed = |plan: &plan::Plan, step: &str| {
        let line = format!(
            "{step}: ECZ-GB-PAYM01 forgets a key once what it stood for is undone, and no run fails that uses the key of one that succeeded"
        );
        let found = plan::assumptions(plan);
        (found.contains(&line), found.iter().any(|found| found.contains("forgets")))
    };
    assert_eq!(listed(&plan, "refund"), (true, true));
    assert!(
        !plan.proof.assumptions.iter().any(|found| found.starts_with("moved: ")),
        "{:?}",
        plan.proof.assumptions
    );
    let mut once = plan::Plan::clone(&plan);
    let undo = once.flow.body.nodes.iter_mut().find_map(|node| match &mut node.kind {
        plan::NodeKind::Call(step) => step.undo.take(),
        _ => None,
    });
    assert!(undo.is_some());
    assert_eq!(listed(&once, "refund"), (false, false));
    let caller = |undo| {
        let mut caller = plan::Plan::clone(&once);
        let call =
            plan::SubFlow { flow: "f".into(), inputs: Vec::new(), guard: None, undo, irreversible: None };
        caller.flow.body.nodes.truncate(1);
        caller.flow.body.nodes[0].kind = plan::NodeKind::SubFlow(Box::new(call));
        caller.flows.insert("f".into(), once.clone());
        caller
    };
    assert_eq!(listed(&caller(undo), "ticket"), (true, true));
    assert_eq!(listed(&caller(None), "ticket"), (false, false));
}

/// A weakening stands in plan and proof with what it replaces; one that weakens nothing or gives no reason is none.
#[test]
fn a_weakening_is_listed_and_recomputed() {
    let mut files = example();
    let flow = FLOW.replace("{ strict }", "{ strict, observe }");
    let weaken = "    weaken handoff observe because \"the desk is not listed\"\n    on 404";
    files.insert("f/refund.eczflow", flow.replacen("    on 404", weaken, 1));
    let plan = Session::new(&files).compile(path(), None).unwrap().plan.unwrap();
    let listed =
        "ticket: `std.handoff.observe` is weaker than `std.handoff.strict` in verify: the desk is not listed";
    assert!(plan.proof.assumptions.iter().any(|entry| entry == listed), "{:?}", plan.proof.assumptions);
    let with = |change: &dyn Fn(&mut plan::Call)| {
        let mut edited = plan::Plan::clone(&plan);
        if let plan::NodeKind::Call(step) = &mut edited.flow.body.nodes[0].kind {
            change(&mut step.call);
        }
        plan::check(edited).map(|_| ()).map_err(|error| crate::base::Explained::code(&error))
    };
    let weakened = |change: &dyn Fn(&mut plan::Weakening, &crate::ecz::HandoffPolicy)| {
        with(&|call| {
            let own = call.handoff.clone();
            change(call.weakened.as_mut().unwrap(), &own);
        })
    };
    assert_eq!(weakened(&|_, _| {}), Ok(()));
    assert_eq!(weakened(&|it, own| it.instead_of = own.clone()), Err("ER2007"));
    assert_eq!(weakened(&|it, _| it.because = " ".into()), Err("ER2007"));
    assert_eq!(weakened(&|it, _| it.because = "no matter".into()), Err("ER2008"));
    assert_eq!(weakened(&|it, _| it.instead_of.verify.within_ms = 0), Err("ER2005"));
    assert_eq!(with(&|call| call.weakened = None), Err("ER2008"));
}

/// By hand: four attempts of `ticket`, of each of 200 returns in 25 rounds, eight of `refund`.
#[test]
fn the_examples_bounds_are_what_its_policies_allow() {
    let files = example();
    let plan = Session::new(&files).compile(path(), None).unwrap().plan.unwrap();
    let bounds = plan::bounds(&plan);
    assert_eq!(bounds.longest_path, ["ticket", "for_1", "refund"]);
    assert_eq!((bounds.steps.calls, bounds.steps.attempts), (202, 4 + 200 * 4 + 8));
    // `careful` ends after two minutes, `persistent` after fifteen: a verdict before, an attempt after.
    let (careful, persistent) = (62_000 + 120_000, 62_000 + 900_000);
    assert_eq!(bounds.steps.wall_clock_ms, careful + 25 * careful + persistent);
    assert_eq!(bounds.single_ms, 90_000);
    assert_eq!((bounds.undos.calls, bounds.undos.attempts), (201, 201));
    assert_eq!(bounds.undos.wall_clock_ms, 201 * 62_000);
    let loads: Vec<(&str, u64)> =
        bounds.steps.counterparties.iter().map(|load| (load.apis[0].as_str(), load.attempts)).collect();
    assert_eq!(loads, [("payments", 8), ("support", 4), ("warehouse", 800)]);
}

#[test]
fn each_failure_says_what_is_undone_and_what_stays() {
    let files = example();
    let plan = Session::new(&files).compile(path(), None).unwrap().plan.unwrap();
    let shown: Vec<String> = plan::failures(&plan)
        .into_iter()
        .map(|failure| {
            let undone = failure
                .undone
                .iter()
                .map(|undone| format!("{}{}", undone.step, if undone.certain { "" } else { "?" }));
            let stays = failure.stays.iter().map(|stand| format!("{} {}", stand.step, stand.because));
            let lists = [undone.collect::<Vec<_>>().join(", "), stays.collect::<Vec<_>>().join(", ")];
            let doubt = failure.in_doubt.map_or_else(String::new, |doubt| {
                format!("{} keeps {}", doubt.of.join(", "), doubt.stays.join(", "))
            });
            format!("{}: {} | {} | {doubt}", failure.node, lists[0], lists[1])
        })
        .collect();
    assert_eq!(
        shown,
        [
            "ticket:  |  | ",
            "ensure_1:  |  | ",
            "for_1:  |  | ",
            "moved: moved? | moved undo_unmade | moved keeps moved",
            "refund: refund?, moved | moved undo_unmade, refund undo_unmade | refund keeps moved, refund",
        ]
    );
}

/// Every obligation broken in an otherwise well-formed plan under a recomputed digest is refused.
#[test]
fn an_edited_plan_with_a_recomputed_digest_is_refused() {
    let files = example();
    let plan = Session::new(&files).compile(path(), None).unwrap().plan.unwrap();
    let original = serde_json::to_value(&*plan).unwrap();
    let nodes = "/flow/body/nodes";
    let strict = format!("{nodes}/0/kind/call/handoff");
    let name = |name: &str| serde_json::json!({"op": "name", "name": name});
    let careful = original.pointer(&format!("{nodes}/0/kind/call/retry"));
    let edits: Vec<(String, serde_json::Value, &str)> = vec![
        // Ranges.
        ("/flow/deadline_ms".into(), 0.into(), "ER2005"),
        (format!("{nodes}/0/kind/call/retry/attempts"), 0.into(), "ER2005"),
        (format!("{nodes}/3/kind/parallel"), 0.into(), "ER2005"),
        (format!("{nodes}/0/line"), 0.into(), "ER2005"),
        ("/apis/payments/timeout/attempt_ms".into(), 0.into(), "ER2005"),
        ("/apis/payments/breaker/probes".into(), 0.into(), "ER2005"),
        // P1: order, barriers, unknown names, ends, what never runs.
        (format!("{nodes}/4/after"), serde_json::json!(["for_1", "go", "ticket"]), ""),
        (format!("{nodes}/2/after"), serde_json::json!(["ticket"]), "ER2007"),
        (format!("{nodes}/1/after"), serde_json::json!([]), "ER2007"),
        (format!("{nodes}/0/after"), serde_json::json!(["refund"]), "ER2007"),
        (format!("{nodes}/0/after"), serde_json::json!(["nobody"]), "ER2007"),
        (format!("{nodes}/5/after"), serde_json::json!(["ticket"]), "ER2007"),
        (format!("{nodes}/4/id"), "ticket".into(), "ER2007"),
        (format!("{nodes}/4/kind/guard"), serde_json::json!({"op": "bool", "value": false}), "ER2007"),
        (nodes.into(), serde_json::json!([]), "ER2007"),
        // P4: who presents, what is verified, what is kept, what evidence.
        ("/flow/agent".into(), "ECZ-GB-A1B2C3::AGENT-000000".into(), "ER2007"),
        (format!("{nodes}/0/kind/call/present"), "ECZ-GB-PAYM01::AGENT-SETTL1".into(), "ER2007"),
        (format!("{strict}/verify/mode"), "open".into(), "ER2008"),
        (format!("{strict}/verify/within_ms"), 80_000_000.into(), "ER2008"),
        (format!("{strict}/evidence"), "E1".into(), "ER2008"),
        (format!("{strict}/evidence"), "E5".into(), "ER2007"),
        (format!("{nodes}/4/kind/undo/handoff/verify/mode"), "prefer".into(), "ER2008"),
        // P5: pins, slices, identities, where requests go, whose secret.
        ("/apis/payments/pin".into(), plan::digest(&plan).unwrap().to_string().into(), "ER2008"),
        ("/apis/payments/operations/createRefund/text".into(), "{}".into(), "ER2006"),
        ("/apis/payments/identity/identity/operator_ecz_id".into(), "ECZ-GB-A1B2C3".into(), "ER2007"),
        ("/apis/payments/base_url".into(), "https://elsewhere.example".into(), "ER2007"),
        ("/apis/support/base_url".into(), "https://elsewhere.example".into(), "ER2007"),
        ("/apis/payments/region/origin".into(), "https://elsewhere.example".into(), "ER2007"),
        ("/secrets/payments_token/audience".into(), "support".into(), "ER2007"),
        (format!("{nodes}/4/kind/call/path"), "/refunds/all".into(), "ER2007"),
        (format!("{nodes}/4/kind/call/method"), "PUT".into(), "ER2007"),
        (format!("{nodes}/4/kind/call/operation"), "dropRefund".into(), "ER2007"),
        // P7: facts, attempts, who assumes.
        (format!("{nodes}/4/kind/call/idempotency/header"), "X-Key".into(), "ER2008"),
        (format!("{nodes}/4/kind/call/idempotency/by"), "nobody".into(), "ER2007"),
        (format!("{nodes}/4/kind/call/idempotency/because"), "no reason".into(), "ER2008"),
        (format!("{nodes}/4/kind/call/idempotency"), serde_json::Value::Null, "ER2007"),
        (
            format!("{nodes}/4/kind/call/idempotency"),
            serde_json::json!({"source": "documented", "header": "Idempotency-Key"}),
            "ER2007",
        ),
        (format!("{nodes}/4/kind/call/retry/attempts"), 9.into(), "ER2008"),
        // P7: a key that all iterations share, or that is another in each run.
        (format!("{nodes}/3/kind/body/nodes/0/kind/call/once_per"), name("go"), "ER2007"),
        // P3: a key that is a record.
        (format!("{nodes}/3/kind/body/nodes/0/kind/call/once_per"), name("line"), "ER2007"),
        (format!("{nodes}/4/kind/call/once_per"), serde_json::json!({"op": "run", "member": "id"}), "ER2007"),
        // P8: an effect with neither undo nor a good place, both at once, another undo than the proof says.
        (format!("{nodes}/3/kind/body/nodes/0/kind/undo"), serde_json::Value::Null, "ER2007"),
        (format!("{nodes}/4/kind/undo"), serde_json::Value::Null, "ER2007"),
        (format!("{nodes}/4/kind/irreversible"), "no way back".into(), "ER2007"),
        // P9: more iterations, slower attempts, another deadline than were counted.
        (format!("{nodes}/3/kind/at_most"), 100_000.into(), "ER2008"),
        (format!("{nodes}/3/kind/parallel"), 1.into(), "ER2008"),
        ("/flow/deadline_ms".into(), 1_000.into(), "ER2008"),
        ("/apis/support/timeout/attempt_ms".into(), 3_000_000.into(), "ER2008"),
        (format!("{nodes}/4/kind/undo/retry"), careful.unwrap().clone(), "ER2008"),
        // What a call gives: every parameter and the body that its operation requires, and nothing else.
        (format!("{nodes}/0/kind/call/arguments"), serde_json::json!([]), "ER2007"),
        (format!("{nodes}/0/kind/call/arguments/0/location"), "header".into(), "ER2007"),
        (format!("{nodes}/0/kind/call/arguments/0/name"), "Authorization".into(), "ER2007"),
        (format!("{nodes}/4/kind/undo/arguments"), serde_json::json!([]), "ER2007"),
        (format!("{nodes}/4/kind/call/body"), serde_json::Value::Null, "ER2007"),
        (format!("{nodes}/0/kind/call/body"), serde_json::json!({"op": "null"}), "ER2007"),
        // P3: written values that the schema refuses, though their type fits.
        (
            format!("{nodes}/4/kind/call/body/members/1/1"),
            serde_json::json!({"op": "decimal", "value": "0.001"}),
            "ER2007",
        ),
        // P10: what is required is what the handoffs ask for.
        (
            "/apis/payments/identity/identity/agent_credential_id".into(),
            "ECZ-GB-PAYM01::AGENT-OTHER1".into(),
            "ER2008",
        ),
        // The proof itself.
        ("/proof/obligations/1/name".into(), "P2x".into(), "ER2008"),
        ("/proof/obligations".into(), serde_json::json!([]), "ER2008"),
        ("/proof/assumptions".into(), serde_json::json!([]), "ER2008"),
    ];
    for (pointer, value, code) in edits {
        let mut edited = original.clone();
        match edited.pointer_mut(&pointer) {
            Some(place) => *place = value,
            // A member that is left out where it is absent.
            None => {
                let (of, name) = pointer.rsplit_once('/').unwrap();
                edited.pointer_mut(of).unwrap()[name] = value;
            }
        }
        let edited: plan::Plan = serde_json::from_value(edited).unwrap();
        let text = PlanFile::of(edited).unwrap().to_text().unwrap();
        let answer = PlanFile::read(text.as_bytes()).and_then(plan::check_file);
        let found = answer.as_ref().err().map_or("", crate::base::Explained::code);
        assert_eq!(found, code, "{pointer}: {:?}", answer.err());
    }
    // The digest is held against the content, and the form is the only one there is.
    let text = plan.to_file().to_text().unwrap();
    assert!(plan::check_file(PlanFile::read(text.as_bytes()).unwrap()).is_ok());
    let other = text.replace("26-10-01\"", "26-10-02\"");
    assert!(matches!(PlanFile::read(other.as_bytes()), Err(PlanError::Digest { .. })));
    let spaced = text.replacen('{', "{ ", 1);
    assert!(matches!(PlanFile::read(spaced.as_bytes()), Err(PlanError::NotCanonical)));
    let more = text.replacen("{\"plan\"", "{\"more\":1,\"plan\"", 1);
    assert!(matches!(PlanFile::read(more.as_bytes()), Err(PlanError::Unreadable { .. })));
    let later = text.replace("eczflow-plan-1", "eczflow-plan-2");
    assert!(matches!(PlanFile::read(later.as_bytes()), Err(PlanError::Format { .. })));
}

#[test]
fn a_plan_is_held_against_documents_at_hand() {
    let files = example();
    let plan = Session::new(&files).compile(path(), None).unwrap().plan.unwrap();
    let read = |name: &str, text: &str| {
        let (mut map, mut sink) = Default::default();
        crate::documents::Document::read(text.as_bytes(), name, &mut map, &mut sink).unwrap()
    };
    let mut documents = std::collections::BTreeMap::from([
        ("support".to_owned(), read("s.yaml", SUPPORT)),
        ("payments".to_owned(), read("p.json", PAYMENTS)),
    ]);
    let held = |absent: &[&str], changed: &[&str]| {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Ok(plan::Held { absent: own(absent), changed: own(changed) })
    };
    assert_eq!(plan.held_against(&documents, None), held(&["warehouse"], &[]));
    // Changed where nothing is used: only the lock still knows the pin.
    let lock = crate::documents::Lock::read(LOCK.as_bytes()).unwrap();
    let elsewhere = PAYMENTS.replacen("\"info\": {", "\"info\": { \"x-more\": 1,", 1);
    assert_ne!(elsewhere, PAYMENTS);
    documents.insert("payments".to_owned(), read("p.json", &elsewhere));
    assert_eq!(plan.held_against(&documents, Some(&lock)), held(&["warehouse"], &["payments"]));
    assert!(
        matches!(plan.held_against(&documents, None), Err(PlanError::Drift { reason, .. }) if reason.contains("its pin"))
    );
    let changed = PAYMENTS.replacen("Gives money back", "Gives money", 1);
    documents.insert("payments".to_owned(), read("p.json", &changed));
    assert!(
        matches!(plan.held_against(&documents, None), Err(PlanError::Drift { api, .. }) if api == "payments")
    );
}

#[test]
fn a_plans_pin_and_slices_are_held_against_the_lock() {
    let files = example();
    let plan = Session::new(&files).compile(path(), None).unwrap().plan.unwrap();
    let none = std::collections::BTreeMap::new();
    let lock = crate::documents::Lock::read(LOCK.as_bytes()).unwrap();
    assert!(plan.held_against(&none, Some(&lock)).is_ok());
    let pin = plan.apis["payments"].pin;
    let other = crate::base::Digest::of("another");
    fn api_of(lock: &mut crate::documents::Lock) -> &mut crate::documents::LockedApi {
        lock.flows.get_mut("refund.eczflow").unwrap().get_mut("payments").unwrap()
    }
    let mut moved = lock.clone();
    api_of(&mut moved).canonical_hash = other;
    let drifts = |lock: &crate::documents::Lock, what: &str| {
        let held = plan.held_against(&none, Some(lock));
        assert!(
            matches!(&held, Err(PlanError::Drift { api, reason }) if api == "payments" && reason.contains(what)),
            "{held:?}"
        );
    };
    drifts(&moved, &pin.to_string());
    let mut gone = lock.clone();
    api_of(&mut gone).operations.clear();
    drifts(&gone, "the lock holds");
}

/// Where requests and secrets go, and what answers are made of, is never a matter of words.
#[test]
fn an_update_breaks_where_servers_security_or_content_types_change() {
    let operation = |files: &MemoryFiles| {
        let update = Session::new(files).update(path()).unwrap();
        update.apis["payments"].operations["createRefund"].clone()
    };
    let mut files = example();
    assert_eq!(operation(&files).standing, Standing::Untouched);
    let base: serde_json::Value = serde_json::from_str(PAYMENTS).unwrap();
    let changed = |edit: fn(&mut serde_json::Value)| {
        let mut document = base.clone();
        edit(&mut document);
        assert_ne!(document, base);
        document.to_string()
    };
    type Edit = fn(&mut serde_json::Value);
    let edits: [(&str, Edit); 4] = [
        ("servers", |it| it["servers"][0]["url"] = "https://evil.example".into()),
        ("security", |it| it["security"] = serde_json::json!([{"token": []}, {}])),
        ("security scheme `token`", |it| {
            *it.pointer_mut("/components/securitySchemes/token").unwrap() =
                serde_json::json!({"type": "apiKey", "in": "query", "name": "k"});
        }),
        ("content types of 201", |it| {
            let answer = &mut it["paths"]["/refunds"]["post"]["responses"]["201"]["content"];
            answer["text/csv"] = serde_json::json!({});
        }),
    ];
    for (place, edit) in edits {
        files.insert("f/apis/payments.openapi.json", changed(edit));
        let found = operation(&files);
        assert_eq!(found.standing, Standing::Breaks, "{place}");
        assert!(!found.words_only, "{place}");
        let told = found.changes.iter().find(|change| change.place == place);
        assert!(
            told.is_some_and(|change| !change.breaks.is_empty() && change.what.contains(" -> ")),
            "{found:?}"
        );
    }
    let words = PAYMENTS.replacen("Gives money back", "Gives money", 1);
    files.insert("f/apis/payments.openapi.json", words);
    let found = operation(&files);
    assert!(found.words_only && found.standing == Standing::Compatible && found.changes.is_empty());
}

/// A schema that only an input's type names is used too: pinning passes over no change of it, and what falls with it is told at it.
#[test]
fn a_schema_that_a_type_names_is_locked_and_judged() {
    let flow = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api support = openapi("apis/support.openapi.yaml")
api payments = openapi("apis/payments.openapi.json")
flow f(wanted: payments.NewRefund, id: string) -> { note: string?, id: string } {
  as acme.agent
  handoff strict
  step ticket = support.getTicket(ticketId: id)
  return { note: wanted.note, id: ticket.id }
}
"#;
    let mut files = example();
    files.insert("f/refund.eczflow", flow);
    let pinned = Session::new(&files).pin(path()).unwrap();
    files.insert("f/refund.eczflow", pinned.text);
    files.insert("f/eczflow.lock", pinned.lock.clone());
    assert_eq!(check(&files), Vec::<String>::new());
    let read = crate::documents::Lock::read(pinned.lock.as_bytes()).unwrap();
    let names: Vec<&String> = read.flows["refund.eczflow"]["payments"].schemas.keys().collect();
    assert_eq!(names, ["NewRefund"]);
    let edited = pinned.lock.replacen("maxLength\\\":140", "maxLength\\\":141", 1);
    assert_ne!(edited, pinned.lock);
    assert!(crate::documents::Lock::read(edited.as_bytes()).is_err());

    for (from, to, standing, what, falls) in [
        ("\"maxLength\": 140", "\"maxLength\": 40", Standing::Compatible, "maxLength 140 -> 40", ""),
        ("\"note\": {", "\"remark\": {", Standing::Breaks, "removed", "EF2002"),
        ("\"NewRefund\": {", "\"Other\": {", Standing::Breaks, "the schema is gone", "EF1001"),
    ] {
        let document = PAYMENTS.replacen(from, to, 1);
        assert_ne!(document, PAYMENTS, "{from}");
        files.insert("f/apis/payments.openapi.json", document);
        assert!(check(&files).contains(&"5 EF4009".to_owned()), "{from}");
        let plain = Session::new(&files).pin(path()).unwrap();
        assert_eq!(plain.changed, ["`payments.NewRefund`"], "{from}");
        let update = Session::new(&files).update(path()).unwrap();
        let schema = &update.apis["payments"].schemas["NewRefund"];
        assert_eq!(schema.standing, standing, "{from}: {schema:?}");
        assert!(schema.changes.iter().any(|change| change.used && change.what == what), "{schema:?}");
        let fallen: Vec<&str> = schema.falls.iter().map(|fall| fall.code).collect();
        assert_eq!(fallen.join(" "), falls, "{from}: {schema:?}");
    }
}

#[test]
fn a_plans_identities_are_held_against_documents_at_hand() {
    let files = example();
    let plan = Session::new(&files).compile(path(), None).unwrap().plan.unwrap();
    let (mut map, mut sink) = Default::default();
    let payments = crate::documents::Document::read(PAYMENTS.as_bytes(), "p.json", &mut map, &mut sink);
    let documents = std::collections::BTreeMap::from([("payments".to_owned(), payments.unwrap())]);
    for (field, value) in [
        ("recheck_before_reliance", false.into()),
        ("agent_credential_id", serde_json::Value::Null),
        ("api_origin", "https://elsewhere.example".into()),
        ("resolver_url", "https://elsewhere.example/p/ECZ-GB-PAYM01/API/REFD01".into()),
    ] {
        let mut edited = serde_json::to_value(&*plan).unwrap();
        edited["apis"]["payments"]["identity"]["identity"][field] = value;
        let mut edited: plan::Plan = serde_json::from_value(edited).unwrap();
        // With a proof that was written anew.
        edited.proof = plan::prove(&edited).unwrap().proof;
        let held = plan::check(edited).and_then(|plan| plan.held_against(&documents, None).map(|_| ()));
        assert!(matches!(held, Err(PlanError::Drift { .. })), "{field}: {held:?}");
    }
}

/// The first finding is the only one: what follows from it is not told as well.
#[test]
fn one_mistake_is_one_finding() {
    let mut files = example();
    let payments = "secret.payments_token";
    for (from, to, expected) in [
        (payments, "secret.payment_token", vec!["EF1001"]),
        ("for payments ", "for paymints ", vec!["EF1001"]),
        ("getTicket(ticketId:", "getTicket(ticketID:", vec!["EF2005"]),
        ("deadline 26h", "deadline 26h\n  ensure ticket_id != null else \"x\"", vec!["EF2007"]),
        ("on 404 fail \"no such ticket\"", "after ticket", vec!["EF3001"]),
    ] {
        let flow = FLOW.replacen(from, to, 1);
        assert_ne!(flow, FLOW, "{from}");
        files.insert("f/refund.eczflow", flow);
        let found = Session::new(&files).compile(path(), None).unwrap();
        let errors: Vec<&str> = found
            .diagnostics
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.code.number)
            .collect();
        assert_eq!(errors, expected, "{to}");
    }
    // A lock about other files only is as good as none.
    files.insert("f/refund.eczflow", FLOW);
    files.insert("f/eczflow.lock", LOCK.replace("\"refund.eczflow\"", "\"other.eczflow\""));
    assert_eq!(check(&files), [format!("{} EF4011", line_of(FLOW, "api support") + 1)]);
}

/// `after all` waits for the steps that no other one waits for; where they are many, a node of its own stands for them.
#[test]
fn repeated_barriers_stay_small() {
    let mut files = example();
    let reads: String = (0..300)
        .map(|at| format!("  step s{at} = support.getTicket(ticketId: ticket_id)\n  after all\n"))
        .collect();
    files.insert("f/refund.eczflow", FLOW.replacen("  return {", &format!("{reads}  return {{"), 1));
    let compilation = Session::new(&files).check(path(), None).unwrap();
    let graph = &compilation.checked[0].graph;
    assert_eq!(graph.after("s299"), ["ensure_1", "s298"]);
    assert!(graph.is_before("refund", "s1", &|_| false) && graph.is_before("s0", "s299", &|_| false));

    let reads: String =
        (0..300).map(|at| format!("  step s{at} = support.getTicket(ticketId: ticket_id)\n")).collect();
    let both = format!("{reads}  after all\n{}  return {{", reads.replace("step s", "step t"));
    files.insert("f/refund.eczflow", FLOW.replacen("  return {", &both, 1));
    let compilation = Session::new(&files).compile(path(), None).unwrap();
    let graph = &compilation.checked[0].graph;
    assert_eq!(graph.after("t0"), ["after_1", "ensure_1"]);
    assert_eq!(graph.after("after_1").len(), 302);
    assert!(graph.is_before("refund", "t0", &|_| false) && graph.is_before("s0", "t299", &|_| false));
    assert!(!graph.is_before("t0", "t299", &|_| false));
}

/// No text makes the compiler panic, and every cut of a good one ends in findings.
#[test]
fn every_prefix_of_the_example_ends_in_findings() {
    let mut files = example();
    for end in (0..FLOW.len()).step_by(37).filter(|end| FLOW.is_char_boundary(*end)) {
        let text = &FLOW[..end];
        files.insert("f/refund.eczflow", text);
        let compilation = Session::new(&files).compile(path(), None).unwrap();
        assert!(compilation.diagnostics.iter().any(|finding| finding.severity == Severity::Error), "{text}");
        assert!(compilation.plan.is_none());
    }
}

/// Long chains nest as deeply as brackets do: they end in a finding, not in a stack without end.
#[test]
fn long_chains_of_operators_end_in_findings_or_plans() {
    let mut files = example();
    for (first, repeated) in [
        ("true", " && true"),
        ("true", " == true"),
        ("go", ".a"),
        ("go", "?.a"),
        ("go", " ?? go"),
        ("go", "[0]"),
    ] {
        for count in [20, 10_000] {
            let chain = format!("{first}{}", repeated.repeat(count));
            files.insert("f/refund.eczflow", FLOW.replacen("ticket.amount > 0", &chain, 1));
            let compilation = Session::new(&files).compile(path(), None).unwrap();
            assert!(count < 100 || compilation.plan.is_none(), "{repeated}");
        }
    }
}

/// A flow of the largest size is judged in reasonable time, and a larger one is refused.
#[test]
fn the_largest_flow_is_bounded() {
    let mut files = example();
    for count in [600, 20_000] {
        let ensures = "ensure ticket.amount <= limit else \"x\"\n".repeat(count);
        files.insert(
            "f/refund.eczflow",
            FLOW.replacen("ensure ticket.amount", &format!("{ensures}  ensure ticket.amount"), 1),
        );
        let compilation = Session::new(&files).compile(path(), None).unwrap();
        assert_eq!(compilation.plan.is_some(), count == 600);
    }
}

#[test]
fn the_drawing_marks_handoffs_between_organisations() {
    let files = example();
    let compilation = Session::new(&files).compile(path(), None).unwrap();
    let checked = &compilation.checked[0];
    let drawing = checked.graph.drawing(&checked.hir, &compilation.source_map);
    let operators: Vec<&str> = drawing.operators.iter().map(|lane| lane.key.as_str()).collect();
    assert_eq!(operators, ["ECZ-GB-A1B2C3", "ECZ-GB-SUPP01", "ECZ-GB-WARE01", "ECZ-GB-PAYM01"]);
    let handoffs: Vec<String> = drawing
        .edges
        .iter()
        .filter(|edge| edge.handoff)
        .map(|edge| format!("{} {} {}", edge.from, edge.kind.word(), edge.to))
        .collect();
    let into_runner = ["ticket data ensure_1", "ticket data go", "ticket data for_1"];
    let onwards = ["ticket data refund", "go data refund", "refund data return_1"];
    for edge in into_runner.iter().chain(&onwards) {
        assert!(handoffs.contains(&(*edge).to_owned()), "{edge} is missing in {handoffs:?}");
    }
    let moved = drawing.nodes.iter().find(|node| node.id == "moved").unwrap();
    assert_eq!(
        (moved.inside.as_deref(), moved.undo.as_ref().map(|undo| undo.handoff.operation.as_str())),
        (Some("for_1"), Some("warehouse.takeBackItem"))
    );
    // Everything after the barrier waits for it, the loop's body through its loop.
    assert_eq!(checked.graph.after("go"), ["ensure_1", "ticket"]);
    assert!(checked.graph.is_before("ensure_1", "moved", &|_| false));
    // What stands in a loop is done before whatever waits for the loop.
    assert!(checked.graph.is_before("moved", "refund", &|_| false));
}

/// Each value twice the one before it: its type is followed no further at some point, in plan and check alike.
#[test]
fn values_that_double_end_as_unknown() {
    let doubled: String = (1..40)
        .map(|index| format!("  let v{index} = {{ a: v{0}, b: [v{0}, v{0}] }}\n", index - 1))
        .collect();
    let (head, _) = FLOW.split_once("flow refund_ticket").unwrap();
    let flow = format!(
        "{head}flow f(id: string) -> {{ n: int }} {{\n  as acme.agent\n  handoff strict\n  let v0 = {{ id: id }}\n{doubled}  \
         return {{ n: length([v39]) }}\n}}\n"
    );
    let mut files = example();
    files.insert("f/refund.eczflow", flow.as_str());
    let compilation = Session::new(&files).compile(path(), None).unwrap();
    assert!(compilation.plan.is_some(), "{:#?}", compilation.diagnostics);
}
