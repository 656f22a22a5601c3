//! Brackets: which close which, which are never closed, and how deep a text nests.

use super::super::characters::closer;
use super::{Frame, Scanner, TokenKind};
use crate::base::limits;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::syntax as codes;
use crate::source::Span;

impl Scanner<'_> {
    pub(super) fn open_ifs(&mut self) -> &mut usize {
        match self.frames.last_mut() {
            Some(Frame::Bracket(_, _, ifs)) => ifs,
            _ => &mut self.outer_ifs,
        }
    }

    pub(super) fn reset_ifs(&mut self) {
        let open = std::mem::take(self.open_ifs());
        self.ifs = self.ifs.saturating_sub(open);
    }

    pub(super) fn open(&mut self, sign: char) {
        let start = self.at;
        self.frames.push(Frame::Bracket(start, sign, 0));
        self.at += 1;
        self.check_depth(start);
    }

    pub(super) fn check_depth(&mut self, at: usize) {
        if self.frames.len() + self.ifs > limits::SYNTAX_DEPTH && !self.scan.too_deep {
            self.scan.too_deep = true;
            let message = format!("nested more than {} levels deep", limits::SYNTAX_DEPTH);
            let found = Diagnostic::new(&codes::TOO_DEEP, self.span(at, at + 1), message)
                .help("give parts of it names with `let`");
            self.report(found);
        }
    }

    pub(super) fn pop_bracket(&mut self) -> Option<(usize, char)> {
        self.reset_ifs();
        match self.frames.pop() {
            Some(Frame::Bracket(start, sign, _)) => Some((start, sign)),
            _ => None,
        }
    }

    pub(super) fn close(&mut self, sign: char, start: usize) {
        let opener = match sign {
            '}' => '{',
            ')' => '(',
            _ => '[',
        };
        self.at += 1;
        let floor = self
            .frames
            .iter()
            .rposition(|frame| matches!(frame, Frame::String(..)))
            .map_or(0, |index| index + 1);
        let partner = self
            .frames
            .iter()
            .rposition(|frame| matches!(frame, Frame::Bracket(_, open, _) if *open == opener));
        match partner.filter(|index| *index >= floor) {
            Some(index) => {
                while self.frames.len() > index + 1 {
                    if let Some((open, unclosed)) = self.pop_bracket() {
                        self.unclosed(open, unclosed, Some(self.span(start, start + 1)));
                    }
                }
                self.pop_bracket();
            }
            None => {
                let message = format!("`{sign}` closes nothing");
                let found = Diagnostic::new(&codes::UNBALANCED, self.span(start, start + 1), message)
                    .help(format!("remove it, or add the missing `{opener}` before"));
                self.report(found);
            }
        }
        self.push(TokenKind::Sign(sign), start, start + 1);
    }

    pub(super) fn unclosed(&mut self, start: usize, sign: char, before: Option<Span>) {
        if let Some(left) = self.swallowed.get_mut(&closer(sign)).filter(|left| **left > 0) {
            *left -= 1;
            self.scan.faults.push(start);
            return;
        }
        let message = format!("`{sign}` is never closed");
        let mut found = Diagnostic::new(&codes::UNBALANCED, self.span(start, start + 1), message)
            .help(format!("add the missing `{}`", closer(sign)));
        if let Some(before) = before {
            found = found.and(before, "it should be closed before this");
        }
        self.report(found);
    }
}
