//! Functions that a plan carries: they call each other in no circle, and what one evaluation does is bounded.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{each_child, free_names};
use crate::expr::{Definitions, EVALUATION_DEPTH, Expr};

/// Most expressions that one evaluation may meet, its functions counted as often as they are called, a comprehension's
/// item once and of an `if` the longer branch. Written out, a plan's expression would be no longer than this.
pub const STEPS: u64 = 1 << 20;
/// Most parameters of a function.
pub const PARAMETERS: usize = 32;

/// What is wrong with a set of functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionFault {
    /// It calls itself: the chain from its name back to it.
    Circle(Vec<String>),
    /// With what it calls it nests deeper than is evaluated.
    Deep(String),
    /// With what it calls it takes more steps than [`STEPS`].
    Long(String),
}

/// What evaluating an expression takes, the functions it calls included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Nesting.
    pub depth: usize,
    /// Expressions met.
    pub steps: u64,
}

impl Cost {
    /// Whether an evaluation may cost that much.
    pub fn is_bounded(self) -> bool {
        self.depth <= EVALUATION_DEPTH && self.steps <= STEPS
    }
}

/// The functions that an expression calls itself.
pub fn applied(expression: &Expr) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(expression, &mut names);
    names
}

fn collect(expression: &Expr, names: &mut BTreeSet<String>) {
    if let Expr::Apply { function, .. } = expression {
        names.insert(function.clone());
    }
    each_child(expression, &mut |child| collect(child, names));
}

/// The functions that some are and call, directly or not.
pub fn reached(first: BTreeSet<String>, functions: &Definitions) -> BTreeSet<String> {
    let mut open: Vec<String> = first.into_iter().collect();
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(definition) = functions.get(&name).filter(|_| found.insert(name)) {
            open.extend(applied(&definition.body));
        }
    }
    found
}

/// What each function costs; a fault where one is not bounded.
pub fn costs(functions: &Definitions) -> Result<BTreeMap<String, Cost>, FunctionFault> {
    let calls: BTreeMap<&str, BTreeSet<String>> =
        functions.iter().map(|(name, definition)| (name.as_str(), applied(&definition.body))).collect();
    let mut callers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, called) in &calls {
        let known = called.iter().filter(|called| functions.contains_key(*called));
        waiting.insert(name, known.clone().count());
        known.for_each(|called| callers.entry(called).or_default().push(name));
    }
    let mut ready: Vec<&str> =
        waiting.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    let mut costs = BTreeMap::new();
    while let Some(name) = ready.pop() {
        let Some(definition) = functions.get(name) else { continue };
        let cost = cost(&definition.body, &costs);
        if cost.depth > EVALUATION_DEPTH {
            return Err(FunctionFault::Deep(name.to_owned()));
        }
        if cost.steps > STEPS {
            return Err(FunctionFault::Long(name.to_owned()));
        }
        costs.insert(name.to_owned(), cost);
        for caller in callers.get(name).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(caller) {
                *count -= 1;
                if *count == 0 {
                    ready.push(caller);
                }
            }
        }
    }
    let stuck = |name: &str| functions.contains_key(name) && !costs.contains_key(name);
    match functions.keys().find(|name| stuck(name)) {
        None => Ok(costs),
        Some(first) => Err(FunctionFault::Circle(circle(first, &calls, &stuck))),
    }
}

/// A circle that can be reached: whoever is stuck calls someone who is.
fn circle(
    first: &str,
    calls: &BTreeMap<&str, BTreeSet<String>>,
    stuck: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let mut chain = vec![first.to_owned()];
    let mut places: BTreeMap<String, usize> = BTreeMap::from([(first.to_owned(), 0)]);
    loop {
        let next = chain.last().and_then(|last| calls.get(last.as_str()));
        let Some(next) = next.and_then(|called| called.iter().find(|name| stuck(name))) else { return chain };
        chain.push(next.clone());
        if let Some(start) = places.insert(next.clone(), chain.len() - 1) {
            return chain.split_off(start);
        }
    }
}

