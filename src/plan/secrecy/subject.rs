//! What P6 is judged of: a flow as a plan holds it, or as the compiler resolved it. Both are put into this one form, so
//! that there is one analysis.

use std::collections::BTreeMap;

use crate::documents::OperationView;
use crate::ecz::EczId;
use crate::expr::{Definitions, Expr};
use crate::plan::model::Plan;
use crate::plan::steps::{Block, Call, Node, NodeKind};
use crate::plan::typed::guards_of;
use crate::plan::{Class, Classified, Clearance, Pages, Party, Release};

/// A flow, as far as confidentiality goes.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The organisation that runs it: whose its inputs are, and who receives its outputs and messages.
    pub operator: String,
    /// The name of that organisation.
    pub operator_name: &'a str,
    /// What outputs and messages may hold beside `internal`.
    pub cleared: Vec<Clearance>,
    /// Its inputs.
    pub inputs: Vec<Input<'a>>,
    /// Its functions.
    pub functions: &'a Definitions,
    /// Its apis by name.
    pub apis: BTreeMap<&'a str, Api<'a>>,
    /// What it does.
    pub body: Vec<Item<'a>>,
}

/// An input.
#[derive(Debug)]
pub struct Input<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is classified in it.
    pub classified: Vec<Classified>,
}

/// An api: a receiver of data, and a source.
#[derive(Debug)]
pub struct Api<'a> {
    /// Who answers: an operator's ECZ-ID, or `api NAME`.
    pub owner: String,
    /// What it may have beside `internal` and its owner's.
    pub cleared: Vec<Clearance>,
    /// What is classified in answers, by operation.
    pub classified: BTreeMap<&'a str, Vec<Classified>>,
}

/// A statement.
#[derive(Debug)]
pub struct Item<'a> {
    /// The node's id.
    pub id: &'a str,
    /// The nodes of its block that are finished before.
    pub after: Vec<String>,
    /// What it does.
    pub what: What<'a>,
}

