//! The table of `eczflow runs`.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};

use super::shown::harmless_line;
use crate::store::RunSummary;

/// One line a run: id, flow, status, when it began, its records and its audit root; where flows called flows, the run that
/// called.
pub fn runs(runs: &[RunSummary], parents: &BTreeMap<String, String>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut header = vec!["RUN", "FLOW", "STATUS", "STARTED", "RECORDS", "AUDIT ROOT"];
    if !parents.is_empty() {
        header.push("CALLED BY");
    }
    table.set_header(header);
    for run in runs {
        let mut row = vec![
            harmless_line(&run.run),
            harmless_line(&run.flow),
            harmless_line(&run.status),
            run.started.to_string(),
            run.size.to_string(),
            run.root.hex(),
        ];
        row.extend(parents.get(&run.run).map(|parent| harmless_line(parent)));
        table.add_row(row);
    }
    let lines = table.lines().map(|line| line.trim().to_owned() + "\n");
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, Timestamp};

    #[test]
    fn runs_are_listed_in_columns() {
        let run = RunSummary {
            run: "0123".into(),
            flow: "refund_ticket".into(),
            plan: Digest::of("plan"),
            status: "succeeded".into(),
            started: Timestamp(0),
            finished: None,
            size: 31,
            root: Digest([0xab; 32]),
        };
        let called = RunSummary { run: "4567".into(), ..run.clone() };
        let parents = BTreeMap::from([("4567".to_owned(), "0123".to_owned())]);
        let both = runs(&[run.clone(), called], &parents);
        let lines: Vec<&str> = both.lines().collect();
        assert!(lines[0].ends_with("CALLED BY") && lines[2].ends_with(" 0123"), "{both}");
        let shown = runs(&[run], &BTreeMap::new());
        let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["RUN", "FLOW", "STATUS", "STARTED", "RECORDS", "AUDIT", "ROOT"]);
        assert_eq!(lines[1][..5], ["0123", "refund_ticket", "succeeded", "1970-01-01T00:00:00.000Z", "31"]);
        assert_eq!(lines[1][5], "ab".repeat(32));
    }
}
