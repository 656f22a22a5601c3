//! What a flow requires and shows others: the proof's P10, the trust map, and their schemas.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use eczflow::base::{Digest, canonical_json};
use eczflow::compile::Session;
use eczflow::engine;
use eczflow::plan::{self, Plan, Verified};
use eczflow::source::DiskFiles;
use eczflow::trust::{TrustMap, handoff_policy};
use eczflow::wire::keys::AgentManifest;
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
pub(crate) fn validator(name: &str) -> jsonschema::Validator {
    let path = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("docs/formats/{name}.schema.json"));
    let schema: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

pub(crate) fn valid(validator: &jsonschema::Validator, value: &Json) {
    let faults: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn egress_shows_what_the_plan_says_of_who_receives_what() {
    let (desk, schema) = (Desk::new(), validator("egress"));
    for example in EXAMPLES {
        let plan = compiled(example);
        let example = place(example);
        let json = desk.run(&format!("egress {example} --format json")).expect(0).stdout;
        let json: Json = serde_json::from_str(&json).unwrap();
        assert_eq!(json["plan_digest"], plan.digest().to_string());
        valid(&schema, &json);
        assert_eq!(json["rows"], serde_json::to_value(&plan.egress).unwrap());
        let table = desk.run(&format!("egress {example}")).expect(0).stdout;
        assert!(!plan.egress.is_empty());
        // Of its own papers the buyer's supplier file gets only the checks: as many as there are papers.
        let papers = plan.egress.iter().filter(|row| row.to == row.of && row.source == "input papers");
        assert!(papers.map(|row| row.field.as_str()).all(|field| field == "length()"));
        for row in &plan.egress {
            assert!(table.contains(&format!("{} receives", row.to)), "{table}");
            assert!(table.contains(&row.source) && table.contains(&row.place), "{table}");
        }
    }
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
        for name in plan.apis.keys() {
            assert!(text.contains(name) && drawn.contains(name), "{name}");
        }
        let mut other = map.clone();
        other["edges"][0]["policy"]["evidence"] = "E9".into();
        assert!(!schema.is_valid(&other));
    }
    let map = desk.run(&format!("trustmap {}", place(EXAMPLES[2]))).expect(0).stdout;
    assert!(map.contains("unverified, no passport: the register publishes no x-ecz-id"), "{map}");
}

