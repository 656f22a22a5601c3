//! The table of `eczflow runs`.

use comfy_table::{Table, presets};

use super::shown::harmless_line;
use crate::store::RunSummary;

/// One line a run: id, flow, status, when it began, its records and its audit root.
pub fn runs(runs: &[RunSummary]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["RUN", "FLOW", "STATUS", "STARTED", "RECORDS", "AUDIT ROOT"]);
    for run in runs {
        table.add_row([
            harmless_line(&run.run),
            harmless_line(&run.flow),
            harmless_line(&run.status),
            run.started.to_string(),
            run.size.to_string(),
            run.root.hex(),
        ]);
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
        let shown = runs(&[run]);
        let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["RUN", "FLOW", "STATUS", "STARTED", "RECORDS", "AUDIT", "ROOT"]);
        assert_eq!(lines[1][..5], ["0123", "refund_ticket", "succeeded", "1970-01-01T00:00:00.000Z", "31"]);
        assert_eq!(lines[1][5], "ab".repeat(32));
    }
}
