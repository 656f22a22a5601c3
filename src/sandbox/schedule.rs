//! "From when all calls ordered before STEP have been answered": judged by what the servers' ledger shows, never by asking
//! the run.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::{Definitions, Expr, MapScope, evaluate};
use crate::plan::{Block, Node, NodeKind, Plan, Step};
use crate::types::{Contract, Type, Value};

use super::ledger::Ledger;

/// The calls ordered before a step: the blocks around it, outermost first, each with the nodes that must be finished.
pub(crate) struct Before {
    levels: Vec<Level>,
    answers: Answers,
    definitions: Definitions,
    /// The flows that its nodes call, by name.
    flows: BTreeMap<String, Plan>,
}

/// The types of answers, by `api.operation`: an amount must be the decimal that the plan's expressions compare.
struct Answers(BTreeMap<String, Type>);

impl Answers {
    fn of(plan: &Plan) -> Answers {
        let slices = plan.all_apis().into_iter().flat_map(|(api, served)| {
            served.operations.iter().map(move |(key, slice)| (format!("{api}.{key}"), &slice.text))
        });
        let types =
            slices.filter_map(|(name, text)| Some((name, Contract::from_slice(text).ok()?.success_type())));
        Answers(types.collect())
    }

    fn read(&self, operation: &str, answer: &serde_json::Value) -> Option<Value> {
        Value::decode(self.0.get(operation)?, answer).ok()
    }
}

struct Level {
    nodes: Vec<Node>,
    /// Which of the nodes are predecessors; the others only give names their values.
    required: BTreeSet<String>,
}

impl Before {
    /// For a step of a plan, one inside a loop included; `None` where there is no such step.
    pub(crate) fn step(plan: &Plan, step: &str) -> Option<Before> {
        let mut levels = Vec::new();
        descend(&plan.flow.body, step, &mut levels).then(|| Before {
            levels,
            answers: Answers::of(plan),
            definitions: plan.functions.clone(),
            flows: plan.flows.clone(),
        })
    }

    /// Whether every call ordered before the step has been answered and none is in flight.
    ///
    /// Calls of one operation are counted together, those of called flows among them. A loop's calls are as many as its list is long, where the list can be
    /// computed from the answers given so far, else at least one; a call whose guard cannot be computed is expected.
    pub(crate) fn is_over(&self, ledger: &Ledger) -> bool {
        let mut scope = MapScope { definitions: self.definitions.clone(), ..MapScope::default() };
        let mut expected = BTreeMap::new();
        for level in &self.levels {
            let expecting = Expecting {
                required: Some(&level.required),
                flows: &self.flows,
                ledger,
                answers: &self.answers,
                times: 1,
            };
            expecting.count(&level.nodes, &mut scope, &mut expected);
        }
        expected.iter().all(|(operation, count)| {
            let calls = ledger.calls(operation);
            let finished = u64::try_from(calls.finished.len()).unwrap_or(u64::MAX);
            *count == 0 || (calls.open == 0 && finished >= *count)
        })
    }
}

/// All steps of a plan, those in loops included.
pub(crate) fn steps(block: &Block) -> Vec<(&str, &Step)> {
    let mut found = Vec::new();
    for node in &block.nodes {
        match &node.kind {
            NodeKind::Call(step) => found.push((node.id.as_str(), step.as_ref())),
            NodeKind::For(inner) => found.extend(steps(&inner.body)),
            _ => {}
        }
    }
    found
}

fn descend(block: &Block, step: &str, levels: &mut Vec<Level>) -> bool {
    for node in &block.nodes {
        let inside = match &node.kind {
            NodeKind::Call(_) if node.id == step => None,
            NodeKind::For(inner) if steps(&inner.body).iter().any(|(id, _)| *id == step) => Some(&inner.body),
            _ => continue,
        };
        levels.push(Level { nodes: block.nodes.clone(), required: predecessors(block, node) });
        return inside.is_none_or(|body| descend(body, step, levels));
    }
    false
}

