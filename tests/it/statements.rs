//! What a counterparty states of its idempotency header: pinned and checked, carried by the plan, relied on by a run whose
//! runner knows the issuer's key.

use eczflow::base::{Ed25519Key, PublicKey, SeededRandom, Signer as _, Timestamp};
use eczflow::config::Config;
use eczflow::ecz::{IdempotencyStatement, Stated};
use eczflow::host::{StatementError, check_statement};
use eczflow::plan::{Plan, Verified, assumptions};
use eczflow::source::MemoryFiles;
use serde_json::{Value as Json, json};

use crate::edited::{REFUND, edited, refused};
use crate::flows;
use crate::process::Desk;
use crate::trust::{OPTIONS, valid, validator};

/// The key of RFC 8037, appendix A.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const FILE: &str = include_str!("../ui/apis/refunds.statement.json");
const ASSUMED: &str = "assumed by acme because \"payments' guide, section 4, read 2026-10-01\"";
const STATED: &str = "stated by ECZ-GB-PAYM01 in file(\"apis/refunds.statement.json\")";

fn stated() -> Stated {
    Stated {
        issuer: "ECZ-GB-PAYM01".parse().unwrap(),
        api: "ECZ-GB-PAYM01::API-REFD01".parse().unwrap(),
        header: "Idempotency-Key".into(),
        operations: vec!["createRefund".into()],
        not_after: None,
    }
}

fn key() -> Ed25519Key {
    Ed25519Key::from_pem(PEM).unwrap()
}

/// The refund example relying on a statement.
fn relying(text: &str) -> Verified<Plan> {
    let flow = include_str!("../../examples/refund/refund.eczflow");
    assert_eq!(flow.matches(ASSUMED).count(), 1);
    let mut files: MemoryFiles = flows::refund_files(Some(&flow.replace(ASSUMED, STATED)));
    files.insert("apis/refunds.statement.json", text);
    flows::compile(files)
}

fn carried(text: &str) -> Json {
    json!({"text": text, "digest": eczflow::base::Digest::of(text)})
}

