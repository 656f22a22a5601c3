//! What a value hangs on: the run, the inputs, the loops around. What keys are judged by.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::bits::Bits;
use super::names::each_child;
use crate::expr::{Definitions, EVALUATION_DEPTH, Expr, Part};

/// Two values in a text with nothing between them, in words.
pub(super) type Joined = (String, String);

/// What a value hangs on. Numbers of inputs are places among a flow's inputs or a function's parameters; loops are numbered
/// as they come.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hangs {
    /// The member of `run`, where it hangs on one.
    pub(super) run: Option<String>,
    /// Inputs whose value goes into it.
    pub(super) given: Bits,
    /// Inputs that were only asked about: they went into a request whose answer goes into it.
    pub(super) asked: Bits,
    /// Loops of whose iteration it hangs.
    pub(super) loops: Bits,
    /// Whether an answer goes into it.
    pub(super) answered: bool,
    /// Whether the answer to an effect goes into it that happens again each time.
    pub(super) anew: bool,
    /// Where different values make one text.
    pub(super) joined: Option<Rc<Joined>>,
}

impl Hangs {
    pub(super) fn add(&mut self, other: &Hangs) {
        self.run = self.run.take().or_else(|| other.run.clone());
        self.given.union(&other.given);
        self.asked.union(&other.asked);
        self.loops.union(&other.loops);
        self.answered |= other.answered;
        self.anew |= other.anew;
        self.joined = self.joined.take().or_else(|| other.joined.clone());
    }

    /// What an answer hangs on, to a request that hangs on this. What it says of the run is the counterparty's word.
    pub(super) fn answer(&self) -> Hangs {
        let mut asked = self.asked.clone();
        asked.union(&self.given);
        let (loops, anew) = (self.loops.clone(), self.anew);
        Hangs { asked, loops, anew, answered: true, ..Hangs::default() }
    }

    /// The same where the inputs are given; what it says of loops is of those inside, which nobody sees from outside.
    pub(super) fn given(&self, inputs: &[Rc<Value>]) -> Hangs {
        let (run, joined) = (self.run.clone(), self.joined.clone());
        let (answered, anew) = (self.answered, self.anew);
        let mut found = Hangs { run, joined, answered, anew, ..Hangs::default() };
        let of = |at: usize| inputs.get(at).map(|input| &input.whole);
        self.given.iter().filter_map(of).for_each(|input| found.add(input));
        self.asked.iter().filter_map(of).for_each(|input| found.add(&input.answer()));
        found
    }
}

/// What a value hangs on, and what its members do where it is a record written out.
#[derive(Debug, Clone, Default)]
pub(super) struct Value {
    pub(super) whole: Hangs,
    pub(super) members: BTreeMap<String, Hangs>,
}

impl Value {
    pub(super) fn of(whole: Hangs) -> Rc<Value> {
        Rc::new(Value { whole, members: BTreeMap::new() })
    }

    /// As [`Hangs::given`].
    pub(super) fn given(&self, inputs: &[Rc<Value>]) -> Value {
        let members = self.members.iter().map(|(name, member)| (name.clone(), member.given(inputs)));
        Value { whole: self.whole.given(inputs), members: members.collect() }
    }
}

/// A function: what it makes hangs on its parameters.
#[derive(Debug, Default)]
struct Function {
    value: Value,
    /// Parameters that stand between the items of a text, and what stands beside them.
    separators: Vec<(usize, Rc<Joined>)>,
}