/// What is told of a flow's handoffs in several places can be joined, those of a called flow too.
#[test]
fn a_handoff_has_one_name_wherever_it_is_told() {
    for example in EXAMPLES.into_iter().chain(["batch/batch.eczflow", "payout/payout.eczflow"]) {
        let plan = compiled(example);
        let map = TrustMap::of(&plan, plan.digest());
        let steps: BTreeSet<&str> = map.edges.iter().map(|edge| edge.step.as_str()).collect();
        assert_eq!(steps.len(), map.edges.len(), "{example}");
        let policy = handoff_policy(&plan, plan.digest());
        let handoffs = policy["handoffs"].as_array().unwrap().iter();
        assert_eq!(handoffs.map(|handoff| handoff["step"].as_str().unwrap()).collect::<BTreeSet<_>>(), steps);
        let calls: BTreeSet<&str> = plan.egress.iter().map(|row| row.call.as_str()).collect();
        assert!(calls.is_subset(&steps), "{example}: {calls:?} {steps:?}");
        let within =
            |step: &&str| step.contains('/') && !step.ends_with("/undo") && !step.ends_with("/reconcile");
        assert_eq!(steps.iter().any(within), !plan.flows.is_empty(), "{steps:?}");
    }
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

/// The folder of a flow's documents as the operator's options make them.
pub(crate) const OPTIONS: &str = "-o trust --agent-name runner --logical-agent-id refunds --origin https://agent.acme.example --jwks-url https://agent.acme.example/.well-known/jwks.json";

fn document(desk: &Desk, name: &str) -> Json {
    serde_json::from_str(&std::fs::read_to_string(desk.path(&format!("trust/{name}.json"))).unwrap()).unwrap()
}

#[test]
fn documents_fit_their_schemas_and_hold_no_secret() {
    for example in EXAMPLES {
        let (desk, plan, example) = (Desk::new(), compiled(example), place(example));
        desk.run(&format!("manifest {example} {OPTIONS}")).expect(0);
        let written: Vec<(Json, &str)> = ["workflow-manifest", "handoff-policy", "ecz-agent"]
            .into_iter()
            .map(|name| (document(&desk, name), name))
            .collect();
        for (value, name) in &written {
            let schema = validator(name);
            valid(&schema, value);
            let mut more = value.clone();
            more["more"] = 1.into();
            assert!(!schema.is_valid(&more), "{name}");
            let text = std::fs::read_to_string(desk.path(&format!("trust/{name}.json"))).unwrap();
            assert_eq!(text, canonical_json(value).unwrap() + "\n", "{name}");
        }
        let digest = Digest::of(std::fs::read(desk.path("trust/handoff-policy.json")).unwrap()).to_string();
        assert_eq!(written[0].0["handoff_policy_digest"], digest.as_str());
        assert_eq!(written[1].0["handoffs"].as_array().unwrap().len(), plan::unverified(&plan).1);
        // What the wire reads of a manifest is what is written, and the hash is the one the page defines.
        let mut agent = written[2].0.clone();
        let read = AgentManifest::parse(agent.to_string().as_bytes()).unwrap();
        let hash = agent.as_object_mut().unwrap().remove("manifest_hash").unwrap();
        assert_eq!(hash, Digest::of(canonical_json(&agent).unwrap()).to_string().as_str());
        read.check(&plan.flow.agent, "https://agent.acme.example", hash.as_str()).unwrap();
        let named: Vec<&str> = plan
            .apis
            .iter()
            .filter(|(_, api)| api.passport().is_some())
            .map(|(name, _)| name.as_str())
            .collect();
        let dependencies = agent["api_dependencies"].as_array().unwrap();
        assert_eq!(
            dependencies.iter().map(|entry| entry["name"].as_str().unwrap()).collect::<Vec<_>>(),
            named
        );
    }
}

#[test]
fn documents_are_never_overwritten_silently() {
    let desk = Desk::new();
    let flow = EXAMPLES[0];
    let missing = desk.run(&format!("manifest {flow} -o trust --agent-name runner"));
    assert!(missing.stderr.contains("--logical-agent-id ID"), "{}", missing.stderr);
    missing.expect_error(2, "ER1090");
    assert!(!desk.path("trust").exists(), "nothing is written where something is missing");
    let elsewhere = OPTIONS.replace("https://agent.acme.example/.well", "https://keys.example/.well");
    desk.run(&format!("manifest {flow} {elsewhere}")).expect_error(2, "ER1090");
    desk.run(&format!("manifest {flow} -o trust --check")).expect(1);
    desk.run(&format!("manifest {flow} {OPTIONS}")).expect(0);
    desk.run(&format!("manifest {flow} -o trust --check")).expect(0);
    // Writing again needs no option: what the operator alone knows stands in the file.
    assert!(
        desk.run(&format!("manifest {flow} -o trust")).expect(0).stdout.contains("ecz-agent.json is current")
    );
    let path = desk.path("trust/handoff-policy.json");
    let before = std::fs::read_to_string(&path).unwrap();
    let edited = before.replace("require", "open");
    std::fs::write(&path, &edited).unwrap();
    desk.run(&format!("manifest {flow} -o trust")).expect_error(2, "ER1091");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), edited);
    assert!(
        desk.run(&format!("manifest {flow} -o trust --check"))
            .expect(1)
            .stdout
            .contains("handoff-policy.json: not what")
    );
    desk.run(&format!("manifest {flow} -o trust --replace")).expect(0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn a_checkpoint_ends_with_zero_only_where_all_is_in_place() {
    let (desk, schema) = (Desk::new(), validator("checkpoint"));
    let flow = EXAMPLES[0];
    let states = |report: &Json| -> Vec<(String, String)> {
        let text = |due: &Json, name: &str| due[name].as_str().unwrap().to_owned();
        report["due"].as_array().unwrap().iter().map(|due| (text(due, "what"), text(due, "state"))).collect()
    };
    let missing = |report: &Json| -> Vec<String> {
        states(report).into_iter().filter(|(_, state)| state == "missing").map(|(what, _)| what).collect()
    };
    let before = desk.run(&format!("checkpoint {flow} --format json")).expect(1).json();
    valid(&schema, &before);
    assert_eq!(before["complete"], false);
    assert_eq!(
        missing(&before),
        [
            "API credential `payments_token` for `payments`",
            "workflow manifest",
            "handoff policy document",
            "private key of `ECZ-GB-A1B2C3::AGENT-7QK2M9`",
            "resolver endpoint for `agent`",
            "resolver endpoint for `api`",
            "agent manifest",
        ]
    );
    for due in before["due"].as_array().unwrap().iter().filter(|due| due["state"] == "missing") {
        assert!(!due["next"].as_str().unwrap().is_empty(), "{due}");
        // The command that is printed lacks nothing but what only the operator knows.
        if due["what"] == "agent manifest" {
            let words = due["next"].as_str().unwrap().split('`').nth(1).unwrap();
            let words = words.strip_prefix("eczflow ").unwrap();
            assert!(
                words.starts_with(&format!("manifest {flow} -o refund/trust --agent-name NAME")),
                "{words}"
            );
            let words =
                words.replace("ORIGIN", "https://agent.example").replace("URL", "https://agent.example/k");
            desk.run(&format!("{words} --check")).expect(1);
            desk.run(&words).expect(0);
            std::fs::remove_dir_all(desk.path("refund/trust")).unwrap();
        }
    }
    assert!(
        states(&before).contains(&("Cyber Resilience Passport (`CYBER`)".into(), "not_looked_at".into()))
    );
    // What only a called flow needs is needed.
    let batch = desk.run(&format!("checkpoint {} --format json", place("batch/batch.eczflow")));
    let batch = batch.expect(1).json();
    for api in ["payments", "support"] {
        let passport = (format!("API Passport of `{api}`"), "in_place".to_owned());
        assert!(states(&batch).contains(&passport), "{batch}");
    }
    assert!(missing(&batch).contains(&"API credential `payments_token` for `payments`".to_owned()));
    // Each thing brought in turn.
    desk.run(&format!("manifest {flow} {OPTIONS}")).expect(0);
    desk.run("key new -o agent.pem").expect(0);
    let rest = "[agent.\"ECZ-GB-A1B2C3::AGENT-7QK2M9\"]\nkey = \"agent.pem\"\n[resolver.templates.machine]\nparent = \"/{PARENT}\"\nagent = \"/{ID}\"\napi = \"/{ID}\"\n";
    let asked = format!("checkpoint {flow} --manifest trust --config run.toml --format json");
    // A source that yields nothing is none; what it would have yielded is never shown.
    let sources = [
        ("env = \"NOT_SET\"", "`NOT_SET` is not set", "set `NOT_SET`"),
        ("file = \"token\"", "cannot read", "lies, in `.`"),
        ("command = [\"./no-such-program\"]", "could not be started", "by hand"),
        ("command = [\"sh\", \"-c\", \"echo s3cret; exit 1\"]", "failed", "by hand"),
        ("command = [\"echo\", \"s3cret\"]", "", ""),
    ];
    for (source, found, next) in sources {
        std::fs::write(desk.path("run.toml"), format!("[secrets.payments_token]\n{source}\n{rest}")).unwrap();
        let told = desk.run(&asked);
        assert!(!told.stdout.contains("s3cret"), "{}", told.stdout);
        let told = told.json();
        let due = told["due"].as_array().unwrap().iter();
        let due = due.clone().find(|due| due["what"].as_str().unwrap().contains("payments_token")).unwrap();
        let state = if found.is_empty() { "in_place" } else { "missing" };
        assert_eq!(due["state"], state, "{due}");
        assert!(due["found"].as_str().unwrap().contains(found), "{due}");
        assert!(due["next"].as_str().unwrap_or_default().contains(next), "{due}");
    }
    let after = desk.run(&asked).expect(0).json();
    assert_eq!((after["complete"].as_bool(), missing(&after)), (Some(true), vec![]));
    let text = desk.run(&asked.replace(" --format json", "")).expect(0).stdout;
    assert!(
        text.contains("everything required is in place") && text.contains("nothing was provisioned"),
        "{text}"
    );
    // A warning that the configuration makes an error stands in the way here as it does for `check` and `manifest`.
    let path = desk.path(flow);
    let source = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, source.replace("  let go =", "  let idle = 1\n  let go =")).unwrap();
    assert!(!missing(&desk.run(&asked).json()).contains(&"the flow checks".to_owned()));
    std::fs::write(desk.path("refund/eczflow.toml"), "[rules]\nunused-name = \"error\"\n").unwrap();
    desk.run(&format!("check {flow}")).expect(1);
    let due = missing(&desk.run(&asked).expect(1).json());
    assert!(
        ["the flow checks", "workflow manifest"].iter().all(|what| due.iter().any(|due| due == what)),
        "{due:?}"
    );
    std::fs::remove_file(desk.path("refund/eczflow.toml")).unwrap();
    std::fs::write(&path, source).unwrap();
    // A flow that does not check is looked at as far as it could be made out.
    let path = desk.path(flow);
    let source = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, source.replace("ECZ-GB-A1B2C3", "ECZ-GB-XXXXXX")).unwrap();
    let broken = desk.run(&asked).expect(1).json();
    valid(&schema, &broken);
    let due = missing(&broken);
    for what in [
        "the flow checks",
        "Business Passport of the operator that runs the flow",
        "Agent ECZ-ID",
        "workflow manifest",
    ] {
        assert!(due.iter().any(|known| known == what), "{what}: {due:?}");
    }
    std::fs::write(&path, "eczflow 1\nflow {{{").unwrap();
    let unread = desk.run(&asked).expect(1).json();
    valid(&schema, &unread);
    assert!(missing(&unread).contains(&"the flow checks".to_owned()), "{unread}");
}

