//! The picture as a page: the SVG with its legend, and beneath it a table of all handoffs. No scripts, nothing fetched.

use std::fmt::{Result, Write as _};

use super::escaped;
use super::scene::verify;
use super::svg::{description, svg};
use crate::graph::{Drawing, DrawnHandoff, DrawnOperator};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;padding:1.5rem;font:15px/1.5 ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;\
background:#fff;color:#1f2328}\
.picture{overflow-x:auto}.picture svg{display:block}\
h2{font-size:1.1rem;margin:1.5rem 0 .5rem}.wide{overflow-x:auto}\
table{border-collapse:collapse;font-size:14px}th,td{text-align:left;vertical-align:top;padding:.35rem .9rem .35rem 0;\
border-bottom:1px solid #c8d1da}td code{white-space:nowrap}code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:13px}\
.unverified{color:#8a5300;font-weight:600}.handoff{color:#0550ae;font-weight:600}\
@media (prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}th,td{border-color:#3d444d}\
.unverified{color:#e0a840}.handoff{color:#6cb6ff}}";

/// A page of one or several flows.
pub fn html(drawings: &[Drawing]) -> String {
    let names: Vec<&str> = drawings.iter().map(|drawing| drawing.flow.as_str()).collect();
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = (|| -> Result {
        writeln!(out, "<!doctype html>")?;
        writeln!(out, "<html lang=\"en\"><head><meta charset=\"utf-8\">")?;
        writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
        writeln!(out, "<title>{}</title>", escaped(&names.join(", ")))?;
        writeln!(out, "<style>{STYLE}</style></head><body>")?;
        writeln!(out, "<div class=\"picture\">\n{}</div>", svg(drawings))?;
        for drawing in drawings {
            writeln!(out, "<h2>Handoffs of {}</h2>", escaped(&drawing.flow))?;
            writeln!(out, "<p>{}</p>", escaped(&description(drawing)))?;
            write_table(drawing, &mut out)?;
        }
        writeln!(out, "</body></html>")
    })();
    out
}

fn write_table(drawing: &Drawing, out: &mut String) -> Result {
    writeln!(out, "<div class=\"wide\"><table><thead><tr>")?;
    for title in ["Step", "Presented by", "To", "Operation", "Policy", "Verify", "Evidence", "When"] {
        writeln!(out, "<th scope=\"col\">{title}</th>")?;
    }
    writeln!(out, "</tr></thead><tbody>")?;
    let operator = |key: &str| drawing.operators.iter().find(|lane| lane.key == key);
    for node in &drawing.nodes {
        if let Some(handoff) = &node.handoff {
            let mut when: Vec<String> = node.guard.iter().map(|guard| format!("when {guard}")).collect();
            when.extend(node.rounds.iter().map(|rounds| match &rounds.until {
                Some(until) => format!("{}, until {until}", rounds.bounds),
                None => rounds.bounds.clone(),
            }));
            when.extend(node.inside.iter().map(|outer| format!("in the loop {outer}")));
            when.extend(node.irreversible.iter().map(|because| format!("irreversible: {because}")));
            write_row(&node.id, handoff, operator(&node.operator), &when.join("; "), out)?;
        }
        if let Some(read) = &node.read_back {
            let when = format!("where the outcome of {} is unknown", node.id);
            let step = format!("{}/reconcile", node.id);
            write_row(&step, &read.handoff, operator(&read.operator), &when, out)?;
        }
        if let Some(undo) = &node.undo {
            let when = format!("should the run fail after {}", node.id);
            write_row(&format!("{}/undo", node.id), &undo.handoff, operator(&undo.operator), &when, out)?;
        }
    }
    writeln!(out, "</tbody></table></div>")
}

fn write_row(
    step: &str,
    handoff: &DrawnHandoff,
    to: Option<&DrawnOperator>,
    when: &str,
    out: &mut String,
) -> Result {
    let party = match to {
        Some(DrawnOperator { name, unverified: Some(because), .. }) => {
            format!("{} <span class=\"unverified\">unverified</span>: {}", escaped(name), escaped(because))
        }
        Some(DrawnOperator { name, id: Some(id), .. }) => {
            format!("{} <code>{}</code>", escaped(name), escaped(id))
        }
        Some(DrawnOperator { name, .. }) => escaped(name),
        None => String::new(),
    };
    let or_none = |text: &str| if text.is_empty() { "not resolved".to_owned() } else { escaped(text) };
    writeln!(
        out,
        "<tr><th scope=\"row\">{}</th><td><code>{}</code></td><td>{party}</td><td><code>{}</code><br/><code>{}</code></td>\
<td>{}</td><td>{}</td><td class=\"handoff\">{}</td><td>{}</td></tr>",
        escaped(step),
        or_none(handoff.present.as_deref().unwrap_or_default()),
        escaped(&handoff.operation),
        escaped(&handoff.request),
        or_none(&handoff.policy),
        verify(handoff),
        or_none(handoff.evidence.as_deref().unwrap_or_default()),
        escaped(when)
    )
}
