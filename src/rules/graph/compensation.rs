//! P8: every effect that a failure can follow has an undo, or is irreversible and comes after everything that can fail.

use std::collections::BTreeMap;

use crate::diagnostics::codes::graph::{EMPTY_IRREVERSIBLE, IRREVERSIBLE_NOT_LAST, MISSING_UNDO};
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{Call, Node, NodeKind};
use crate::plan::{Failing, Following, Undoes, uncovered, undoes};
use crate::rules::outline::outline;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule {
    name: "graph/compensation",
    codes: &[&MISSING_UNDO, &IRREVERSIBLE_NOT_LAST, &EMPTY_IRREVERSIBLE],
    check,
};

/// What helps where only what is returned can fail.
const RETURNED: &str = "give it an `undo`, or compute what is returned before it: in a `let` that `after all` follows, decimals with `round(x, places)`";

fn check(context: &Context<'_>, sink: &mut Sink) {
    let mut nodes: BTreeMap<&str, &Node> = BTreeMap::new();
    context.hir.flow.body.each_node(&mut |node, _| {
        nodes.insert(&node.id, node);
        said(node, sink);
    });
    for found in uncovered(&outline(context)) {
        let (Some(effect), Some(follower)) = (nodes.get(found.effect), nodes.get(found.follower)) else {
            continue;
        };
        let after = match found.how {
            Following::Iteration => After::Round,
            Following::Node(_) if follower.needs().contains(&effect.id) => After::Reading,
            Following::Node(Failing::Result | Failing::Digits) => After::Returning,
            _ => After::Beside,
        };
        let place = words(found.how, follower, effect, after);
        let calls_flow = matches!(effect.kind, NodeKind::SubFlow(_));
        let diagnostic = match effect.irreversible() {
            Some((_, span)) => {
                let message = format!(
                    "`{}` is irreversible, but something that can fail is not done before it",
                    effect.id
                );
                Diagnostic::new(&IRREVERSIBLE_NOT_LAST, *span, message).and(follower.span, place).help(
                    match after {
                        After::Beside => {
                            "order everything that can fail before it with `after all`, or give it an `undo`"
                        }
                        After::Reading => "give it an `undo`, or do without what reads it and can fail",
                        After::Returning => RETURNED,
                        After::Round => "give it an `undo`, or do it once outside the loop",
                    },
                )
            }
            None => {
                let message = format!("`{}` has an effect but no `undo`", effect.id);
                Diagnostic::new(&MISSING_UNDO, effect.span, message)
                    .and(follower.span, place)
                    .note("when the run fails later, what it did would stay")
                    .help(match after {
                        After::Beside => "add `undo api.operation(…)`, or order everything that can fail before it and say `irreversible because \"…\"`",
                        After::Reading => "add `undo api.operation(…)`, or do without what reads it and can fail",
                        After::Returning => RETURNED,
                        After::Round => "add `undo api.operation(…)`, or do it once outside the loop",
                    })
            }
        };
        sink.push(if calls_flow { diagnostic.note(TOGETHER) } else { diagnostic });
    }
}

/// How to go on where a call of a flow would have to be undone.
const TOGETHER: &str = "where no one operation takes back all that the called flow did, let it have one effect, or write its steps here";

/// What a step says of how it is undone holds water.
fn said(node: &Node, sink: &mut Sink) {
    let because = node.irreversible().map(|(because, _)| because.as_str());
    let Some(fault) = undoes(node.is_effect(), node.undo().map(Call::is_safe), because) else { return };
    let id = &node.id;
    sink.push(match (fault, node.undo(), node.irreversible()) {
        (Undoes::Reads, Some(undo), _) => {
            let message = format!("the `undo` of `{id}` only reads: it takes nothing back");
            Diagnostic::new(&MISSING_UNDO, undo.span, message)
                .and(node.span, "this is what it would have to take back")
                .note(format!("{} is a safe method: what the step did would stay", undo.view.method))
                .help("name the operation that takes it back")
        }
        (Undoes::NoReason, _, Some((_, span))) => {
            let message = format!("nothing says why `{id}` is irreversible");
            Diagnostic::new(&EMPTY_IRREVERSIBLE, *span, message)
                .note("the proof lists the reason, for whoever reads it later")
                .help("write why what was done cannot be taken back")
        }
        (_, _, Some((_, span))) => {
            let message = format!("`{id}` is irreversible, but changes nothing");
            Diagnostic::new(&EMPTY_IRREVERSIBLE, *span, message)
                .note("a call whose method is GET, HEAD, OPTIONS or QUERY leaves nothing to take back")
                .help("remove the clause")
        }
        _ => return,
    });
}

/// How what can fail stands to the effect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// It could come before.
    Beside,
    /// It reads the effect's answer.
    Reading,
    /// It is what the flow returns, which nothing comes after.
    Returning,
    /// It is another round of the effect's own loop.
    Round,
}

fn words(how: Following, follower: &Node, effect: &Node, after: After) -> String {
    let why = match how {
        Following::Iteration => return "another iteration of the loop can fail after it".to_owned(),
        Following::Yield => "what the loop yields can fail".to_owned(),
        Following::Node(Failing::Call) => format!("`{}` can fail", follower.id),
        Following::Node(Failing::Ensure) => "this `ensure` can fail".into(),
        Following::Node(Failing::Fail) => "this `fail` can end the run".into(),
        Following::Node(Failing::Late) => "the deadline can come while this waits".into(),
        Following::Node(Failing::TooLong) => "the list can be longer than `at most`".into(),
        Following::Node(Failing::Value) => format!("computing `{}` can fail", follower.id),
        Following::Node(Failing::Result) => "computing what is returned can fail".into(),
        Following::Node(Failing::Digits) => {
            "what is returned may hold a decimal of more digits than a JSON number keeps, which fails".into()
        }
    };
    match after {
        After::Reading => format!("{why}; it reads `{}` and so comes after it", effect.id),
        _ => format!("{why} after it, or at the same time"),
    }
}