/// Reads expressions.
pub(super) struct Reader<'a> {
    functions: &'a Definitions,
    known: BTreeMap<&'a str, Rc<Function>>,
    /// Names in scope.
    pub(super) names: BTreeMap<&'a str, Rc<Value>>,
    /// Of these, texts that are never empty.
    pub(super) filled: BTreeSet<&'a str>,
    /// The names of the function that is read, and of comprehensions, the innermost last.
    local: Vec<(&'a str, Rc<Value>)>,
    /// Of `local`, the function's parameters.
    parameters: usize,
    separators: Vec<(usize, Rc<Joined>)>,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(functions: &'a Definitions) -> Reader<'a> {
        Reader {
            functions,
            known: BTreeMap::new(),
            names: BTreeMap::new(),
            filled: BTreeSet::new(),
            local: Vec::new(),
            parameters: 0,
            separators: Vec::new(),
            depth: 0,
        }
    }

    /// What several expressions hang on together.
    pub(super) fn all<'e>(&mut self, expressions: impl IntoIterator<Item = &'a Expr>) -> Hangs
    where
        'a: 'e,
    {
        let mut found = Hangs::default();
        for expression in expressions {
            found.add(&self.value(expression).whole);
        }
        found
    }

    /// What an expression hangs on.
    pub(super) fn value(&mut self, expression: &'a Expr) -> Rc<Value> {
        match expression {
            Expr::Name { name } => self.named(name),
            Expr::Status { of } | Expr::Headers { of } => Value::of(self.named(of).whole.clone()),
            Expr::Run { member } => Value::of(Hangs { run: Some(member.clone()), ..Hangs::default() }),
            Expr::Widen { of, .. } => self.value(of),
            Expr::Field { of, name, .. } => {
                let of = self.value(of);
                Value::of(of.members.get(name).unwrap_or(&of.whole).clone())
            }
            Expr::Index { of, index, .. } if matches!(**index, Expr::Int { .. }) => self.value(of),
            Expr::List { items } if items.len() == 1 => {
                items.first().map(|item| self.value(item)).unwrap_or_default()
            }
            Expr::Record { members } => {
                let mut found = Value::default();
                for (name, member) in members {
                    let member = self.value(member);
                    found.whole.add(&member.whole);
                    found.members.insert(name.clone(), member.whole.clone());
                }
                Rc::new(found)
            }
            Expr::Comprehension { variable, list, condition, item } => {
                let list = self.value(list);
                self.local.push((variable, Rc::clone(&list)));
                let mut whole = list.whole.clone();
                whole.add(&self.all(condition.iter().map(|condition| &**condition)));
                let item = self.value(item);
                self.local.pop();
                whole.add(&item.whole);
                Rc::new(Value { whole, members: item.members.clone() })
            }
            Expr::Match { of, arms, otherwise } => {
                let answer = self.named(of);
                let mut whole = answer.whole.clone();
                for arm in arms {
                    self.local.extend(arm.variable.iter().map(|name| (name.as_str(), Rc::clone(&answer))));
                    whole.add(&self.value(&arm.value).whole);
                    self.local.truncate(self.local.len() - usize::from(arm.variable.is_some()));
                }
                whole.add(&self.all(otherwise.iter().map(|otherwise| &**otherwise)));
                Value::of(whole)
            }
            Expr::Apply { function, arguments } => {
                let given: Vec<_> = arguments.iter().map(|argument| self.value(argument)).collect();
                let function = self.function(function);
                let mut found = function.value.given(&given);
                for (at, joined) in &function.separators {
                    let separator = arguments.get(*at);
                    self.separated(separator, joined, &mut found.whole);
                }
                Rc::new(found)
            }
            other => {
                let mut whole = self.parts(other);
                match other {
                    Expr::Interpolate { parts } => {
                        whole.joined = whole.joined.or_else(|| adjoining(parts).map(Rc::new));
                    }
                    Expr::Call { function, arguments } if function == "join" => {
                        if let [list, separator] = arguments.as_slice()
                            && let Some(joined) = items(list)
                        {
                            self.separated(Some(separator), &Rc::new(joined), &mut whole);
                        }
                    }
                    _ => {}
                }
                Value::of(whole)
            }
        }
    }

    fn parts(&mut self, expression: &'a Expr) -> Hangs {
        let mut children = Vec::new();
        each_child(expression, &mut |child| children.push(child));
        self.all(children)
    }

    fn named(&self, name: &str) -> Rc<Value> {
        let local = self.local.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value);
        local.or_else(|| self.names.get(name)).cloned().unwrap_or_default()
    }

    /// A separator that may be empty leaves nothing between the items; a parameter may be one, which its callers tell.
    fn separated(&mut self, separator: Option<&Expr>, joined: &Rc<Joined>, whole: &mut Hangs) {
        let Some(separator) = separator else { return };
        if let Expr::Name { name } = separator
            && let Some(at) = self.local.iter().rposition(|(known, _)| known == name)
            && at < self.parameters
        {
            self.separators.push((at, Rc::clone(joined)));
        } else if !self.is_filled(separator) {
            whole.joined.get_or_insert_with(|| Rc::clone(joined));
        }
    }

    /// Whether a text is seen to be never empty.
    pub(super) fn is_filled(&self, text: &Expr) -> bool {
        match text {
            Expr::String { value } => !value.is_empty(),
            Expr::Interpolate { parts } => {
                parts.iter().any(|part| matches!(part, Part::Text(text) if !text.is_empty()))
            }
            Expr::Name { name } => {
                let local = self.local.iter().any(|(known, _)| known == name);
                !local && self.filled.contains(name.as_str())
            }
            _ => false,
        }
    }

    /// A function, read once. One that calls itself is refused elsewhere.
    fn function(&mut self, name: &'a str) -> Rc<Function> {
        if let Some(known) = self.known.get(name) {
            return Rc::clone(known);
        }
        let Some(definition) = self.functions.get(name).filter(|_| self.depth < EVALUATION_DEPTH) else {
            return Rc::default();
        };
        self.known.insert(name, Rc::default());
        let parameters = definition.parameters.iter().enumerate();
        let parameters = parameters
            .map(|(at, name)| (name.as_str(), Value::of(Hangs { given: Bits::of(at), ..Hangs::default() })));
        let local = std::mem::replace(&mut self.local, parameters.collect());
        let count = std::mem::replace(&mut self.parameters, definition.parameters.len());
        let separators = std::mem::take(&mut self.separators);
        self.depth += 1;
        let value = Value::clone(&*self.value(&definition.body));
        self.depth -= 1;
        (self.local, self.parameters) = (local, count);
        let separators = std::mem::replace(&mut self.separators, separators);
        let function = Rc::new(Function { value, separators });
        self.known.insert(name, Rc::clone(&function));
        function
    }
}