/// Words that are never said of a party, a passport or a document.
#[test]
fn nothing_written_speaks_for_a_party() {
    let desk = Desk::new();
    let flow = EXAMPLES[0];
    desk.run(&format!("manifest {flow} {OPTIONS}")).expect(0);
    let mut said = vec![
        desk.run(&format!("trustmap {flow}")).stdout,
        desk.run(&format!("trustmap {flow} --format svg")).stdout,
        desk.run(&format!("checkpoint {flow}")).stdout,
    ];
    for command in ["trustmap", "checkpoint", "manifest"] {
        said.push(desk.run(&format!("help {command}")).expect(0).stdout);
    }
    for name in ["workflow-manifest", "handoff-policy", "ecz-agent"] {
        said.push(std::fs::read_to_string(desk.path(&format!("trust/{name}.json"))).unwrap());
    }
    for page in [
        "checkpoint",
        "formats/trustmap",
        "formats/workflow-manifest",
        "formats/handoff-policy",
        "formats/ecz-agent",
        "formats/checkpoint",
    ] {
        let path = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("docs/{page}.md"));
        said.push(std::fs::read_to_string(path).unwrap());
    }
    for text in said {
        assert!(!text.is_empty());
        let low = text.to_lowercase();
        for word in [
            "certified",
            "approved",
            "compliant",
            "endorsed",
            "guaranteed",
            "insured",
            "trust score",
            "official",
        ] {
            assert!(!low.contains(word), "`{word}` in: {text}");
        }
    }
}
