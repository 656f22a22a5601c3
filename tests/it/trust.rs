//! What a flow requires and shows others: the proof's P10, the trust map, and their schemas.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use eczflow::compile::Session;
use eczflow::engine;
use eczflow::plan::{self, Plan, Verified};
use eczflow::source::DiskFiles;
use serde_json::Value as Json;

use crate::process::Desk;

const EXAMPLES: [&str; 3] = ["refund/refund.eczflow", "order/order.eczflow", "onboarding/onboarding.eczflow"];

fn place(example: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples").join(example)
}

fn compiled(example: &str) -> Verified<Plan> {
    Session::new(&DiskFiles).compile(&place(example), None).unwrap().plan.unwrap()
}

/// A schema of `docs/formats/`, by name.
fn validator(name: &str) -> jsonschema::Validator {
    let path = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("docs/formats/{name}.schema.json"));
    let schema: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn valid(validator: &jsonschema::Validator, value: &Json) {
    let faults: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn what_is_required_is_what_a_run_asks_the_resolver_for() {
    for example in EXAMPLES {
        let plan = compiled(example);
        let asked: BTreeSet<String> = plan::calls(&plan.flow.body)
            .into_iter()
            .flat_map(|(_, call)| engine::subjects(&plan, call))
            .map(|subject| subject.asked.ecz_id.to_string())
            .collect();
        let needs = plan::needs(&plan);
        assert_eq!(
            needs.iter().map(|need| need.ecz_id.to_string()).collect::<BTreeSet<_>>(),
            asked,
            "{example}"
        );
        let proven: Vec<&str> = plan
            .proof
            .obligations
            .iter()
            .filter(|entry| entry.name == "P10" && entry.subject == "flow")
            .map(|entry| entry.holds_by.as_str())
            .collect();
        assert_eq!(proven.len(), 1);
        assert!(asked.iter().all(|id| proven[0].contains(id)), "{proven:?}");
        for name in plan.apis.iter().filter(|(_, api)| api.passport().is_none()).map(|(name, _)| name) {
            assert!(proven[0].contains(&format!("no passport of {name}")), "{proven:?}");
        }
    }
}

#[test]
fn a_map_shows_every_handoff_and_fits_its_schema() {
    let (desk, schema) = (Desk::new(), validator("trustmap"));
    for example in EXAMPLES {
        let (plan, example) = (compiled(example), place(example));
        let map = desk.run(&format!("trustmap {example} --format json")).expect(0).json();
        valid(&schema, &map);
        let edges = map["edges"].as_array().unwrap();
        let (unverified, handoffs) = plan::unverified(&plan);
        assert_eq!(edges.len(), handoffs);
        assert_eq!(edges.iter().filter(|edge| edge["unverified"] == true).count(), unverified);
        let text = desk.run(&format!("trustmap {example}")).expect(0).stdout;
        for need in plan::needs(&plan) {
            assert!(text.contains(need.ecz_id.as_str()), "{text}");
        }
        let drawn = desk.run(&format!("trustmap {example} --format svg")).expect(0).stdout;
        for (name, _) in &plan.apis {
            assert!(text.contains(name) && drawn.contains(name), "{name}");
        }
        let mut other = map.clone();
        other["edges"][0]["policy"]["evidence"] = "E9".into();
        assert!(!schema.is_valid(&other));
    }
    let map = desk.run(&format!("trustmap {}", place(EXAMPLES[2]))).expect(0).stdout;
    assert!(map.contains("unverified, no passport: the register publishes no x-ecz-id"), "{map}");
}

#[test]
fn a_flow_with_errors_has_no_map() {
    let desk = Desk::new();
    let path = desk.path(EXAMPLES[0]);
    let text = std::fs::read_to_string(&path).unwrap().replace("  handoff  strict ", "  // ");
    std::fs::write(&path, text).unwrap();
    let refused = desk.run(&format!("trustmap {}", EXAMPLES[0])).expect(1);
    assert!(refused.stdout.is_empty() && refused.stderr.contains("EF4001"), "{}", refused.stderr);
    assert!(refused.stderr.contains("no map of a flow with errors"), "{}", refused.stderr);
}