/// The first two values of a text that have nothing between them.
fn adjoining(parts: &[Part]) -> Option<Joined> {
    let text = |part: &&Part| match part {
        Part::Text(text) | Part::Value(Expr::String { value: text }) => !text.is_empty(),
        Part::Value(_) => true,
    };
    let said: Vec<&Part> = parts.iter().filter(text).collect();
    said.windows(2).find_map(|pair| match pair {
        [Part::Value(left), Part::Value(right)] if ![left, right].iter().any(|part| is_text(part)) => {
            Some((words(left), words(right)))
        }
        _ => None,
    })
}

fn is_text(expression: &Expr) -> bool {
    matches!(expression, Expr::String { .. })
}

/// The first two values of a list that is joined; of a list that is not written out, any two.
fn items(list: &Expr) -> Option<Joined> {
    match list {
        Expr::List { items } => items.windows(2).find_map(|pair| match pair {
            [left, right] if !is_text(left) && !is_text(right) => Some((words(left), words(right))),
            _ => None,
        }),
        other => Some((format!("{}[0]", words(other)), format!("{}[1]", words(other)))),
    }
}

/// An expression as a message names it.
fn words(expression: &Expr) -> String {
    match expression {
        Expr::Name { name } => name.clone(),
        Expr::Field { of, name, .. } => format!("{}.{name}", words(of)),
        Expr::Widen { of, .. } => words(of),
        _ => "…".to_owned(),
    }
}
