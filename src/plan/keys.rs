//! P7: what `key once per` is made of is the same in each run, and another for each call.
//!
//! Checker and plan show a flow as a [`KeyFlow`]; what is judged of it is written once. The key that is sent names operator,
//! flow, step and value: two steps never share one, two runs of one flow may.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::rc::Rc;

use super::PlanError;
use super::bits::Bits;
use super::hangs::{Hangs, Reader, Value};
use super::model::Plan;
use super::steps::{Block, Call, NodeKind};
use crate::base::{Digest, Hasher};
use crate::expr::{Definitions, Expr};

/// A flow as its keys are judged.
#[derive(Debug)]
pub struct KeyFlow<'a> {
    /// Inputs in order, with their defaults.
    pub inputs: Vec<(&'a str, Option<&'a Expr>)>,
    /// What its expressions call.
    pub functions: &'a Definitions,
    /// Its body.
    pub body: Vec<KeyNode<'a>>,
}

/// A node as keys are judged.
#[derive(Debug)]
pub struct KeyNode<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it does.
    pub does: KeyDoes<'a>,
}

/// What a node does, as far as it matters to keys.
#[derive(Debug)]
pub enum KeyDoes<'a> {
    /// A value.
    Let(&'a Expr),
    /// A call.
    Call {
        /// What it sends.
        sent: Vec<&'a Expr>,
        /// Whether it is another effect each time: neither safe nor idempotent by its method.
        anew: bool,
        /// `key once per`.
        key: Option<&'a Expr>,
    },
    /// A call of another flow.
    SubFlow {
        /// The flow.
        flow: &'a str,
        /// What it is given.
        given: Vec<(&'a str, &'a Expr)>,
        /// Whether it may be skipped.
        guarded: bool,
    },
    /// A signal, with what stands for one that did not come.
    Signal(&'a Expr),
    /// A loop.
    For {
        /// The item's name.
        variable: &'a str,
        /// The list.
        list: &'a Expr,
        /// Most items.
        at_most: u64,
        /// Its body.
        body: Vec<KeyNode<'a>>,
        /// `yield`.
        result: Option<&'a Expr>,
    },
    /// `return`.
    Return(&'a Expr),
    /// Nothing that a key could be made of.
    Other,
}

/// Whether a call of this method is another effect each time.
pub fn is_anew(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "OPTIONS" | "QUERY" | "PUT" | "DELETE")
}

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFault {
    /// It names `run.id` or `run.started`: another key in each run.
    Unstable {
        /// `id` or `started`.
        member: String,
    },
    /// Two values stand in a text with nothing between them.
    Adjoining {
        /// The first, in words.
        left: String,
        /// The second.
        right: String,
    },
    /// Two iterations of a loop have one key.
    Shared {
        /// The loop's item.
        variable: String,
        /// Whether an inner loop's item stands in it all the same.
        inner: bool,
        /// Whether an answer goes into it, to a call that is asked the same each time.
        answered: bool,
    },
    /// Two calls of a flow have one key.
    Twice {
        /// The first of them.
        first: String,
    },
}

/// What a called flow's keys and its output are made of.
#[derive(Debug, Default)]
pub struct FlowKeys {
    /// The inputs, with what their defaults hang on.
    inputs: Vec<(String, Rc<Value>)>,
    /// What its keyed calls hang on, and those of flows that it calls. Of those that hang on the same, the first.
    keys: Vec<Hangs>,
    output: Value,
}

/// What is found in a flow.
#[derive(Debug)]
pub struct JudgedKeys<'a> {
    /// Steps whose key, or the key of a step of a flow that they call, is wrong: the first fault of each.
    pub faults: Vec<(&'a str, KeyFault)>,
    /// For the flows that call this one.
    pub keys: FlowKeys,
}

/// Judges the keys of a flow. `called` are the flows that it calls.
pub fn judge_keys<'a>(flow: &KeyFlow<'a>, called: &BTreeMap<&str, Rc<FlowKeys>>) -> JudgedKeys<'a> {
    let mut reader = Reader::new(flow.functions);
    let mut inputs = Vec::new();
    for (at, (name, default)) in flow.inputs.iter().enumerate() {
        let default = default.map(|default| reader.value(default)).unwrap_or_default();
        inputs.push(((*name).to_owned(), default));
        reader.names.insert(name, Value::of(Hangs { given: Bits::of(at), ..Hangs::default() }));
    }
    let keys = FlowKeys { inputs, ..FlowKeys::default() };
    let mut judge = Judge {
        called,
        reader,
        around: Vec::new(),
        loops: 0,
        faults: Vec::new(),
        known: BTreeSet::new(),
        keys,
    };
    judge.block(&flow.body);
    JudgedKeys { faults: judge.faults, keys: judge.keys }
}

