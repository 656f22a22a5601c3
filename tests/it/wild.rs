//! Documents as they come: several files, other versions, a download.

use std::path::Path;

use super::process::Desk;
use crate::support::server::{Authority, Reply, Server, answer};

const FLOW: &str = "refund/refund.eczflow";
const PAYMENTS: &str = "refund/apis/payments.openapi.json";
const SUPPORT: &str = "refund/apis/support.openapi.yaml";

fn edit(desk: &Desk, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(desk.path(file)).unwrap();
    assert!(text.contains(from), "{from} is not in {file}");
    std::fs::write(desk.path(file), text.replacen(from, to, 1)).unwrap();
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn an_update_tells_what_changed_and_pins_where_nothing_breaks() {
    let desk = Desk::new();
    let told = desk.run(&format!("pin --update {FLOW}")).expect(0);
    assert!(told.stdout.contains("  createRefund  untouched\n") && told.stderr.contains("are current"));
    // A member more in an answer, and other words elsewhere: compatible.
    edit(&desk, SUPPORT, "summary: One ticket", "summary: A ticket");
    edit(&desk, PAYMENTS, "\"maxLength\": 140", "\"maxLength\": 200");
    let stale = desk.run(&format!("check {FLOW}")).expect(1).stdout;
    assert!(stale.contains("EF4009") && stale.contains("pin --update"), "{stale}");
    let before = read(&desk.path(FLOW));
    let dry = desk.run(&format!("pin --update --dry-run {FLOW}")).expect(0);
    assert!(dry.stdout.contains("getTicket  compatible: only words changed"), "{}", dry.stdout);
    assert!(dry.stdout.contains("createRefund  compatible\n"), "{}", dry.stdout);
    let wider = "request field `note`: maxLength 140 -> 200 (not used)";
    assert!(dry.stdout.contains(wider), "{}", dry.stdout);
    assert!(dry.stdout.contains("  returnItem  untouched\n"), "{}", dry.stdout);
    assert_eq!(read(&desk.path(FLOW)), before, "a dry run writes nothing");
    desk.run(&format!("pin --update {FLOW}")).expect(0);
    assert_ne!(read(&desk.path(FLOW)), before);
    desk.run(&format!("check {FLOW}")).expect(0);
    desk.run(&format!("pin --check {FLOW}")).expect(0);
}

#[test]
fn an_update_that_breaks_names_obligation_and_line_and_writes_nothing() {
    let desk = Desk::new();
    // What the flow reads of a ticket is called otherwise now.
    let text = read(&desk.path(SUPPORT)).replace("charge_id", "charge_ref");
    std::fs::write(desk.path(SUPPORT), text).unwrap();
    let before = (read(&desk.path(FLOW)), read(&desk.path("refund/eczflow.lock")));
    let line = before.0.lines().position(|line| line.contains("ticket.charge_id")).unwrap() + 1;
    let told = desk.run(&format!("pin --update {FLOW}")).expect(1);
    assert!(told.stdout.contains("  getTicket  breaks\n"), "{}", told.stdout);
    assert!(told.stdout.contains("field `charge_id` of 200: removed (used)"), "{}", told.stdout);
    assert!(told.stdout.contains("field `charge_ref` of 200: added, required\n"), "{}", told.stdout);
    assert!(told.stdout.contains(&format!("breaks P3 at line {line}: ")), "{}", told.stdout);
    assert!(told.stdout.contains("  createRefund  untouched\n"), "{}", told.stdout);
    assert_eq!((read(&desk.path(FLOW)), read(&desk.path("refund/eczflow.lock"))), before);
    desk.run(&format!("pin --update --force {FLOW}")).expect(1);
    assert_ne!(read(&desk.path(FLOW)), before.0, "forced, it pins");
    assert!(desk.run(&format!("check {FLOW}")).expect(1).stdout.contains("EF2002"));
}

#[test]
fn an_operation_that_is_gone_and_another_identity_break() {
    let desk = Desk::new();
    edit(&desk, PAYMENTS, "\"operationId\": \"cancelRefund\"", "\"operationId\": \"stopRefund\"");
    let told = desk.run(&format!("pin --update {FLOW}")).expect(1).stdout;
    assert!(told.contains("  cancelRefund  breaks\n    the operation is gone (used)\n"), "{told}");
    assert!(told.contains("breaks P2 at line "), "{told}");
    let desk = Desk::new();
    let text = read(&desk.path(SUPPORT)).replace("SUPP01", "SUPP02");
    std::fs::write(desk.path(SUPPORT), text).unwrap();
    let told = desk.run(&format!("pin --update {FLOW}")).expect(1).stdout;
    assert!(told.contains("x-ecz-id changed: breaks P4 and P5"), "{told}");
    std::fs::remove_file(desk.path("refund/eczflow.lock")).unwrap();
    let told = desk.run(&format!("pin --update {FLOW}")).expect(1).stderr;
    assert!(told.contains("there is no lock"), "{told}");
}

/// What a step calls is used, whatever else is wrong with the step: pinning does not pass over its change.
#[test]
fn a_change_is_not_passed_over_where_the_step_is_wrong_otherwise() {
    let narrow = ("\"maxLength\": 140", "\"maxLength\": 14");
    let form = (
        "\"application/json\": {\n              \"schema\"",
        "\"multipart/form-data\": {\n              \"schema\"",
    );
    let slips = [
        (form, ("step refund", "step refund")),
        (narrow, ("payments.cancelRefund", "payments.cancelRefunds")),
        (narrow, ("step refund = ", "step ticket = ")),
        (narrow, ("payments.createRefund", "payments.creatRefund")),
    ];
    for ((was, is), (good, slip)) in slips {
        let desk = Desk::new();
        edit(&desk, PAYMENTS, was, is);
        let text = read(&desk.path(FLOW)).replacen(good, slip, 1);
        std::fs::write(desk.path(FLOW), &text).unwrap();
        let found = desk.run(&format!("check {FLOW}")).expect(1).stdout;
        assert!(found.contains("`payments.createRefund` changed since it was pinned"), "{found}");
        let lock = read(&desk.path("refund/eczflow.lock"));
        assert!(desk.run(&format!("pin {FLOW}")).expect(1).stderr.contains("`payments.createRefund`"));
        let told = desk.run(&format!("pin --update {FLOW}")).expect(1).stdout;
        assert!(told.contains("  createRefund  breaks\n") || slip != good, "{told}");
        assert_eq!((read(&desk.path(FLOW)), read(&desk.path("refund/eczflow.lock"))), (text, lock));
    }
    // Nor is a flow blamed for what it does not call, or the document for both at once.
    let desk = Desk::new();
    let other = "\nflow other(id: string) -> { n: decimal } {\n  as acme.agent\n  handoff strict\n  step ticket = support.getTicket(ticketId: id)\n  return { n: ticket.amount }\n}\n";
    let text = read(&desk.path(FLOW)) + other;
    std::fs::write(desk.path(FLOW), &text).unwrap();
    edit(&desk, PAYMENTS, narrow.0, narrow.1);
    let found = desk.run(&format!("check {FLOW} --format concise")).expect(1).stdout;
    assert!(found.contains("EF4009") && !found.contains("EF4010"), "{found}");
    edit(&desk, PAYMENTS, "\"createRefund\"", "\"makeRefund\"");
    desk.run(&format!("check {FLOW}#other")).expect(0);
    let found = desk.run(&format!("check {FLOW} --format concise")).expect(1).stdout;
    assert!(found.contains("`payments.createRefund` is gone") && !found.contains("EF4010"), "{found}");
    // Called by its new name it is nothing that was pinned.
    std::fs::write(desk.path(FLOW), text.replace("createRefund", "makeRefund")).unwrap();
    let found = desk.run(&format!("check {FLOW}")).expect(1).stdout;
    assert!(found.contains("EF4011") && found.contains("`payments.makeRefund` is used since"), "{found}");
    desk.run(&format!("pin {FLOW}")).expect(0);
    desk.run(&format!("check {FLOW}")).expect(0);
}

#[test]
fn a_document_of_several_files_is_vendored_pinned_and_checked() {
    let desk = Desk::new();
    let folder = desk.path("shop");
    std::fs::create_dir_all(folder.join("parts")).unwrap();
    let main = "openapi: 3.1.0\ninfo: {title: Shop, version: 1.0.0}\nservers: [{url: 'https://shop.example'}]\npaths:\n  /items/{id}:\n    get:\n      \
                operationId: getItem\n      parameters:\n        - {name: id, in: path, required: true, schema: {type: string}}\n      \
                responses:\n        '200':\n          description: ok\n          content:\n            application/json:\n              \
                schema: {$ref: 'parts/item.yaml'}\n";
    std::fs::write(folder.join("main.yaml"), main).unwrap();
    std::fs::write(
        folder.join("parts/item.yaml"),
        "type: object\nproperties:\n  sku: {type: string, example: 012}\n",
    )
    .unwrap();
    let told = desk.run("vendor shop/main.yaml -o shop.json").expect(0);
    assert!(
        told.stderr.contains("made of 2 files") && told.stderr.contains("`012` at `/properties/sku/example`"),
        "{}",
        told.stderr
    );
    let hash = told.stdout.split_whitespace().next().unwrap().to_owned();
    assert!(desk.run("hash shop.json").expect(0).stdout.starts_with(&hash));
    desk.run("vendor shop/main.yaml -o shop.json").expect_error(2, "ER1073");
    assert!(desk.run("vendor shop/main.yaml -o shop.json --force").expect(0).stdout.starts_with(&hash));
    // Nothing outside the folder is read, however it is named.
    std::fs::write(desk.path("secret.yaml"), "type: string\n").unwrap();
    std::fs::write(folder.join("main.yaml"), main.replace("parts/item.yaml", "../secret.yaml")).unwrap();
    assert!(desk.run("vendor shop/main.yaml -o other.json").expect(1).stderr.contains("EF8011"));
    desk.run("vendor shop/main.yaml --root . -o other.json").expect(0);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(desk.path("secret.yaml"), folder.join("parts/link.yaml")).unwrap();
        std::fs::write(folder.join("main.yaml"), main.replace("parts/item.yaml", "parts/link.yaml")).unwrap();
        assert!(
            desk.run("vendor shop/main.yaml -o third.json").expect(1).stderr.contains("outside the folder")
        );
        assert!(!desk.path("third.json").exists());
    }
    desk.run("vendor shop/main.yaml --root refund -o third.json").expect_error(2, "ER1084");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_fetched_once_within_its_origin() {
    let desk = Desk::new();
    let authority = Authority::new();
    let document = read(&desk.path(PAYMENTS));
    let server = Server::start(&authority, "docs.example", move |_, request| {
        Reply::Answer(match request.target.as_str() {
            "/a.json" => answer(302, &["location: /b.json"], ""),
            "/b.json" => answer(200, &["content-type: application/json"], &document),
            "/away.json" => answer(302, &["location: https://other.example/b.json"], ""),
            "/round.json" => answer(302, &["location: /round.json"], ""),
            "/page" => answer(200, &[], "{\"openapi\": \"2.0\"}"),
            _ => answer(404, &[], "{}"),
        })
    })
    .await;
    let config = format!(
        "[origins]\n\"https://docs.example\" = \"{0}\"\n[allow]\nprivate = [\"{0}\"]\n[tls]\nca = \"{1}\"\n",
        server.address,
        authority.file()
    );
    std::fs::write(desk.path("fetch.toml"), config).unwrap();
    tokio::task::spawn_blocking(move || {
        let fetch = |target: &str, more: &str| {
            desk.run(&format!(
                "pin --fetch https://docs.example/{target} -o got.json --config fetch.toml {more}"
            ))
        };
        for target in ["away.json", "round.json", "gone.json"] {
            fetch(target, "").expect_error(2, "ER1083");
        }
        assert!(fetch("page", "").expect(1).stderr.contains("EF8010"));
        assert!(!desk.path("got.json").exists());
        let told = fetch("a.json", "").expect(0);
        assert!(told.stderr.contains("eczflow pin FLOW"), "{}", told.stderr);
        assert_eq!(read(&desk.path("got.json")), read(&desk.path(PAYMENTS)));
        let hash = desk.run("hash got.json").expect(0).stdout;
        let hash = hash.split_whitespace().next().unwrap();
        assert!(
            told.stdout.contains(&format!("canonical  {hash}\n"))
                && told.stdout.starts_with("raw        sha256:")
        );
        fetch("b.json", "").expect_error(2, "ER1083");
        fetch("b.json", "--force").expect(0);
        // Without leave for it, a private address is not connected to.
        std::fs::write(desk.path("fetch.toml"), "").unwrap();
        let told =
            desk.run("pin --fetch https://127.0.0.1:9/x -o new.json --config fetch.toml").expect(2).stderr;
        assert!(told.contains("ER3022"), "{told}");
        let told =
            desk.run("pin --fetch http://docs.example/x -o new.json --config fetch.toml").expect(2).stderr;
        assert!(told.contains("ER1083"), "{told}");
    })
    .await
    .unwrap();
    assert!(server.ledger().iter().all(|request| request.method == "GET"));
}