/// What evaluating an expression takes.
pub fn cost(expression: &Expr, functions: &BTreeMap<String, Cost>) -> Cost {
    let mut depth = 0;
    let mut steps: u64 = 1;
    if let Expr::If { condition, then, otherwise } = expression {
        let parts = [condition, then, otherwise].map(|part| cost(part, functions));
        let [condition, then, otherwise] = parts;
        let depth = parts.iter().map(|part| part.depth).max().unwrap_or_default();
        let steps = condition.steps.saturating_add(then.steps.max(otherwise.steps)).saturating_add(1);
        return Cost { depth: depth.saturating_add(1), steps };
    }
    each_child(expression, &mut |child| {
        let child = cost(child, functions);
        depth = depth.max(child.depth);
        steps = steps.saturating_add(child.steps);
    });
    if let Expr::Apply { function, .. } = expression
        && let Some(body) = functions.get(function)
    {
        depth = depth.max(body.depth);
        steps = steps.saturating_add(body.steps);
    }
    Cost { depth: depth.saturating_add(1), steps }
}

/// What a function's body may not name: the first thing that is neither a parameter nor made by itself.
pub(super) fn outside(parameters: &[String], body: &Expr) -> Option<String> {
    if let Some(name) = free_names(body).into_iter().find(|name| !parameters.contains(name)) {
        return Some(name);
    }
    sees(body)
}

fn sees(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Run { member } => return Some(format!("run.{member}")),
        Expr::Next => return Some("next".to_owned()),
        Expr::Status { of } => return Some(format!("status({of})")),
        Expr::Headers { of } => return Some(format!("headers({of})")),
        Expr::Match { of, .. } => return Some(format!("match {of}")),
        _ => {}
    }
    let mut found = None;
    each_child(expression, &mut |child| {
        if found.is_none() {
            found = sees(child);
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{BinaryOperator, Definition, MapScope, evaluate};
    use crate::types::Value;

    fn apply(function: &str, argument: Expr) -> Expr {
        Expr::Apply { function: function.to_owned(), arguments: vec![argument] }
    }

    fn x() -> Expr {
        Expr::Name { name: "x".to_owned() }
    }

    fn add(left: Expr, right: Expr) -> Expr {
        Expr::Binary { operator: BinaryOperator::Add, left: Box::new(left), right: Box::new(right) }
    }

    fn of(bodies: impl IntoIterator<Item = (String, Expr)>) -> Definitions {
        let parameters = vec!["x".to_owned()];
        bodies
            .into_iter()
            .map(|(name, body)| {
                (name, Definition { parameters: parameters.clone(), takes: Vec::new(), gives: None, body })
            })
            .collect()
    }

    #[test]
    fn doubling_forty_times_stays_small_and_runs() {
        let definitions = of([("twice".to_owned(), add(x(), x()))]);
        let nested = (0..40).fold(Expr::Int { value: 1 }, |inner, _| apply("twice", inner));
        let cost = cost(&nested, &costs(&definitions).unwrap());
        assert!(cost.is_bounded() && cost.steps < 200, "{cost:?}");
        assert!(serde_json::to_string(&(&nested, &definitions)).unwrap().len() < 4000);
        let scope = MapScope { definitions, ..MapScope::default() };
        assert_eq!(evaluate(&nested, &scope), Ok(Value::Int(1 << 40)));
    }

    #[test]
    fn a_chain_that_doubles_its_work_is_refused_and_a_chain_of_choices_is_not() {
        let chain = |link: &dyn Fn(Expr) -> Expr| {
            of((0..30).map(|at| match at {
                0 => ("f0".to_owned(), x()),
                _ => (format!("f{at}"), link(apply(&format!("f{}", at - 1), x()))),
            }))
        };
        let fault = costs(&chain(&|call| add(call.clone(), call))).unwrap_err();
        assert!(matches!(&fault, FunctionFault::Long(_)), "{fault:?}");
        let choose = |call: Expr| Expr::If {
            condition: Box::new(Expr::Bool { value: true }),
            then: Box::new(call.clone()),
            otherwise: Box::new(call),
        };
        assert!(costs(&chain(&choose)).is_ok());
        let deep = of((0..200).map(|at| (format!("f{at}"), apply(&format!("f{}", at + 1), x()))));
        assert!(matches!(costs(&deep), Err(FunctionFault::Deep(_))));
    }

    #[test]
    fn a_circle_is_named_with_its_chain() {
        let names = |links: &[(&str, &str)]| {
            costs(&of(links.iter().map(|(from, to)| ((*from).to_owned(), apply(to, x())))))
        };
        let chain = |names: &[&str]| {
            Err(FunctionFault::Circle(names.iter().map(|name| (*name).to_owned()).collect()))
        };
        assert_eq!(names(&[("a", "b"), ("b", "c"), ("c", "b")]), chain(&["b", "c", "b"]));
        assert_eq!(names(&[("f", "f")]), chain(&["f", "f"]));
    }
}
