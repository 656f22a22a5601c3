//! A flow's graph as Graphviz dot and as Mermaid: operators as clusters, handoffs marked.

use std::fmt::Write as _;

use super::shown::harmless_line;
use crate::graph::{Drawing, DrawnEdge, DrawnNode, DrawnOperator, EdgeKind, Shape};

/// Graphviz: `eczflow graph FLOW --format dot | dot -Tsvg`.
pub fn dot(drawing: &Drawing) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_dot(drawing, &mut text);
    text
}

/// Mermaid: as a block in Markdown.
pub fn mermaid(drawing: &Drawing) -> String {
    let mut text = String::new();
    let _ = write_mermaid(drawing, &mut text);
    text
}

fn write_dot(drawing: &Drawing, out: &mut String) -> std::fmt::Result {
    writeln!(out, "digraph {} {{", dot_text(&drawing.flow))?;
    writeln!(out, "  rankdir=LR; compound=true;")?;
    writeln!(out, "  node [fontname=\"sans-serif\", shape=box];")?;
    writeln!(out, "  edge [fontname=\"sans-serif\", fontsize=10];")?;
    for (number, lane) in drawing.operators.iter().enumerate() {
        writeln!(out, "  subgraph cluster_{number} {{")?;
        writeln!(out, "    label={};", dot_text(&operator(lane)))?;
        for node in drawing.nodes.iter().filter(|node| node.operator == lane.key) {
            let shape = match node.shape {
                Shape::Read => "box, style=rounded",
                Shape::Effect => "box, style=\"rounded,bold\"",
                Shape::Flow { .. } => "box3d",
                Shape::Signal => "cds",
                Shape::Value => "ellipse",
                Shape::Rule => "diamond",
                Shape::Loop => "hexagon",
                Shape::Return => "doublecircle",
            };
            let label = dot_text(&label(node).join("\n"));
            writeln!(out, "    {} [label={label}, shape={shape}];", dot_text(&node.id))?;
        }
        writeln!(out, "  }}")?;
    }
    for edge in &drawing.edges {
        let mut attributes = Vec::new();
        if let Some(words) = words(edge) {
            attributes.push(format!("label={}", dot_text(words)));
        }
        match (edge.handoff, edge.kind) {
            (true, _) => attributes.push("style=bold, color=\"#b3261e\"".to_owned()),
            (false, EdgeKind::Data) => {}
            (false, _) => attributes.push("style=dashed".to_owned()),
        }
        let attributes =
            if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        writeln!(out, "  {} -> {}{attributes};", dot_text(&edge.from), dot_text(&edge.to))?;
    }
    writeln!(out, "}}")
}

fn write_mermaid(drawing: &Drawing, out: &mut String) -> std::fmt::Result {
    writeln!(out, "flowchart LR")?;
    for (number, lane) in drawing.operators.iter().enumerate() {
        writeln!(out, "  subgraph operator_{number}[{}]", mermaid_text(&operator(lane)))?;
        for node in drawing.nodes.iter().filter(|node| node.operator == lane.key) {
            let words = mermaid_text(&label(node).join("\n"));
            let shape = match node.shape {
                Shape::Read => format!("({words})"),
                Shape::Effect => format!("[{words}]"),
                Shape::Flow { .. } => format!("[[{words}]]"),
                Shape::Signal => format!(">{words}]"),
                Shape::Value => format!("([{words}])"),
                Shape::Rule => format!("{{{words}}}"),
                Shape::Loop => format!("{{{{{words}}}}}"),
                Shape::Return => format!("((({words})))"),
            };
            // `end` alone would close the subgraph: every id gets a prefix.
            writeln!(out, "    n_{}{shape}", node.id)?;
        }
        writeln!(out, "  end")?;
    }
    for edge in &drawing.edges {
        let arrow = match (edge.handoff, edge.kind) {
            (true, _) => "==>",
            (false, EdgeKind::Data) => "-->",
            (false, _) => "-.->",
        };
        let words = words(edge).map(|words| format!("|{words}|")).unwrap_or_default();
        writeln!(out, "  n_{} {arrow}{words} n_{}", edge.from, edge.to)?;
    }
    Ok(())
}

