//! Who receives which fields of whose, as tables.

use std::fmt::Write as _;

use comfy_table::{Table, presets};

use super::shown::harmless_line;
use crate::plan::Received;

/// A table for each organisation that receives something; `rows` are sorted by it.
pub fn egress(rows: &[Received]) -> String {
    let mut text = String::new();
    for of_one in rows.chunk_by(|a, b| a.to == b.to) {
        let Some(first) = of_one.first() else { continue };
        let _ = writeln!(text, "{} receives", harmless_line(&first.to));
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["FIELD", "OF", "CLASS", "BY CALL", "AS", "HOW"]);
        for row in of_one {
            let field = match row.field.as_str() {
                "" => row.source.clone(),
                field => format!("{}: {field}", row.source),
            };
            let class = match &row.released {
                Some(node) => format!("{}, released by {node}", row.class.as_str()),
                None => row.class.as_str().to_owned(),
            };
            let cells = [&field, &row.of, &class, &row.call, &row.place].map(|cell| harmless_line(cell));
            table.add_row(cells.into_iter().chain([row.how.as_str().to_owned()]));
        }
        for line in table.lines() {
            let _ = writeln!(text, " {}", line.trim_end());
        }
        text.push('\n');
    }
    let _ = writeln!(text, "rows {}", rows.len());
    text
}
