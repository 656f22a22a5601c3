//! The way that data takes through a flow's names, for people who read a finding.

use std::collections::{BTreeMap, VecDeque};

use super::subject::{Item, What};
use super::{Analysis, Origin, Way};
use crate::expr::Expr;
use crate::plan::free_names;

impl<'a> Analysis<'_, 'a> {
    /// The names from the source to the node, both left out where they say nothing new; empty where there are none.
    pub(super) fn through(&self, subject: &str, way: Way<'a>, number: usize) -> Vec<String> {
        let mut index = BTreeMap::new();
        collect(&self.subject.body, &mut Vec::new(), &mut index);
        let node = subject.strip_suffix("/undo").unwrap_or(subject);
        let start = if let Way::Ends(node) = way { node } else { node };
        let mut before: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut open: VecDeque<String> = VecDeque::new();
        let follow = |from: Option<&str>,
                      names: Vec<String>,
                      before: &mut BTreeMap<String, Option<String>>,
                      open: &mut VecDeque<String>| {
            for name in names {
                let holds = self.label(&name).is_some_and(|label| label.data.has(number) || label.control.has(number));
                if holds && !before.contains_key(&name) {
                    before.insert(name.clone(), from.map(str::to_owned));
                    open.push_back(name);
                }
            }
        };
        follow(None, index.get(start).map(needs).unwrap_or_default(), &mut before, &mut open);
        let mut last = None;
        while let Some(name) = open.pop_front() {
            last = Some(name.clone());
            if self.begins(&name, index.get(name.as_str()), number) {
                break;
            }
            follow(Some(&name), index.get(name.as_str()).map(needs).unwrap_or_default(), &mut before, &mut open);
        }
        let mut through = Vec::new();
        while let Some(name) = last {
            last = before.get(&name).cloned().flatten();
            through.push(name);
        }
        if let Way::Ends(node) = way {
            through.push(node.to_owned());
        }
        through
    }

    /// Whether a name is where the source comes from.
    fn begins(&self, name: &str, entry: Option<&Entry<'_>>, number: usize) -> bool {
        let Some(source) = self.walked.judge.sources.all.get(number) else { return true };
        match source.origin {
            Origin::Input(input) => input == name,
            Origin::Released(node) => node == name,
            Origin::Answer { api, operation } => entry.is_some_and(|entry| entry.call == Some((api, operation))),
        }
    }
}

/// What a name is made of.
struct Entry<'a> {
    expressions: Vec<&'a Expr>,
    call: Option<(&'a str, &'a str)>,
}

fn needs(entry: &Entry<'_>) -> Vec<String> {
    let mut names: Vec<String> = entry.expressions.iter().flat_map(|expression| free_names(expression)).collect();
    names.sort();
    names.dedup();
    names
}

/// `around`: guards and lists of the loops that a block stands in.
fn collect<'a>(items: &[Item<'a>], around: &mut Vec<&'a Expr>, index: &mut BTreeMap<&'a str, Entry<'a>>) {
    for item in items {
        let mut expressions = around.clone();
        let mut called = None;
        match &item.what {
            What::Step { call, guard, on, undo } => {
                called = Some((call.api, call.operation));
                expressions.extend(guard.iter().chain(on));
                let parts = call.parts.iter().chain(undo.iter().flat_map(|undo| &undo.parts));
                expressions.extend(parts.map(|(_, value)| *value));
            }
            What::Let(value, _) | What::Return(value) => expressions.push(value),
            What::Barrier { condition, message } => {
                expressions.extend(condition);
                expressions.push(message);
            }
            What::For { variable, list, guard, body, result } => {
                expressions.extend(guard.iter().chain([list]));
                let count = around.len();
                around.extend(guard.iter().chain([list]));
                collect(body, around, index);
                around.truncate(count);
                index.insert(variable, Entry { expressions: vec![list], call: None });
                expressions.extend(result);
            }
        }
        index.insert(item.id, Entry { expressions, call: called });
    }
}