fn operator(lane: &DrawnOperator) -> String {
    match (&lane.id, &lane.unverified) {
        (_, Some(_)) => format!("{}, unverified", harmless_line(&lane.name)),
        (Some(id), None) if *id != lane.name => {
            format!("{} ({})", harmless_line(&lane.name), harmless_line(id))
        }
        _ => harmless_line(&lane.name),
    }
}

fn label(node: &DrawnNode) -> Vec<String> {
    let mut lines = vec![harmless_line(&node.label)];
    lines.extend(node.inside.iter().map(|outer| format!("in {}", harmless_line(outer))));
    lines.extend(node.rounds.iter().map(|rounds| harmless_line(&rounds.bounds)));
    lines.extend(
        node.read_back.iter().map(|read| format!("read back by {}", harmless_line(&read.handoff.operation))),
    );
    lines.extend(node.undo.iter().map(|undo| format!("undo {}", harmless_line(&undo.handoff.operation))));
    lines
}

fn words(edge: &DrawnEdge) -> Option<&'static str> {
    match (edge.handoff, edge.kind) {
        (true, _) => Some("handoff"),
        (false, EdgeKind::After | EdgeKind::Barrier) => Some(edge.kind.word()),
        (false, EdgeKind::Data | EdgeKind::End) => None,
    }
}

fn dot_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn mermaid_text(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
    format!("\"{}\"", escaped.replace('#', "&num;").replace('\n', "<br/>"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{DrawnCall, DrawnHandoff, DrawnRounds};

    fn drawing() -> Drawing {
        let call = |operation: &str| DrawnHandoff {
            policy: "std.handoff.strict".into(),
            verify: None,
            evidence: Some("E4".into()),
            present: None,
            operation: operation.into(),
            request: "POST /".into(),
        };
        let node = |id: &str, shape, operator: &str| DrawnNode {
            id: id.into(),
            label: format!("{id} \"x\""),
            shape,
            operator: operator.into(),
            inside: None,
            written: id.into(),
            guard: None,
            irreversible: None,
            handoff: None,
            rounds: (id == "refund")
                .then(|| DrawnRounds { bounds: "poll every 5s at most 60".into(), until: None }),
            read_back: None,
            undo: (id == "refund")
                .then(|| DrawnCall { operator: "ECZ-2".into(), handoff: call("payments.cancel") }),
        };
        let lane = |id: &str, name: &str| DrawnOperator {
            key: id.into(),
            name: name.into(),
            id: Some(id.into()),
            unverified: None,
        };
        Drawing {
            flow: "refund_ticket".into(),
            operators: vec![lane("ECZ-1", "acme"), lane("ECZ-2", "ECZ-2")],
            nodes: vec![node("end", Shape::Rule, "ECZ-1"), node("refund", Shape::Effect, "ECZ-2")],
            edges: vec![
                DrawnEdge { from: "end".into(), to: "refund".into(), kind: EdgeKind::Data, handoff: true },
                DrawnEdge {
                    from: "end".into(),
                    to: "refund".into(),
                    kind: EdgeKind::Barrier,
                    handoff: false,
                },
            ],
        }
    }

    #[test]
    fn dot_clusters_operators_and_marks_handoffs() {
        insta::assert_snapshot!(dot(&drawing()), @r##"
        digraph "refund_ticket" {
          rankdir=LR; compound=true;
          node [fontname="sans-serif", shape=box];
          edge [fontname="sans-serif", fontsize=10];
          subgraph cluster_0 {
            label="acme (ECZ-1)";
            "end" [label="end \"x\"", shape=diamond];
          }
          subgraph cluster_1 {
            label="ECZ-2";
            "refund" [label="refund \"x\"\npoll every 5s at most 60\nundo payments.cancel", shape=box, style="rounded,bold"];
          }
          "end" -> "refund" [label="handoff", style=bold, color="#b3261e"];
          "end" -> "refund" [label="barrier", style=dashed];
        }
        "##);
    }

    #[test]
    fn mermaid_groups_operators_and_marks_handoffs() {
        insta::assert_snapshot!(mermaid(&drawing()), @r##"
        flowchart LR
          subgraph operator_0["acme (ECZ-1)"]
            n_end{"end &quot;x&quot;"}
          end
          subgraph operator_1["ECZ-2"]
            n_refund["refund &quot;x&quot;<br/>poll every 5s at most 60<br/>undo payments.cancel"]
          end
          n_end ==>|handoff| n_refund
          n_end -.->|barrier| n_refund
        "##);
    }
}
