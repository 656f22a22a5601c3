//! Plans for tests: the refund example, pinned and compiled in memory.

use camino::Utf8Path;
use eczflow::compile::Session;
use eczflow::plan::{Plan, Verified};
use eczflow::source::MemoryFiles;
use serde_json::{Value as Json, json};

/// The folder of the refund example in memory, with a flow's text in place of the example's own where one is given.
pub(crate) fn refund_files(text: Option<&str>) -> MemoryFiles {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/refund");
    let mut files = MemoryFiles::default();
    let mut names = vec!["refund.eczflow".to_owned()];
    for entry in root.join("apis").read_dir_utf8().unwrap() {
        names.push(format!("apis/{}", entry.unwrap().file_name()));
    }
    for name in names {
        files.insert(name.as_str(), std::fs::read(root.join(&name)).unwrap());
    }
    if let Some(text) = text {
        files.insert("refund.eczflow", text);
    }
    files
}

/// Pins and compiles `refund.eczflow` of some files.
pub(crate) fn compile(mut files: MemoryFiles) -> Verified<Plan> {
    let path = Utf8Path::new("refund.eczflow");
    let pinned = Session::new(&files).pin(path).unwrap();
    assert!(!pinned.has_errors(), "{:#?}", pinned.diagnostics);
    files.insert(path, pinned.text);
    files.insert(pinned.lock_path, pinned.lock);
    let compilation = Session::new(&files).compile(path, None).unwrap();
    compilation.plan.unwrap_or_else(|| panic!("{:#?}", compilation.diagnostics))
}

/// The plan of the refund example.
pub(crate) fn refund() -> Verified<Plan> {
    compile(refund_files(None))
}

/// The plan of the refund example with one piece of its text replaced.
pub(crate) fn refund_with(from: &str, to: &str) -> Verified<Plan> {
    let text = include_str!("../../examples/refund/refund.eczflow");
    assert_eq!(text.matches(from).count(), 1, "{from}");
    compile(refund_files(Some(&text.replace(from, to))))
}

/// A refund as payments answers it.
pub(crate) fn refund_body(id: &str) -> Json {
    json!({"id": id, "state": "pending", "charge": "C1", "amount": 40})
}

/// A return as warehouse answers it; its id tells the call it belongs to.
pub(crate) fn return_body(path: &str) -> Json {
    json!({"id": format!("RET-{}", path.replace(['[', ']', '.'], "-")), "sku": "S", "quantity": 1, "state": "booked"})
}

/// What the undo at a path answers.
pub(crate) fn undo_body(path: &str) -> Json {
    let state = if path.starts_with("refund") { "cancelled" } else { "taken_back" };
    json!({"id": "X", "state": state})
}

/// A flow with loops in a loop, rules inside them, and a step that has no key; one piece of its text replaced.
pub(crate) fn nested_with(from: &str, to: &str) -> Verified<Plan> {
    let (head, fact) = declarations().split_once("  idempotency header").unwrap();
    assert!(fact.contains('}') && NESTED.contains(from), "{from}");
    compile(refund_files(Some(&format!("{head}}}\n{}", NESTED.replace(from, to)))))
}

/// The same with a key for every effect.
pub(crate) fn keyed_with(from: &str, to: &str) -> Verified<Plan> {
    assert!(NESTED.contains(from), "{from}");
    compile(refund_files(Some(&format!("{}{}", declarations(), NESTED.replace(from, to)))))
}

/// The example's declarations.
fn declarations() -> &'static str {
    include_str!("../../examples/refund/refund.eczflow").split("flow refund_ticket").next().unwrap()
}

const NESTED: &str = r#"
flow take_back(orders: [support.Ticket], most: int) -> { booked: int } {
  as       acme.agent
  handoff  strict
  deadline 2h

  let counts = for order in orders at most 5 parallel 2 {
    ensure length(order.lines) <= most else "too many lines"
    let booked = for line in order.lines at most 5 parallel 3 when length(order.lines) > 0 {
      let spare = 60 / (line.quantity - 3)
      step moved = warehouse.returnItem(sku: line.sku, { quantity: line.quantity })
        when  line.quantity < 100
        retry careful
        undo  warehouse.takeBackItem(returnId: moved.id)
      ensure line.quantity < 50 || spare > 50 else "{order.id} has too many"
      yield moved?.id ?? line.sku
    }
    step refund = payments.createRefund({ charge: order.id, amount: 40 })
      undo payments.cancelRefund(refundId: refund.id)
    yield length(booked ?? [])
  }
  return { booked: sum(counts) }
}
"#;
