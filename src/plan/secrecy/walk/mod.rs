//! What a flow sends, in the order of its statements: by which sources, and what decided that it is sent at all.

mod endings;

use std::collections::BTreeMap;

use super::sources::{Origin, Sources};
use super::subject::{Called, Guarded, Item, Sent, Subject, What, message_of};
use super::values::{Judge, Label, Value};
use crate::expr::Expr;
use crate::plan::bits::Bits;
use crate::plan::compensation::can_fail;

/// What a receiver gets.
pub(super) struct Sending<'a> {
    /// `NODE` or `NODE/undo`; in called flows after the nodes that call.
    pub(super) subject: String,
    /// Who gets it; absent for the flow's own operator, who gets outputs and messages.
    pub(super) call: Option<(&'a str, &'a str)>,
    /// What is in it, by place.
    pub(super) parts: Vec<(String, Label)>,
    /// What decides whether it is sent: guards and lists around it.
    pub(super) guards: Bits,
    /// What may end the run before it: numbers of [`Walked::endings`].
    pub(super) endings: Vec<usize>,
}

/// Something that may end the run, by what decides whether it does.
pub(super) struct Ending<'a> {
    pub(super) by: Bits,
    /// The first node that may do so.
    pub(super) node: &'a str,
}

/// A value that may turn out not to fit where it is sent, which ends the run.
pub(super) struct Misfit<'a> {
    /// The nodes around it, its own last; of a called flow the one that calls it.
    pub(super) within: Vec<&'a str>,
    /// `NODE`, `NODE/reconcile`, as the sending's.
    pub(super) subject: String,
    /// What its guards begin with.
    pub(super) words: String,
    /// What is in it, and what decided about that.
    pub(super) by: Bits,
}

/// A whole flow.
pub(super) struct Walked<'s, 'a> {
    pub(super) judge: Judge<'s, 'a>,
    pub(super) sendings: Vec<Sending<'a>>,
    pub(super) endings: Vec<Ending<'a>>,
    pub(super) misfits: Vec<Misfit<'a>>,
}

/// A statement that was walked: what is left to say of it is what may end the run before it.
struct Done<'a> {
    node: &'a str,
    after: Vec<usize>,
    /// What decides whether it ends the run; that of a loop's body included.
    ends: Bits,
    /// Its sendings: the call's, and the undo's.
    calls: Vec<usize>,
    undos: Vec<usize>,
    body: Vec<Done<'a>>,
    /// Where `body` is that of a called flow, what decides whether the run gets there: what may end it within was said
    /// already.
    entered: Option<Bits>,
}

/// Judges a flow.
pub(super) fn walk<'s, 'a>(subject: &'s Subject<'a>) -> Walked<'s, 'a> {
    let mut judge = Judge::new(Sources::new(subject), subject.functions);
    for input in &subject.inputs {
        let value = judge.source(Origin::Input(input.name), Vec::new(), Label::default());
        judge.names.insert(input.name, value);
    }
    let mut walk = Walk {
        judge,
        sendings: Vec::new(),
        endings: Vec::new(),
        misfits: Vec::new(),
        unwritten: Vec::new(),
        within: Vec::new(),
        caller: None,
        called: None,
        prefix: String::new(),
    };
    let done = walk.block(&subject.body, &Bits::default(), false);
    walk.order(&done);
    walk.hold_back_undos();
    Walked { judge: walk.judge, sendings: walk.sendings, endings: walk.endings, misfits: walk.misfits }
}

