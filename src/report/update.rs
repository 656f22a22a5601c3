//! What a changed document means for a flow, as `eczflow pin --update` tells it.

use std::fmt::Write as _;

use super::pages::obligation_of;
use super::shown::harmless_line;
use crate::compile::{Fall, PinState, Standing, Update};

/// Operation by operation: how it stands, what changed, what falls.
pub fn update(update: &Update) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = (|| -> std::fmt::Result {
        for (name, api) in &update.apis {
            let changed = api.from != Some(api.to);
            let hashes = match api.from {
                Some(from) if changed => format!("{from} -> {}", api.to),
                Some(_) => format!("{} unchanged", api.to),
                None => format!("{} new", api.to),
            };
            writeln!(out, "{}  {hashes}", harmless_line(name))?;
            if api.identity_changed {
                writeln!(
                    out,
                    "  x-ecz-id changed: breaks P4 and P5 at every call; make sure with its publisher who answers"
                )?;
            }
            if let Some((PinState::Changed, digest)) = update.pinned.statements.get(name) {
                writeln!(
                    out,
                    "  its statement about idempotency is another one, {digest}: read what it says now"
                )?;
            }
            let operations = api.operations.iter().map(|(key, part)| (harmless_line(key), part));
            let schemas =
                api.schemas.iter().map(|(name, part)| (format!("schema {}", harmless_line(name)), part));
            for (name, part) in operations.chain(schemas) {
                let standing = match part.standing {
                    Standing::Untouched => "untouched",
                    Standing::Compatible if part.words_only => "compatible: only words changed",
                    Standing::Compatible if part.changes.is_empty() => {
                        "compatible: changed in more than words, in a part that is not compared field by field"
                    }
                    Standing::Compatible => "compatible",
                    Standing::New => "not locked yet",
                    Standing::Breaks => "breaks",
                };
                writeln!(out, "  {name}  {standing}")?;
                for change in &part.changes {
                    let place = harmless_line(&change.place);
                    let place = if place.is_empty() { place } else { format!("{place}: ") };
                    let bearing = match (change.breaks, change.used) {
                        ("", true) => " (used)".to_owned(),
                        // What a flow uses that does not hold any more is not made out to the last.
                        ("", false) if part.standing == Standing::Breaks => String::new(),
                        ("", false) => " (not used)".to_owned(),
                        (breaks, _) => format!(" (breaks {breaks} at every call)"),
                    };
                    writeln!(out, "    {place}{}{bearing}", harmless_line(&change.what))?;
                }
                for fall in &part.falls {
                    writeln!(out, "    {}", told(fall))?;
                }
            }
        }
        for fall in &update.elsewhere {
            writeln!(out, "{}", told(fall))?;
        }
        Ok(())
    })();
    out
}

/// `breaks P3 at line 40: …`.
fn told(fall: &Fall) -> String {
    let Fall { line, code, message } = fall;
    let what =
        obligation_of(code).map_or("does not hold".to_owned(), |obligation| format!("breaks {obligation}"));
    format!("{what} at line {line}: {} [{code}]", harmless_line(message))
}