/// A loop around.
struct Around<'a> {
    number: usize,
    variable: &'a str,
    several: bool,
}

struct Judge<'a, 'c> {
    called: &'c BTreeMap<&'c str, Rc<FlowKeys>>,
    reader: Reader<'a>,
    /// The outermost first.
    around: Vec<Around<'a>>,
    loops: usize,
    faults: Vec<(&'a str, KeyFault)>,
    /// What the keys in `keys` hang on.
    known: BTreeSet<Hangs>,
    keys: FlowKeys,
}

impl<'a> Judge<'a, '_> {
    fn block(&mut self, nodes: &[KeyNode<'a>]) {
        // What calls of flows that always run make their constant keys of.
        let mut once = BTreeMap::new();
        for node in nodes {
            let value = match &node.does {
                KeyDoes::Let(value) => {
                    if self.reader.is_filled(value) {
                        self.reader.filled.insert(node.id);
                    }
                    self.reader.value(value)
                }
                KeyDoes::Call { sent, anew, key } => {
                    if let Some(key) = key {
                        let key = self.reader.value(key).whole.clone();
                        self.key(node.id, key);
                    }
                    let answer = self.reader.all(sent.iter().copied()).answer();
                    Value::of(self.again(*anew, answer))
                }
                KeyDoes::SubFlow { flow, given, guarded } => {
                    self.sub_flow(node.id, flow, given, (!guarded).then_some(&mut once))
                }
                KeyDoes::Signal(otherwise) => {
                    let mut value = self.reader.value(otherwise).whole.clone();
                    value.answered = true;
                    Value::of(value)
                }
                KeyDoes::For { variable, list, at_most, body, result } => {
                    let list = self.reader.value(list).whole.clone();
                    let number = self.loops;
                    self.loops += 1;
                    let mut item = list.clone();
                    item.loops.add(number);
                    self.reader.names.insert(variable, Value::of(item));
                    self.around.push(Around { number, variable, several: *at_most > 1 });
                    self.block(body);
                    let result = result.map(|result| self.reader.value(result)).unwrap_or_default();
                    self.around.pop();
                    let mut result = Value::clone(&*result);
                    result.whole.add(&list);
                    Rc::new(result)
                }
                KeyDoes::Return(value) => {
                    self.keys.output = Value::clone(&*self.reader.value(value));
                    continue;
                }
                KeyDoes::Other => continue,
            };
            self.reader.names.insert(node.id, value);
        }
    }

    /// What hangs on an effect that happens here, again in each iteration, hangs on every loop around.
    fn again(&self, anew: bool, mut hangs: Hangs) -> Hangs {
        if anew {
            hangs.anew = true;
            self.around.iter().for_each(|around| hangs.loops.add(around.number));
        }
        hangs
    }

    /// A called flow: its keys, and what its output hangs on.
    fn sub_flow(
        &mut self,
        id: &'a str,
        flow: &'a str,
        given: &[(&'a str, &'a Expr)],
        mut once: Option<&mut BTreeMap<Digest, &'a str>>,
    ) -> Rc<Value> {
        let called = self.called.get(flow).cloned().unwrap_or_default();
        let given: BTreeMap<&str, &'a Expr> = given.iter().copied().collect();
        let (mut inputs, mut digests) = (Vec::new(), Vec::new());
        for (name, default) in &called.inputs {
            let given = given.get(name.as_str()).copied();
            inputs.push(given.map_or_else(|| Rc::clone(default), |value| self.reader.value(value)));
            digests.push(once.as_ref().map(|_| written(&given)));
        }
        for (at, key) in called.keys.iter().enumerate() {
            let made = self.again(key.anew, key.given(&inputs));
            if let Some(once) = &mut once
                && !key.answered
                && !self.is_faulty(id)
            {
                let of: Vec<_> = key.given.iter().filter_map(|input| digests.get(input)).collect();
                if let Some(first) = once.insert(written(&(flow, at, of)), id) {
                    self.faults.push((id, KeyFault::Twice { first: first.to_owned() }));
                }
            }
            self.key(id, made);
        }
        let of = |hangs: &Hangs| self.again(hangs.anew, hangs.given(&inputs));
        let members = called.output.members.iter().map(|(name, member)| (name.clone(), of(member)));
        Rc::new(Value { whole: of(&called.output.whole), members: members.collect() })
    }

    /// A key that a step makes; a flow that calls this one is told what it is made of, not what is wrong with it.
    fn key(&mut self, id: &'a str, key: Hangs) {
        if let Some(fault) = self.fault(&key)
            && !self.is_faulty(id)
        {
            self.faults.push((id, fault));
        }
        let key = Hangs { run: None, joined: None, loops: Bits::default(), ..key };
        if self.known.insert(key.clone()) {
            self.keys.keys.push(key);
        }
    }

    /// Whether a step has its fault: all of one step are found in a row.
    fn is_faulty(&self, id: &str) -> bool {
        self.faults.last().is_some_and(|(known, _)| *known == id)
    }

    fn fault(&self, key: &Hangs) -> Option<KeyFault> {
        let default = |at: usize| self.keys.inputs.get(at).and_then(|(_, default)| default.whole.run.clone());
        if let Some(member) = key.run.clone().or_else(|| key.given.iter().find_map(default)) {
            return Some(KeyFault::Unstable { member });
        }
        if let Some(joined) = &key.joined {
            let (left, right) = (joined.0.clone(), joined.1.clone());
            return Some(KeyFault::Adjoining { left, right });
        }
        let hangs = |around: &&Around<'_>| key.loops.has(around.number);
        let shared = self.around.iter().find(|around| around.several && !hangs(around))?;
        let inner = self.around.iter().any(|around| hangs(&around));
        let (variable, answered) = (shared.variable.to_owned(), key.answered);
        Some(KeyFault::Shared { variable, inner, answered })
    }
}

/// What stands for a value by how it is written, however long that is.
fn written(value: &impl fmt::Debug) -> Digest {
    struct Written(Hasher);
    impl fmt::Write for Written {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.update(text.as_bytes());
            Ok(())
        }
    }
    let mut hasher = Written(Hasher::default());
    // The hasher takes everything.
    let _ = write!(hasher, "{value:?}");
    hasher.0.digest()
}

