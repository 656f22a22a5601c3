//! Values of the kind that their place needs: conditions, messages, lists, moments and lengths of time.

use super::expressions::{Lowering, Typed};
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::types as codes;
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Answer, Type, assignable};

impl Lowering<'_, '_> {
    /// A bool.
    pub(crate) fn condition(&mut self, expression: &ast::Expr) -> Typed {
        let typed = self.lower(expression, Some(&Type::Bool));
        let help = match &typed.ty {
            ty if ty.is_numeric() => Some("compare it with something, as in `x > 0`"),
            Type::String { .. } => Some("compare it with something, as in `x == \"…\"`"),
            Type::List { .. } => Some("say what of it, as in `length(x) > 0`"),
            _ => None,
        };
        self.expect(&typed, &[Type::Bool], "a condition is a bool", help);
        typed
    }

    /// How long to wait, or until when.
    pub(super) fn wait(&mut self, expression: &ast::Expr, until: bool) -> Typed {
        let (wanted, what) = match until {
            true => (Type::Timestamp, "`wait until` needs a timestamp"),
            false => (Type::Duration, "`wait` needs a duration such as `5m`"),
        };
        let typed = self.lower(expression, Some(&wanted));
        let help = match &typed.ty {
            Type::Timestamp => Some("`wait until` takes a moment"),
            Type::Duration => Some("`wait` without `until` takes a length of time"),
            _ => None,
        };
        self.expect(&typed, &[wanted], what, help);
        typed
    }

    /// A string: messages.
    pub(crate) fn message(&mut self, expression: &ast::Expr) -> Typed {
        let typed = self.lower(expression, Some(&Type::string()));
        let help = "write it into a string: `\"… {x}\"`";
        self.expect(&typed, &[Type::string()], "a message is a string", Some(help));
        typed
    }

    /// A list and the type of its items.
    pub(crate) fn items(&mut self, expression: &ast::Expr) -> (Typed, Type) {
        let list = self.lower(expression, None);
        let items = list.ty.items().unwrap_or_else(|| {
            let plain = !matches!(list.ty, Type::Record(_) | Type::Map { .. });
            let help = match plain {
                true => "a list of one item is written `[x]`",
                false => "name a member of it that is a list",
            };
            self.unfit(list.span, &list.ty, "a list is needed here", Some(help));
            Type::Never
        });
        (list, items)
    }

    /// Reports a value of another type than a few.
    pub(super) fn expect(&mut self, typed: &Typed, any_of: &[Type], what: &str, help: Option<&str>) -> bool {
        let fits = typed.ty == Type::Never
            || any_of.iter().any(|ty| matches!(assignable(&typed.ty, ty), Answer::Yes | Answer::Unknown(_)));
        if !fits {
            self.unfit(typed.span, &typed.ty.clone(), what, help);
        }
        fits
    }

    /// Reports a value of a kind that its place does not take, or one that may not be there.
    pub(super) fn unfit(&mut self, span: Span, found: &Type, what: &str, help: Option<&str>) {
        let nothing = *found != found.without_nothing() && *found != Type::Null;
        let diagnostic = if nothing {
            Diagnostic::new(
                &codes::OPTIONAL_NOT_HANDLED,
                span,
                format!("{what}, but this may be absent or null"),
            )
            .at(format!("`{}`", self.declared.type_names().show(found)))
            .help("say what stands for it with `??`")
        } else {
            Diagnostic::new(
                &codes::TYPE_MISMATCH,
                span,
                format!("{what}, but this is `{}`", self.declared.type_names().show(found)),
            )
        };
        self.report(match help {
            Some(help) if !nothing => diagnostic.help(help),
            _ => diagnostic,
        });
    }
}