/// What a statement does.
#[derive(Debug)]
pub enum What<'a> {
    /// A call.
    Step {
        /// The call.
        call: Sent<'a>,
        /// `when`.
        guard: Option<&'a Expr>,
        /// The messages of `on STATUS fail`.
        on: Vec<(u16, &'a Expr)>,
        /// What a poll waits for.
        until: Option<&'a Expr>,
        /// The pages that the call is made for.
        pages: Option<&'a Pages>,
        /// The read that settles an unknown outcome, and what says that it found the effect.
        read: Option<(Sent<'a>, &'a Expr)>,
        /// The compensation.
        undo: Option<Sent<'a>>,
    },
    /// A call of another flow: what it is given is data of this one.
    Flow {
        /// The called flow; absent where it could not be read.
        callee: Option<Called<'a>>,
        /// What its inputs are given, by name; the others have their defaults.
        given: Vec<(&'a str, &'a Expr)>,
        /// Whether one may turn out not to fit when it is given, which fails the run.
        guarded: bool,
        /// `when`.
        guard: Option<&'a Expr>,
        /// The compensation.
        undo: Option<Sent<'a>>,
    },
    /// A signal: whose word it is decides nothing here, for its sender is the flow's own operator or counts as that.
    Signal {
        /// `when`.
        guard: Option<&'a Expr>,
        /// What stands for one that does not come.
        otherwise: &'a Expr,
        /// Whether that may turn out not to fit, which fails the run.
        guarded: bool,
    },
    /// A named value, perhaps released.
    Let(&'a Expr, Option<&'a Release>),
    /// A timer.
    Wait(&'a Expr),
    /// Fails where the condition says so; always where there is none.
    Barrier {
        /// The condition.
        condition: Option<&'a Expr>,
        /// The message.
        message: &'a Expr,
    },
    /// A fan-out.
    For {
        /// The item's name.
        variable: &'a str,
        /// The list.
        list: &'a Expr,
        /// `when`.
        guard: Option<&'a Expr>,
        /// One iteration.
        body: Vec<Item<'a>>,
        /// `yield`.
        result: Option<&'a Expr>,
    },
    /// The outputs, and whether they may turn out not to fit, which fails the run.
    Return(&'a Expr, bool),
}

/// A flow that another one calls. Its apis are among those of the outermost one.
#[derive(Debug)]
pub struct Called<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its inputs.
    pub inputs: Vec<Input<'a>>,
    /// Its functions.
    pub functions: &'a Definitions,
    /// What it does. Subjects of its calls begin with the calling node.
    pub body: Vec<Item<'a>>,
}

/// A request.
#[derive(Debug)]
pub struct Sent<'a> {
    /// `NODE`, `NODE/reconcile` or `NODE/undo`.
    pub subject: String,
    /// The api.
    pub api: &'a str,
    /// The operation's key.
    pub operation: &'a str,
    /// What the operation says; absent where it could not be read.
    pub view: Option<&'a OperationView>,
    /// Values and where they go: `path.id`, `query.q`, `header.h`, `body`, `key`.
    pub parts: Vec<(String, &'a Expr)>,
    /// What may turn out not to fit when it is to be sent, which fails the run: by the place of its part.
    pub guarded: BTreeMap<String, Guarded<'a>>,
}

/// How much of a part may turn out not to fit, each with the words that its guards begin with.
#[derive(Debug)]
pub enum Guarded<'a> {
    /// All of it.
    Whole(String),
    /// These members.
    Members(Vec<(&'a str, String)>),
}

/// What of a request's parts is a guard. `told`: whether a guard of the call begins with these words.
pub fn guarded<'a>(
    parts: &[(String, &'a Expr)],
    operation: &str,
    told: impl Fn(&str) -> bool,
) -> BTreeMap<String, Guarded<'a>> {
    let body = format!("the body of `{operation}`");
    let of_part = |(place, value): &(String, &'a Expr)| {
        let whole = |words: String| told(&words).then_some(Guarded::Whole(words));
        let guarded = match (place.as_str(), value) {
            ("key", _) => whole("the key in `".to_owned()),
            ("body", _) if told(&format!("{body}: ")) => whole(format!("{body}: ")),
            ("body", Expr::Record { members }) => {
                let members =
                    members.iter().map(|(name, _)| (name.as_str(), format!("{}: ", member_of(&body, name))));
                let members: Vec<(&str, String)> = members.filter(|(_, words)| told(words)).collect();
                (!members.is_empty()).then_some(Guarded::Members(members))
            }
            ("body", _) => whole(format!("{body}, `")),
            (place, _) => {
                let name = place.split_once('.').map_or(place, |(_, name)| name);
                whole(format!("argument `{name}` of `{operation}`: "))
            }
        };
        guarded.map(|guarded| (place.clone(), guarded))
    };
    parts.iter().filter_map(of_part).collect()
}

/// The message that a step ends with at a status, in words.
pub fn message_of(status: u16) -> String {
    format!("the message of `on {status}`")
}

/// A member of a place, in words.
pub fn member_of(place: &str, name: &str) -> String {
    format!("{place}, `{name}`")
}

/// The owner of an api's data: its operator's ECZ-ID where one is known.
pub fn owner(name: &str, operator: Option<&EczId>) -> String {
    operator.map_or_else(|| format!("api {name}"), ToString::to_string)
}

type Views = BTreeMap<(String, String), OperationView>;

impl<'a> Subject<'a> {
    /// A plan's flow.
    pub(in crate::plan) fn of_plan(plan: &'a Plan, views: &'a Views, guards: &'a [String]) -> Subject<'a> {
        let mut apis: BTreeMap<&str, Api<'_>> = BTreeMap::new();
        let flows = plan.all_flows().into_iter();
        // One name is one api, and one operator, in the flows that are called too.
        for (flow, (name, api)) in flows.flat_map(|flow| flow.apis.iter().map(move |api| (flow, api))) {
            let operator = match &api.identity {
                Party::Passport { identity, .. } => Some(&identity.operator_ecz_id),
                Party::NoPassport { operator, .. } => passport(flow, operator.as_deref()),
            };
            let facts = apis.entry(name).or_insert_with(|| Api {
                owner: owner(name, operator),
                cleared: api.cleared.clone(),
                classified: BTreeMap::new(),
            });
            facts
                .classified
                .extend(api.classified.iter().map(|(key, fields)| (key.as_str(), fields.clone())));
        }
        let reader = Reader { plan, guards, views, prefix: String::new() };
        Subject {
            operator: owner(&plan.flow.operator, passport(plan, Some(&plan.flow.operator))),
            operator_name: &plan.flow.operator,
            cleared: plan.flow.cleared.clone(),
            inputs: inputs(plan),
            functions: &plan.functions,
            apis,
            body: reader.block(&plan.flow.body),
        }
    }
}

fn passport<'a>(plan: &'a Plan, operator: Option<&str>) -> Option<&'a EczId> {
    plan.operators.get(operator?).map(|operator| &operator.passport)
}

fn inputs(plan: &Plan) -> Vec<Input<'_>> {
    let inputs = plan.flow.inputs.iter();
    inputs.map(|input| Input { name: &input.name, classified: input.classified.clone() }).collect()
}

