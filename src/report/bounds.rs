//! Tables of what a run comes to at most, and of what is undone when it fails.

use std::fmt::Write as _;

use super::shown::harmless_line;
use crate::base::length;
use crate::plan::{Bounds, Failure, Phase};

/// Nodes of the longest path that are named.
const NAMED: usize = 12;

/// P9 as a table: calls, requests, time and records, by direction and counterparty.
pub fn bounds(bounds: &Bounds) -> String {
    let mut rows =
        vec![["at most".into(), "calls".into(), "attempts".into(), "time".into(), "leaves".into()]];
    phase("steps", &bounds.steps, &mut rows);
    if bounds.undos.calls > 0 {
        phase("undos, after a failure", &bounds.undos, &mut rows);
    }
    let mut text = format!("{}\n", harmless_line(&bounds.flow));
    table(&rows, &mut text);
    let named: Vec<String> = bounds.longest_path.iter().take(NAMED).map(|id| harmless_line(id)).collect();
    let more = if bounds.longest_path.len() > NAMED { ", …" } else { "" };
    if !named.is_empty() {
        let _ = writeln!(text, "  longest path: {}{more}", named.join(", "));
        let single = rough(bounds.single_ms);
        let _ = writeln!(text, "  one attempt of each call on it, as slow as its timeout allows: {single}");
    }
    for paced in &bounds.rates {
        let (api, per, least) =
            (harmless_line(&paced.apis.join(", ")), length(paced.rate.per_ms), rough(paced.least_ms));
        let (rate, asked) = (paced.rate.requests, paced.requests);
        let _ = writeln!(
            text,
            "  rate of {api}, {rate} per {per}: the last of {asked} requests begins {least} after the first"
        );
    }
    let deadline = rough(bounds.deadline_ms);
    let within = bounds.steps.wall_clock_ms <= bounds.deadline_ms;
    let words = match (within, bounds.reads_on) {
        (true, _) => "everything above has its time",
        (false, false) => "no attempt begins after it, so the steps end before their worst case",
        (false, true) => {
            "no attempt begins after it but those by which a `reconcile` reads an unknown outcome back"
        }
    };
    let _ = writeln!(text, "  deadline {deadline}: {words}");
    text
}

fn phase(name: &str, phase: &Phase, rows: &mut Vec<[String; 5]>) {
    let (calls, attempts) = (phase.calls.to_string(), phase.attempts.to_string());
    rows.push([name.to_owned(), calls, attempts, rough(phase.wall_clock_ms), phase.leaves.to_string()]);
    for load in &phase.counterparties {
        let apis: Vec<String> = load.apis.iter().map(|api| harmless_line(api)).collect();
        let name = format!("  {} {}", apis.join(", "), harmless_line(&load.counterparty));
        rows.push([name, load.calls.to_string(), load.attempts.to_string(), String::new(), String::new()]);
    }
}

fn table(rows: &[[String; 5]], text: &mut String) {
    let width = |at: usize| {
        rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    for row in rows {
        let mut line = String::from(" ");
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match at {
                0 => write!(line, " {cell:width$}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// P8 in words: of a node that can fail, what is undone and what stays.
pub fn failure(failure: &Failure) -> String {
    let mut text = String::new();
    let node = harmless_line(&failure.node);
    let _ = writeln!(text, "  line {}: `{node}` fails ({})", failure.line, failure.how);
    for (at, undoing) in failure.undone.iter().enumerate() {
        let mut notes = Vec::new();
        notes.extend(undoing.repeated.then_some("each iteration that was completed, the newest first"));
        notes.extend((!undoing.certain).then_some("if it happened"));
        let notes = if notes.is_empty() { String::new() } else { format!(", {}", notes.join(", ")) };
        let effects: Vec<String> = undoing.answers_for.iter().map(|effect| harmless_line(effect)).collect();
        let effects = match effects.is_empty() {
            true => String::new(),
            false => format!(", which has to take back {}", effects.join(" and ")),
        };
        let (step, undo) = (harmless_line(&undoing.step), harmless_line(&undoing.undo));
        let _ = writeln!(text, "    undone {}. `{step}` by {undo}{effects}{notes}", at + 1);
    }
    for stand in &failure.stays {
        let why = match stand.because {
            "irreversible" => "it is irreversible",
            "no_undo" => "it has no undo",
            _ => continue,
        };
        let _ = writeln!(text, "    stays     `{}` where it happened: {why}", harmless_line(&stand.step));
    }
    let unmade = failure.stays.iter().filter(|stand| stand.because == "undo_unmade");
    let unmade: Vec<&str> = unmade.map(|stand| stand.step.as_str()).collect();
    if !unmade.is_empty() {
        let named = names(&unmade);
        let _ = writeln!(
            text,
            "    stays     {named} where its undo can't be made of the values that came: the run is stuck then"
        );
    }
    if let Some(doubt) = &failure.in_doubt {
        let of: Vec<&str> = doubt.of.iter().map(String::as_str).collect();
        let named = names(&of);
        let _ = writeln!(
            text,
            "    in doubt  where the outcome of {named} is unknown: nothing is undone, and all that was done stays"
        );
    }
    if failure.undone.is_empty() && failure.stays.is_empty() {
        let _ = writeln!(text, "    nothing has happened that could be undone");
    }
    text
}

/// Names in back-ticks, any one of which is meant.
fn names(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().map(|name| format!("`{}`", harmless_line(name))).collect();
    match shown.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => shown.concat(),
    }
}

/// The two largest units of a length of time.
fn rough(milliseconds: u64) -> String {
    const UNITS: [u64; 4] = [86_400_000, 3_600_000, 60_000, 1_000];
    let largest = UNITS.iter().position(|unit| milliseconds >= *unit);
    let unit = largest.map_or(1, |at| UNITS.get(at + 1).copied().unwrap_or(1));
    length(milliseconds - milliseconds % unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_says_what_it_does_not_end() {
        let told = |wall_clock_ms, reads_on| {
            let flow = Bounds {
                flow: "f".into(),
                deadline_ms: 5_000,
                longest_path: Vec::new(),
                single_ms: 0,
                rates: Vec::new(),
                reads_on,
                steps: Phase { wall_clock_ms, ..Phase::default() },
                undos: Phase::default(),
            };
            bounds(&flow).lines().last().map(str::to_owned).unwrap()
        };
        assert_eq!(told(5_000, true), "  deadline 5s: everything above has its time");
        assert!(told(5_001, false).contains("so the steps end before their worst case"));
        assert!(told(5_001, true).contains("but those by which a `reconcile` reads an unknown outcome back"));
    }

    #[test]
    fn lengths_are_told_in_their_two_largest_units() {
        for (milliseconds, written) in
            [(0, "0ms"), (1_500, "1s500ms"), (93_784_000, "1d2h"), (5_459_999, "1h30m"), (60_000, "1m")]
        {
            assert_eq!(rough(milliseconds), written);
        }
    }
}