/// Every key of a plan, as P7 wants it.
pub(super) fn check_keys(plan: &Plan) -> Result<(), PlanError> {
    let (flow, called) = shown(plan);
    let judged = judge_keys(&flow, &called.iter().map(|(name, keys)| (*name, Rc::clone(keys))).collect());
    let Some((node, fault)) = judged.faults.into_iter().next() else { return Ok(()) };
    let reason = match fault {
        KeyFault::Unstable { member } => format!("its key hangs on `run.{member}`"),
        KeyFault::Adjoining { .. } => "different values make one key".to_owned(),
        KeyFault::Shared { variable, .. } => format!("each `{variable}` has the same key"),
        KeyFault::Twice { first } => format!("`{first}` makes the same key"),
    };
    Err(PlanError::Obligation { name: "P7", subject: node.to_owned(), reason })
}

/// A plan's flow, and what is known of those that it calls.
fn shown(plan: &Plan) -> (KeyFlow<'_>, BTreeMap<&str, Rc<FlowKeys>>) {
    let inputs = plan.flow.inputs.iter().map(|input| (input.name.as_str(), input.default.as_ref()));
    let body = nodes(&plan.flow.body);
    let called = plan.flows.iter().map(|(name, flow)| {
        let (flow, called) = shown(flow);
        (name.as_str(), Rc::new(judge_keys(&flow, &called).keys))
    });
    (KeyFlow { inputs: inputs.collect(), functions: &plan.functions, body }, called.collect())
}

fn nodes(block: &Block) -> Vec<KeyNode<'_>> {
    block.nodes.iter().map(|node| KeyNode { id: &node.id, does: does(&node.kind) }).collect()
}

fn does(kind: &NodeKind) -> KeyDoes<'_> {
    match kind {
        NodeKind::Call(step) => KeyDoes::Call {
            sent: sent(&step.call),
            anew: is_anew(&step.call.method),
            key: step.call.once_per.as_ref(),
        },
        NodeKind::SubFlow(call) => KeyDoes::SubFlow {
            flow: &call.flow,
            given: call.inputs.iter().map(|given| (given.name.as_str(), &given.value)).collect(),
            guarded: call.guard.is_some(),
        },
        NodeKind::Signal(signal) => KeyDoes::Signal(&signal.otherwise),
        NodeKind::Let { value, .. } => KeyDoes::Let(value),
        NodeKind::For(repeat) => KeyDoes::For {
            variable: &repeat.variable,
            list: &repeat.list,
            at_most: repeat.at_most,
            body: nodes(&repeat.body),
            result: repeat.result.as_ref(),
        },
        NodeKind::Return { value } => KeyDoes::Return(value),
        NodeKind::Wait(_) | NodeKind::Ensure { .. } | NodeKind::Fail { .. } => KeyDoes::Other,
    }
}

fn sent(call: &Call) -> Vec<&Expr> {
    call.arguments.iter().map(|argument| &argument.value).chain(&call.body).collect()
}