#[test]
fn the_kept_statement_is_what_the_program_signs_and_its_schema_says() {
    assert_eq!(stated().sign(&key()).unwrap(), FILE, "tests/ui/apis/refunds.statement.json");
    let schema: Json =
        serde_json::from_str(include_str!("../../docs/formats/idempotency-statement.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let whole = Stated { not_after: Some("2027-12-31T00:00:00Z".parse().unwrap()), ..stated() };
    let mut whole: Json = serde_json::from_str(&whole.sign(&key()).unwrap()).unwrap();
    assert!(schema.is_valid(&whole) && schema.is_valid(&serde_json::from_str(FILE).unwrap()));
    whole["more"] = true.into();
    assert!(!schema.is_valid(&whole));
}

#[test]
fn a_plan_carries_the_statement_and_holds_by_nothing_else() {
    let plan = relying(FILE);
    let proof = serde_json::to_value(&plan.proof.obligations).unwrap().to_string();
    assert!(proof.contains("header Idempotency-Key stated by ECZ-GB-PAYM01"), "{proof}");
    assert!(!assumptions(&plan).iter().any(|line| line.contains("Idempotency-Key")));
    let api = "/apis/payments";
    let fact = |by: &str, header: &str| json!({"source": "stated", "by": by, "header": header});
    let signed = |change: &dyn Fn(&mut Stated)| {
        let mut other = stated();
        change(&mut other);
        other.sign(&key()).unwrap()
    };
    assert_eq!(refused(&plan), "");
    for (member, value, why) in [
        (
            format!("{api}/statement"),
            json!({"text": FILE, "digest": eczflow::base::Digest::of("")}),
            "digest",
        ),
        (format!("{api}/statement"), carried(&FILE.replace("createRefund", "cancelRefund")), "signature"),
        (format!("{api}/statement"), carried("{}"), "cannot be read"),
        (
            format!("{api}/statement"),
            carried(&signed(&|it| it.operations = vec!["cancelRefund".into()])),
            "not about this operation",
        ),
        (
            format!("{api}/statement"),
            carried(&signed(&|it| it.api = "ECZ-GB-PAYM01::API-OTHER1".parse().unwrap())),
            "is about `ECZ-GB-PAYM01::API-OTHER1`",
        ),
        (
            format!("{api}/statement"),
            carried(&signed(&|it| it.issuer = "ECZ-GB-SUPP01".parse().unwrap())),
            "is issued by `ECZ-GB-SUPP01`",
        ),
        (
            format!("{api}/statement"),
            carried(&signed(&|it| it.header = "X-Key".into())),
            "the header `X-Key`",
        ),
        (format!("{api}/statement"), Json::Null, "carries no statement"),
        (format!("{REFUND}/call/idempotency"), fact("ECZ-GB-SUPP01", "Idempotency-Key"), "is issued by"),
        (format!("{REFUND}/call/idempotency"), fact("ECZ-GB-PAYM01", "X-Key"), "the header"),
        ("/apis/support/statement".to_owned(), carried(FILE), "belongs to no call"),
    ] {
        let found = refused(&edited(&plan, &member, value));
        assert!(found.starts_with("ER2007") && found.contains(why), "{member}: {found}, not {why}");
    }
}

/// Whose key it is, only the runner's own configuration says.
#[test]
fn a_statement_is_relied_on_by_who_knows_its_issuer_s_key() {
    let until: Timestamp = "2027-12-31T00:00:00Z".parse().unwrap();
    let text = Stated { not_after: Some(until), ..stated() }.sign(&key()).unwrap();
    let statement = IdempotencyStatement::read(text.as_bytes()).unwrap();
    let other = Ed25519Key::generate(&SeededRandom::new("other")).public_key();
    let config = |keys: &[PublicKey]| Config {
        statements: [(statement.issuer.clone(), keys.to_vec())].into(),
        ..Config::default()
    };
    let code = |config: &Config, begins: Option<Timestamp>| {
        use eczflow::base::Explained as _;
        check_statement(&statement, config, begins).map_err(|error: StatementError| error.code())
    };
    let late = Timestamp(until.0 + 1);
    assert_eq!(code(&Config::default(), Some(until)), Err("ER1110"));
    assert_eq!(code(&config(&[other]), Some(until)), Err("ER1111"));
    let both = config(&[other, key().public_key()]);
    assert_eq!(code(&both, Some(until)), Ok(()));
    assert_eq!(code(&both, Some(late)), Err("ER1112"));
    assert_eq!(code(&both, None), Ok(()), "a run that has begun goes on");
}

#[test]
fn a_statement_from_its_signing_to_the_run() {
    let desk = Desk::new();
    let flow = "refund/refund.eczflow";
    std::fs::write(desk.path("issuer.key"), PEM).unwrap();
    std::process::Command::new("chmod").arg("600").arg(desk.path("issuer.key")).status().unwrap();
    let sign = |api: &str, more: &str| {
        desk.run(&format!(
            "key state --issuer ECZ-GB-PAYM01 --api {api} --header Idempotency-Key --operation createRefund --key issuer.key {more}"
        ))
    };
    let api = "ECZ-GB-PAYM01::API-REFD01";
    assert_eq!(sign(api, "").expect(0).stdout, FILE);
    assert!(sign("ECZ-GB-PAYM01", "").expect(2).stderr.contains("not an API Passport"));
    for (issuer, header) in
        [("ECZ-GB-PAYM01", "Host"), ("ECZ-GB-PAYM01", "X Key"), ("ECZ-GB-PAYM01::AGENT-SETTL1", "X-Key")]
    {
        let mut command = desk.command("key state --api ECZ-GB-PAYM01::API-REFD01 --key issuer.key");
        let ended = command.args(["--issuer", issuer, "--header", header]).output().unwrap();
        assert!(String::from_utf8_lossy(&ended.stderr).contains("ER1113"), "{issuer} {header}");
    }
    // What no flow could read is not signed, and nothing but an older statement is written over.
    let many: String = (0..4_000).map(|n| format!(" --operation operation{n}")).collect();
    let refused = |more: &str| {
        let ended = sign(api, more);
        let told = ended.stderr.clone();
        ended.expect_error(2, "ER1113");
        told
    };
    assert!(refused(&many).contains("larger than 64 KiB"));
    desk.run("key new -o other.key").expect(0);
    for path in ["issuer.key", "other.key", flow, "refund"] {
        let before = std::fs::read(desk.path(path)).ok();
        let told = refused(&format!("-o {path}"));
        assert!(told.contains("no statement") || told.contains("no\n  │ statement"), "{told}");
        assert_eq!(std::fs::read(desk.path(path)).ok(), before);
    }
    sign(api, "-o refund/apis/refunds.statement.json").expect(0);
    let source = std::fs::read_to_string(desk.path(flow)).unwrap();
    std::fs::write(desk.path(flow), source.replace(ASSUMED, STATED)).unwrap();
    assert!(desk.run(&format!("check {flow}")).expect(1).stderr.contains("EF5041"));
    assert!(desk.run(&format!("pin {flow}")).expect(0).stdout.contains("payments, its statement"));
    desk.run(&format!("check {flow}")).expect(0);
    desk.run(&format!("run {flow} --sandbox --input ticket_id=T1")).expect(0);
    desk.run("audit export latest --store .eczflow/sandbox -o run.audit").expect(0);
    let told = desk.run("audit verify run.audit").expect(0).stdout;
    assert!(
        told.contains("\nstated: of `payments`: retries rest on a statement by ECZ-GB-PAYM01, sha256:"),
        "{told}"
    );

    // Without the issuer's key nothing is sent, and a checkpoint says what is missing.
    std::fs::write(desk.path("run.toml"), "").unwrap();
    let run = format!("run {flow} --config run.toml --input ticket_id=T1");
    desk.run(&run).expect_error(2, "ER1110");
    let due = |state: &str| {
        let told = desk.run(&format!("checkpoint {flow} --config run.toml --format json")).json();
        let due = told["due"].as_array().unwrap().clone();
        let stated = due.into_iter().find(|due| due["what"].as_str().unwrap().contains("states something"));
        assert_eq!(stated.unwrap()["state"], state);
    };
    due("missing");
    let other = Ed25519Key::generate(&SeededRandom::new("other")).public_key().jwk_x();
    std::fs::write(desk.path("run.toml"), format!("[statements]\n\"ECZ-GB-PAYM01\" = [\"{other}\"]\n"))
        .unwrap();
    desk.run(&run).expect_error(2, "ER1111");
    std::fs::write(
        desk.path("run.toml"),
        format!("[statements]\n\"ECZ-GB-PAYM01\" = [\"{other}\", \"{KEY}\"]\n"),
    )
    .unwrap();
    desk.run(&run).expect_error(2, "ER1017");
    due("in_place");

    // Another statement is taken by whoever has read it.
    sign(api, "--not-after 2020-01-01T00:00:00Z -o refund/apis/refunds.statement.json").expect(0);
    assert!(desk.run(&format!("check {flow}")).expect(1).stderr.contains("EF5042"));
    assert!(desk.run(&format!("pin {flow}")).expect(1).stderr.contains("the statement about `payments`"));
    assert!(desk.run(&format!("pin --update {flow}")).expect(0).stdout.contains("its statement"));
    desk.run(&format!("check {flow}")).expect(0);
    desk.run(&run).expect_error(2, "ER1112");

    // What is handed over names it, and without it nothing is said to be in order.
    desk.run(&format!("manifest {flow} {OPTIONS}")).expect(0);
    let handed = |name: &str| std::fs::read_to_string(desk.path(&format!("trust/{name}.json"))).unwrap();
    let manifest: Json = serde_json::from_str(&handed("workflow-manifest")).unwrap();
    valid(&validator("workflow-manifest"), &manifest);
    let statement = &manifest["apis"]["payments"]["statement"];
    assert_eq!(
        (&statement["issuer"], &statement["not_after"]),
        (&json!("ECZ-GB-PAYM01"), &json!("2020-01-01T00:00:00.000Z"))
    );
    let policy: Json = serde_json::from_str(&handed("handoff-policy")).unwrap();
    valid(&validator("handoff-policy"), &policy);
    let facts = policy["handoffs"].as_array().unwrap().iter().map(|handoff| &handoff["idempotency"]);
    let stated: Vec<&Json> = facts.filter(|fact| fact["source"] == "stated").collect();
    let digest = &statement["digest"];
    let fact = json!({
        "header": "Idempotency-Key", "source": "stated", "by": "ECZ-GB-PAYM01", "digest": digest,
        "not_after": "2020-01-01T00:00:00.000Z",
    });
    assert_eq!(stated, [&fact]);
    let map = desk.run(&format!("trustmap {flow} --format json")).expect(0).json();
    valid(&validator("trustmap"), &map);
    let apis = map["operators"].as_array().unwrap().iter().flat_map(|side| side["apis"].as_array().unwrap());
    let told: Vec<&Json> = apis.filter_map(|api| api.get("statement")).collect();
    assert_eq!(told, [statement]);
    let words = format!(
        "retries rest on a statement by ECZ-GB-PAYM01, {}, for runs that begin by 2020-01-01T00:00:00.000Z",
        digest.as_str().unwrap()
    );
    assert!(desk.run(&format!("trustmap {flow}")).expect(0).stdout.contains(&words));
    std::fs::remove_file(desk.path("refund/apis/refunds.statement.json")).unwrap();
    assert!(desk.run(&format!("pin --check {flow}")).expect(1).stderr.contains("EF5040"));
}