struct Reader<'a> {
    plan: &'a Plan,
    guards: &'a [String],
    /// Of all flows: one name is one api.
    views: &'a Views,
    /// What subjects begin with.
    prefix: String,
}

impl<'a> Reader<'a> {
    fn block(&self, block: &'a Block) -> Vec<Item<'a>> {
        block.nodes.iter().map(|node| self.item(node)).collect()
    }

    fn item(&self, node: &'a Node) -> Item<'a> {
        let what = match &node.kind {
            NodeKind::Call(step) => What::Step {
                call: self.sent(node.id.clone(), &step.call),
                guard: step.guard.as_ref(),
                on: step.on.iter().map(|(status, message)| (*status, message)).collect(),
                until: step.poll.as_ref().map(|poll| &poll.until),
                pages: step.pages.as_ref(),
                read: step
                    .reconcile
                    .as_ref()
                    .map(|read| (self.sent(format!("{}/reconcile", node.id), &read.call), &read.when)),
                undo: step.undo.as_ref().map(|undo| self.sent(format!("{}/undo", node.id), undo)),
            },
            NodeKind::SubFlow(call) => What::Flow {
                callee: self.called(&node.id, &call.flow),
                given: call.inputs.iter().map(|given| (given.name.as_str(), &given.value)).collect(),
                guarded: self.is_guarded(&node.id),
                guard: call.guard.as_ref(),
                undo: call.undo.as_ref().map(|undo| self.sent(format!("{}/undo", node.id), undo)),
            },
            NodeKind::Signal(signal) => {
                let (guard, guarded) = (signal.guard.as_ref(), self.is_guarded(&node.id));
                What::Signal { guard, otherwise: &signal.otherwise, guarded }
            }
            NodeKind::Let { value, release } => What::Let(value, release.as_ref()),
            NodeKind::Wait(wait) => What::Wait(&wait.value),
            NodeKind::Ensure { condition, message } => What::Barrier { condition: Some(condition), message },
            NodeKind::Fail { condition, message } => What::Barrier { condition: condition.as_ref(), message },
            NodeKind::For(repeat) => What::For {
                variable: &repeat.variable,
                list: &repeat.list,
                guard: repeat.guard.as_ref(),
                body: self.block(&repeat.body),
                result: repeat.result.as_ref(),
            },
            NodeKind::Return { value } => What::Return(value, self.is_guarded(&node.id)),
        };
        Item { id: &node.id, after: node.after.clone(), what }
    }

    fn is_guarded(&self, subject: &str) -> bool {
        guards_of(self.guards, subject).next().is_some()
    }

    /// A flow that is not there was refused before.
    fn called(&self, node: &str, name: &'a str) -> Option<Called<'a>> {
        let plan = self.plan.flows.get(name)?;
        let prefix = format!("{}{node}/", self.prefix);
        let reader = Reader { plan, guards: &plan.proof.guards, views: self.views, prefix };
        Some(Called {
            name,
            inputs: inputs(plan),
            functions: &plan.functions,
            body: reader.block(&plan.flow.body),
        })
    }

    fn sent(&self, subject: String, call: &'a Call) -> Sent<'a> {
        let arguments = call.arguments.iter();
        let parts = arguments
            .map(|argument| (format!("{}.{}", argument.location, argument.name), &argument.value))
            .chain(call.body.iter().map(|body| ("body".to_owned(), body)))
            .chain(call.once_per.iter().map(|key| ("key".to_owned(), key)));
        let parts: Vec<(String, &Expr)> = parts.collect();
        let told = |words: &str| guards_of(self.guards, &subject).any(|guard| guard.starts_with(words));
        Sent {
            guarded: guarded(&parts, &call.operation, told),
            parts,
            view: self.views.get(&(call.api.clone(), call.operation.clone())),
            api: &call.api,
            operation: &call.operation,
            subject: format!("{}{subject}", self.prefix),
        }
    }
}

/// The class of a path by what is classified: of the path and of what it stands in; with what stands in it where `whole`.
pub(super) fn classified<'c>(
    fields: &'c [Classified],
    path: &[String],
    whole: bool,
) -> Option<(Class, &'c [String])> {
    let concerns =
        |field: &&Classified| path.starts_with(&field.path) || (whole && field.path.starts_with(path));
    fields.iter().filter(concerns).map(|field| (field.class, field.path.as_slice())).max()
}