struct Walk<'s, 'a> {
    judge: Judge<'s, 'a>,
    sendings: Vec<Sending<'a>>,
    endings: Vec<Ending<'a>>,
    misfits: Vec<Misfit<'a>>,
    /// By undo: what decides whether that of an effect of the flow's own can be written, and the node.
    unwritten: Vec<(usize, Bits, &'a str)>,
    /// The nodes of the outermost flow around what is walked.
    within: Vec<&'a str>,
    /// The outermost flow's node that calls the flow that is walked.
    caller: Option<&'a str>,
    /// That flow's name.
    called: Option<&'a str>,
    /// What subjects in it begin with: the nodes that call, each with a `/`.
    prefix: String,
}

impl<'a> Walk<'_, 'a> {
    /// `guards`: what decides whether the block is run, and how often.
    fn block(&mut self, items: &[Item<'a>], guards: &Bits, repeated: bool) -> Vec<Done<'a>> {
        let places: BTreeMap<&str, usize> =
            items.iter().enumerate().map(|(at, item)| (item.id, at)).collect();
        let mut done = Vec::new();
        for item in items {
            let after = item.after.iter().filter_map(|name| places.get(name.as_str()).copied()).collect();
            let mut one = Done {
                node: self.caller.unwrap_or(item.id),
                after,
                ends: Bits::default(),
                calls: Vec::new(),
                undos: Vec::new(),
                body: Vec::new(),
                entered: None,
            };
            self.judge.fails = Bits::default();
            let depth = self.within.len();
            if self.caller.is_none() {
                self.within.push(item.id);
            }
            self.item(item, guards, repeated, &mut one);
            self.within.truncate(depth);
            one.ends.union(&std::mem::take(&mut self.judge.fails));
            done.push(one);
        }
        done
    }

    fn item(&mut self, item: &Item<'a>, guards: &Bits, repeated: bool, done: &mut Done<'a>) {
        match &item.what {
            What::Step { call, guard, on, until, pages, read, undo } => {
                let mut guards = self.guarded(*guard, guards);
                self.judge.sources.meet(call);
                let origin = Origin::Answer { api: call.api, operation: call.operation };
                let label = Label { data: Bits::default(), control: guards.clone() };
                let answer = self.judge.source(origin, Vec::new(), label);
                self.judge.answers.insert(item.id, answer.clone());
                let mut value = answer.clone();
                if let Some(pages) = pages {
                    self.judge.names.insert(item.id, answer.clone());
                    // Where one page begins may hang on where the page before did, part by part.
                    let first = self.judge.value(&pages.next);
                    self.judge.next = Some(Value::plain(first.whole().clone()));
                    // It decides whether there is another call, and whether there are too many.
                    guards.union(&self.judge.value(&pages.next).whole().all());
                    value = self.judge.value(&pages.items);
                    self.judge.names.remove(item.id);
                    done.ends.union(&self.judge.count(&value).all());
                }
                done.calls.push(self.send(call, guards.clone(), repeated, &mut done.ends));
                // Whether an attempt is made is decided here, and any attempt may fail.
                done.ends.union(&guards);
                for (status, message) in on {
                    self.message(item.id, &message_of(*status), message);
                }
                self.judge.next = None;
                self.judge.names.insert(item.id, value.clone().decided(&guards));
                if let Some(until) = until {
                    // It decides how often the call is made, and whether it ends the run.
                    guards.union(&self.judge.value(until).whole().all());
                    done.ends.union(&guards);
                    done.calls.iter().for_each(|at| self.hangs_on(*at, &guards));
                    self.judge.names.insert(item.id, value.clone().decided(&guards));
                }
                self.judge.answers.insert(item.id, answer.decided(&guards));
                if let Some((read, when)) = read {
                    self.read_back(item.id, read, when, value, &mut guards, repeated, done);
                }
                let fails = std::mem::take(&mut self.judge.fails);
                let unwritten = self.undo(undo.as_ref(), guards, repeated, done);
                self.unwritten.extend(done.undos.last().map(|at| (*at, unwritten, done.node)));
                self.judge.fails = fails;
            }
            What::Flow { callee, given, guarded, guard, undo } => {
                let guards = self.guarded(*guard, guards);
                let given: BTreeMap<&str, Value<'a>> =
                    given.iter().map(|(name, value)| (*name, self.judge.value(value))).collect();
                let fails = std::mem::take(&mut self.judge.fails);
                // Nothing of the called flow is done before it is given what it is to have.
                let mut entered = fails.clone();
                if *guarded {
                    let mut given_all = Bits::default();
                    given.values().for_each(|value| given_all.union(&value.whole().all()));
                    entered.union(&given_all);
                    self.misfit_of(item.id, given_all);
                }
                done.ends.union(&guards);
                done.ends.union(&entered);
                done.entered = Some(entered);
                let value = match callee {
                    Some(callee) => self.call(item.id, callee, given, &guards, repeated, done),
                    None => Value::plain(Label::default()),
                };
                self.judge.names.insert(item.id, value.decided(&guards));
                self.undo(undo.as_ref(), guards, repeated, done);
                self.unwritten.extend(done.undos.last().map(|at| (*at, Bits::default(), done.node)));
                self.judge.fails = fails;
            }
            What::Signal { guard, otherwise, guarded } => {
                let guards = self.guarded(*guard, guards);
                let value = self.judge.value(otherwise);
                if *guarded {
                    let by = value.whole().all();
                    done.ends.union(&by);
                    self.misfit_of(item.id, by);
                }
                // It is evaluated only where the signal is waited for.
                if *guarded || can_fail(otherwise, self.judge.functions) {
                    done.ends.union(&guards);
                }
                self.judge.names.insert(item.id, value.decided(&guards));
            }
            What::Let(value, release) => {
                let mut value = self.judge.value(value);
                if let Some(release) = release {
                    let number =
                        self.judge.sources.release(item.id, release, value.whole().clone(), self.called);
                    value = Value::plain(Label { data: Bits::of(number), control: Bits::default() });
                }
                self.judge.names.insert(item.id, value);
            }
            // The deadline may end the run meanwhile.
            What::Wait(value) => done.ends.union(&self.judge.value(value).whole().all()),
            What::Barrier { condition, message } => {
                if let Some(condition) = condition {
                    done.ends.union(&self.judge.value(condition).whole().all());
                }
                done.ends.union(guards);
                self.message(item.id, "the message", message);
            }
            What::For { variable, list, guard, body, result } => {
                let mut guards = self.guarded(*guard, guards);
                let value = self.judge.value(list);
                let count = self.judge.count(&value);
                guards.union(&count.all());
                done.ends.union(&guards);
                let fails = std::mem::take(&mut self.judge.fails);
                let each = self.judge.item(&value);
                self.judge.names.insert(variable, each);
                done.body = self.block(body, &guards, true);
                done.body.iter().for_each(|inner| done.ends.union(&inner.ends));
                self.judge.fails = fails;
                let result = match result {
                    Some(result) => self.judge.value(result),
                    None => Value::plain(Label::default()),
                };
                self.judge.names.insert(item.id, Value::list(count, result).decided(&guards));
            }
            // What a called flow returns is told to its caller alone.
            What::Return(..) if self.caller.is_some() => {}
            What::Return(value, guarded) => {
                let value = self.tell(item.id, "the output", value);
                if *guarded {
                    done.ends.union(&value);
                    self.misfit_of(item.id, value);
                }
            }
        }
    }

    /// Another flow, walked where it is called: its inputs are what it is given there.
    fn call(
        &mut self,
        node: &'a str,
        callee: &Called<'a>,
        mut given: BTreeMap<&'a str, Value<'a>>,
        guards: &Bits,
        repeated: bool,
        done: &mut Done<'a>,
    ) -> Value<'a> {
        let mut names = BTreeMap::new();
        for input in &callee.inputs {
            let mut value = given.remove(input.name).unwrap_or_else(|| Value::plain(Label::default()));
            if !input.classified.is_empty() {
                let origin = Origin::Given { flow: callee.name, input: input.name };
                self.judge.sources.give(origin, &input.classified);
                value = Value::both(value, self.judge.source(origin, Vec::new(), Label::default()));
            }
            names.insert(input.name, value);
        }
        let names = std::mem::replace(&mut self.judge.names, names);
        let answers = std::mem::take(&mut self.judge.answers);
        let functions = std::mem::replace(&mut self.judge.functions, callee.functions);
        let caller = self.caller.replace(self.caller.unwrap_or(node));
        let called = self.called.replace(callee.name);
        let outside = self.prefix.len();
        self.prefix.push_str(&format!("{node}/"));
        done.body = self.block(&callee.body, guards, repeated);
        self.prefix.truncate(outside);
        done.body.iter().for_each(|inner| done.ends.union(&inner.ends));
        let mut results = callee.body.iter().filter_map(|item| match item.what {
            What::Return(value, guarded) => Some((value, guarded)),
            _ => None,
        });
        let result = results.next_back().map(|(value, guarded)| {
            let value = self.judge.value(value);
            if guarded {
                done.ends.union(&value.whole().all());
            }
            value
        });
        done.ends.union(&std::mem::take(&mut self.judge.fails));
        self.order(&done.body);
        (self.caller, self.called) = (caller, called);
        self.judge.functions = functions;
        self.judge.names = names;
        self.judge.answers = answers;
        result.unwrap_or_else(|| Value::plain(Label::default()))
    }

    /// What is read back stands for the answer, and decides whether the step was done or the run ends.
    fn read_back(
        &mut self,
        node: &'a str,
        read: &Sent<'a>,
        when: &'a Expr,
        answer: Value<'a>,
        guards: &mut Bits,
        repeated: bool,
        done: &mut Done<'a>,
    ) {
        self.judge.names.remove(node);
        done.calls.push(self.send(read, guards.clone(), repeated, &mut done.ends));
        let origin = Origin::Answer { api: read.api, operation: read.operation };
        let label = Label { data: Bits::default(), control: guards.clone() };
        let found = self.judge.source(origin, Vec::new(), label);
        self.judge.names.insert(node, found.clone());
        guards.union(&self.judge.value(when).whole().all());
        done.ends.union(guards);
        self.judge.names.insert(node, Value::both(answer, found).decided(guards));
    }

    /// What decides whether it can be written.
    fn undo(&mut self, undo: Option<&Sent<'a>>, guards: Bits, repeated: bool, done: &mut Done<'a>) -> Bits {
        let Some(undo) = undo else { return Bits::default() };
        self.judge.fails = Bits::default();
        // One that can't be written is not sent, and ends nothing.
        let mut misfits = Bits::default();
        let at = self.send(undo, guards, repeated, &mut misfits);
        let mut unwritten = std::mem::take(&mut self.judge.fails);
        self.hangs_on(at, &unwritten);
        done.undos.push(at);
        unwritten.union(&misfits);
        unwritten
    }

    fn guarded(&mut self, guard: Option<&'a Expr>, guards: &Bits) -> Bits {
        let mut guards = guards.clone();
        if let Some(guard) = guard {
            guards.union(&self.judge.value(guard).whole().all());
        }
        guards
    }

    fn send(&mut self, call: &Sent<'a>, guards: Bits, repeated: bool, ends: &mut Bits) -> usize {
        self.judge.sources.meet(call);
        let mut parts = Vec::new();
        for (place, value) in &call.parts {
            let value = self.judge.value(value);
            // Two iterations with one key end the run, as does a value that turns out not to fit.
            match call.guarded.get(place) {
                Some(Guarded::Members(members)) => {
                    for (name, words) in members {
                        let by = self.judge.member(&value, name).whole().all();
                        ends.union(&by);
                        self.misfit(&call.subject, words, by);
                    }
                }
                Some(Guarded::Whole(words)) => {
                    let by = value.whole().all();
                    ends.union(&by);
                    self.misfit(&call.subject, words, by);
                }
                None if repeated && place == "key" => ends.union(&value.whole().all()),
                None => {}
            }
            value.each_part(place, &mut |place, label| parts.push((place.to_owned(), label.clone())));
        }
        self.sendings.push(Sending {
            subject: call.subject.clone(),
            call: Some((call.api, call.operation)),
            parts,
            guards,
            endings: Vec::new(),
        });
        self.sendings.len() - 1
    }

    /// Remembers a value that may turn out not to fit, to say which it was that decided.
    fn misfit(&mut self, subject: &str, words: &str, by: Bits) {
        let by = by.common(&self.judge.sources.sensitive);
        if !by.is_empty() {
            let (within, subject) = (self.within.clone(), subject.to_owned());
            self.misfits.push(Misfit { within, subject, words: words.to_owned(), by });
        }
    }

    /// As [`Walk::misfit`], of a node that is no call: of a called flow the calling node is told without.
    fn misfit_of(&mut self, node: &str, by: Bits) {
        if self.caller.is_none() {
            self.misfit(node, "", by);
        }
    }

    /// More that decides whether a call is made.
    fn hangs_on(&mut self, at: usize, guards: &Bits) {
        if let Some(sending) = self.sendings.get_mut(at) {
            sending.guards.union(guards);
        }
    }

    /// The run ends with it, whether or not it can be written.
    fn message(&mut self, node: &'a str, what: &str, value: &'a Expr) {
        let fails = self.judge.fails.clone();
        self.tell(node, what, value);
        self.judge.fails = fails;
    }

    /// A message or the outputs: what they hold counts, not that they are there, for the run is the operator's own.
    /// Outputs that can't be written end a run that would have succeeded.
    /// What is in them and what decided about them.
    fn tell(&mut self, node: &'a str, what: &str, value: &'a Expr) -> Bits {
        let value = self.judge.value(value);
        let mut parts = Vec::new();
        value.each_part(what, &mut |place, label| parts.push((place.to_owned(), label.clone())));
        self.sendings.push(Sending {
            subject: format!("{}{node}", self.prefix),
            call: None,
            parts,
            guards: Bits::default(),
            endings: Vec::new(),
        });
        value.whole().all()
    }
}