/// Everything a node comes after, in its own block.
fn predecessors(block: &Block, node: &Node) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = node.after.iter().map(String::as_str).collect();
    while let Some(id) = open.pop() {
        if found.insert(id.to_owned())
            && let Some(node) = block.nodes.iter().find(|node| node.id == id)
        {
            open.extend(node.after.iter().map(String::as_str));
        }
    }
    found
}

fn known(expression: &Expr, scope: &MapScope) -> Option<Value> {
    evaluate(expression, scope).ok()
}

/// How the calls of some nodes are counted.
struct Expecting<'a> {
    /// Which of them count; all, where it is not said.
    required: Option<&'a BTreeSet<String>>,
    flows: &'a BTreeMap<String, Plan>,
    ledger: &'a Ledger,
    answers: &'a Answers,
    /// How often each is called.
    times: u64,
}

impl Expecting<'_> {
    /// Adds the calls expected of some nodes, and the values they give to the scope.
    fn count(&self, nodes: &[Node], scope: &mut MapScope, expected: &mut BTreeMap<String, u64>) {
        let skipped = |guard: &Option<Expr>, scope: &MapScope| {
            guard.as_ref().is_some_and(|guard| known(guard, scope) == Some(Value::Bool(false)))
        };
        for node in nodes {
            let counts = self.required.is_none_or(|required| required.contains(&node.id));
            match &node.kind {
                NodeKind::Call(step) if skipped(&step.guard, scope) => {
                    scope.values.insert(node.id.clone(), Value::Absent);
                }
                NodeKind::Call(step) => {
                    let operation = step.call.operation_name();
                    if counts {
                        *expected.entry(operation.clone()).or_default() += self.times;
                    }
                    let answer = self.ledger.calls(&operation).latest;
                    if let Some(value) = answer.and_then(|answer| self.answers.read(&operation, &answer)) {
                        scope.values.insert(node.id.clone(), value);
                    }
                }
                NodeKind::SubFlow(call) if skipped(&call.guard, scope) => {
                    scope.values.insert(node.id.clone(), Value::Absent);
                }
                NodeKind::SubFlow(call) => {
                    if let Some(called) = self.flows.get(&call.flow).filter(|_| counts) {
                        let mut inner =
                            MapScope { definitions: called.functions.clone(), ..MapScope::default() };
                        let given = call.inputs.iter();
                        inner.values.extend(
                            given.filter_map(|given| Some((given.name.clone(), known(&given.value, scope)?))),
                        );
                        Expecting { required: None, flows: &called.flows, ..*self }.count(
                            &called.flow.body.nodes,
                            &mut inner,
                            expected,
                        );
                    }
                }
                NodeKind::Let { value, .. } => {
                    if let Some(value) = known(value, scope) {
                        scope.values.insert(node.id.clone(), value);
                    }
                }
                NodeKind::For(inner) if counts && !skipped(&inner.guard, scope) => {
                    let length = match known(&inner.list, scope) {
                        Some(Value::List(items)) => u64::try_from(items.len()).unwrap_or(u64::MAX),
                        _ => 1,
                    };
                    let times = self.times.saturating_mul(length);
                    // What holds in one iteration holds in no other: names of the body keep to a scope of their own.
                    Expecting { required: None, times, ..*self }.count(
                        &inner.body.nodes,
                        &mut scope.clone(),
                        expected,
                    );
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::base::VirtualClock;

    fn call(id: &str, after: &[&str], guard: Option<Json>) -> Json {
        let handoff = json!({
            "name": "strict", "verify": {"mode": "require", "within_ms": 1}, "attest": {"headers": []},
            "evidence": "E4", "trace_shared": false,
        });
        let mut step = json!({"is": "call", "call": {
            "api": "shop", "operation": id, "method": "POST", "path": "/x", "arguments": [], "handoff": handoff,
            "present": "ECZ-GB-A1B2C3::AGENT-7QK2M9",
        }});
        if let Some(guard) = guard {
            step["guard"] = guard;
        }
        json!({"id": id, "line": 1, "after": after, "kind": step})
    }

    fn name(name: &str) -> Json {
        json!({"op": "name", "name": name})
    }

    /// `first`; `go` by its answer; `maybe` when `go`; a loop of `each` over its list; `last` after both, with `inner` in
    /// the loop after `each`.
    fn block() -> Block {
        let go = json!({"op": "field", "of": name("first"), "name": "go", "optional": false});
        let list = json!({"op": "field", "of": name("first"), "name": "list", "optional": false});
        let body = json!({"nodes": [call("each", &[], None), call("inner", &["each"], None)]});
        let repeat =
            json!({"is": "for", "variable": "v", "list": list, "at_most": 9, "parallel": 1, "body": body});
        serde_json::from_value(json!({"nodes": [
            call("first", &[], None),
            {"id": "go", "line": 1, "after": ["first"], "kind": {"is": "let", "value": go}},
            call("maybe", &["go"], Some(name("go"))),
            {"id": "all", "line": 1, "after": ["first"], "kind": repeat},
            call("beside", &[], None),
            call("last", &["maybe", "all"], None),
        ]}))
        .unwrap()
    }

    fn before(step: &str) -> Before {
        let mut levels = Vec::new();
        assert!(descend(&block(), step, &mut levels), "{step}");
        let answer = json!({"type": "record", "fields": {
            "go": {"type": {"type": "bool"}, "required": true},
            "list": {"type": {"type": "list", "of": {"type": "int"}}, "required": true},
        }, "others": "closed"});
        let types = BTreeMap::from([("shop.first".to_owned(), serde_json::from_value(answer).unwrap())]);
        Before { levels, answers: Answers(types), definitions: Definitions::new(), flows: BTreeMap::new() }
    }

    fn ledger(calls: &[(&str, u16, Json)]) -> Ledger {
        let ledger = Ledger::new(Arc::new(VirtualClock::default()));
        for (operation, status, answer) in calls {
            let open = ledger.enter("shop", true, "POST", "/x", 0);
            open.note(|entry| entry.operation = Some(format!("shop.{operation}")));
            open.answered(*status, Some(answer.clone()));
        }
        ledger
    }

    #[test]
    fn every_call_before_the_step_must_be_answered() {
        let first = |go: bool, list: Json| ("first", 200, json!({"go": go, "list": list}));
        let done = |operation: &'static str| (operation, 201, Json::Null);
        let last = |calls: &[(&str, u16, Json)]| before("last").is_over(&ledger(calls));
        assert!(!last(&[]));
        assert!(!last(&[first(true, json!([]))]));
        assert!(last(&[first(true, json!([])), done("maybe")]));
        // Skipped by its guard; not by a list that is not empty.
        assert!(last(&[first(false, json!([]))]));
        let half = [first(false, json!([1, 2])), done("each"), done("inner"), done("each")];
        assert!(!last(&half));
        assert!(last(&[half.as_slice(), &[done("inner")]].concat()));
        // What a retry would follow is no answer yet.
        assert!(!last(&[first(true, json!([])), ("maybe", 503, Json::Null)]));
        // An answer of another shape tells nothing: one call each is expected.
        let unreadable = ("first", 200, json!({}));
        assert!(!last(&[unreadable.clone(), done("maybe"), done("each")]));
        assert!(last(&[unreadable, done("maybe"), done("each"), done("inner")]));
    }

    #[test]
    fn a_call_in_flight_is_waited_for_and_steps_in_loops_have_predecessors_too() {
        let calls = ledger(&[("first", 200, json!({"go": false, "list": [1]})), ("each", 201, Json::Null)]);
        assert!(before("inner").is_over(&calls));
        let open = calls.enter("shop", true, "POST", "/x", 0);
        open.note(|entry| entry.operation = Some("shop.each".into()));
        assert!(!before("inner").is_over(&calls));
        assert!(before("beside").is_over(&ledger(&[])));
        assert!(!descend(&block(), "lost", &mut Vec::new()));
    }
}
