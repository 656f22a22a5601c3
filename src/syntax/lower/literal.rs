//! Numbers, lengths of time, sizes, strings.

use crate::diagnostics::codes::syntax as codes;
use crate::syntax::ast::{Count, Millis, Percent, Spanned, Text};
use crate::syntax::grammar::{Node, Rule};

use super::{Lower, child};

impl Lower<'_> {
    pub(super) fn millis_in(&mut self, node: Node<'_>) -> Option<Millis> {
        child(node, Rule::duration).map(|length| self.millis(length))
    }

    pub(super) fn count_in(&mut self, node: Node<'_>) -> Option<Count> {
        child(node, Rule::integer).map(|number| self.count(number))
    }

    /// `1h30m`, in milliseconds. Too large a length is reported and read as zero.
    pub(super) fn millis(&mut self, node: Node<'_>) -> Millis {
        let span = self.span(&node);
        let value = milliseconds(node.as_str());
        if value.is_none() {
            self.report(
                &codes::BAD_LITERAL,
                span,
                "this length of time is too large",
                "the longest is 36500d",
            );
        }
        Spanned { value: value.unwrap_or(0), span }
    }

    pub(super) fn count(&mut self, node: Node<'_>) -> Count {
        let span = self.span(&node);
        let value = node.as_str().parse().ok().filter(|value| i64::try_from(*value).is_ok_and(is_safe));
        if value.is_none() {
            self.report(
                &codes::BAD_LITERAL,
                span,
                "this number is too large",
                "whole numbers end at 9007199254740991",
            );
        }
        Spanned { value: value.unwrap_or(0), span }
    }

    pub(super) fn bytes(&mut self, node: Node<'_>) -> Spanned<u64> {
        let span = self.span(&node);
        let (digits, unit) = split_unit(node.as_str());
        let factor: u64 = match unit {
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => 1,
        };
        let value = digits.parse().ok().and_then(|number: u64| number.checked_mul(factor));
        let value = value.filter(|value| i64::try_from(*value).is_ok_and(is_safe));
        if value.is_none() {
            self.report(&codes::BAD_LITERAL, span, "this size is too large", "no answer is that long");
        }
        Spanned { value: value.unwrap_or(0), span }
    }

    pub(super) fn percent(&mut self, node: Node<'_>) -> Percent {
        let span = self.span(&node);
        let value =
            node.as_str().trim_end_matches('%').parse().ok().filter(|value| (1..=100).contains(value));
        if value.is_none() {
            self.report(
                &codes::BAD_LITERAL,
                span,
                "a share is 1% to 100%",
                "write a percentage in that range",
            );
        }
        Spanned { value: value.unwrap_or(100), span }
    }

    pub(super) fn status(&mut self, node: Node<'_>) -> Spanned<u16> {
        let span = self.span(&node);
        let value = node.as_str().parse().ok().filter(|value| (100..=599).contains(value));
        if value.is_none() {
            let message = format!("`{}` is no HTTP status", node.as_str());
            self.report(&codes::BAD_LITERAL, span, message, "statuses are 100 to 599");
        }
        Spanned { value: value.unwrap_or(0), span }
    }

    /// A whole number in an expression; beyond ±(2^53 − 1) it is reported and read as zero.
    pub(super) fn integer(&mut self, node: &Node<'_>) -> i64 {
        let value = node.as_str().parse().ok().filter(|value| is_safe(*value));
        if value.is_none() {
            let span = self.span(node);
            self.report(
                &codes::BAD_LITERAL,
                span,
                "this number is too large",
                "whole numbers end at 9007199254740991; write digits that are no quantity as a string",
            );
        }
        value.unwrap_or(0)
    }

    /// A string where no interpolation can stand.
    pub(super) fn text(&mut self, node: Node<'_>) -> Option<Text> {
        let span = self.span(&node);
        let mut value = String::new();
        for part in node.into_inner() {
            match part.as_rule() {
                Rule::string_text | Rule::plain_text => value.push_str(part.as_str()),
                Rule::escape => self.escape(&part, &mut value),
                Rule::hole => {
                    let at = self.span(&part);
                    self.report(
                        &codes::BAD_LITERAL,
                        at,
                        "this string is read before any run: it can hold no expression",
                        "write `\\{` for the sign itself",
                    );
                }
                _ => {}
            }
        }
        Some(Spanned { value, span })
    }

    pub(super) fn escape(&mut self, node: &Node<'_>, text: &mut String) {
        let escaped = node.as_str().get(1..).unwrap_or("");
        let value = match escaped {
            "n" => Some('\n'),
            "r" => Some('\r'),
            "t" => Some('\t'),
            "\"" | "\\" | "{" | "}" => escaped.chars().next(),
            _ => {
                let digits = escaped.trim_start_matches("u{").trim_end_matches('}');
                u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
            }
        };
        match value {
            Some(value) => text.push(value),
            None => {
                let span = self.span(node);
                self.report(
                    &codes::BAD_LITERAL,
                    span,
                    "this escape names no character",
                    "`\\u{…}` holds the hex number of a Unicode character",
                );
            }
        }
    }
}

fn is_safe(value: i64) -> bool {
    value.unsigned_abs() <= crate::base::limits::MAX_SAFE_INTEGER.unsigned_abs()
}

/// A hundred years: sums of lengths of time stay far from any overflow.
const LONGEST_MILLIS: u64 = 36_500 * 86_400_000;

fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let (digits, tail) = split_unit(rest);
        let unit_length = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(unit_length)?;
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        sum = sum.checked_add(digits.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = next;
    }
    Some(sum).filter(|sum| *sum <= LONGEST_MILLIS)
}

fn split_unit(text: &str) -> (&str, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(digits).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_add_up_and_end() {
        assert_eq!(milliseconds("26h"), Some(93_600_000));
        assert_eq!(milliseconds("1h30m"), Some(5_400_000));
        assert_eq!(milliseconds("500ms"), Some(500));
        assert_eq!(milliseconds("36500d"), Some(LONGEST_MILLIS));
        assert_eq!(milliseconds("36501d"), None);
        assert_eq!(milliseconds("99999999999999999999s"), None);
    }
}
