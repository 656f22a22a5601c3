//! How a picture looks, in light and dark.

/// Colours by role, light and dark. Text keeps a contrast of at least 4.5 to what it stands on, lines one of 3.
const COLOURS: [(&str, &str, &str); 12] = [
    ("$ground", "#fff", "#0d1117"),
    ("$lane", "#f6f8fa", "#151b23"),
    ("$line", "#c8d1da", "#3d444d"),
    ("$card", "#fff", "#1c232c"),
    ("$text", "#1f2328", "#e6edf3"),
    ("$soft", "#57606a", "#a3adb8"),
    ("$edge", "#6e7781", "#8b949e"),
    ("$handoff", "#0550ae", "#6cb6ff"),
    ("$undo", "#8a5300", "#e0a840"),
    ("$warn", "#b3261e", "#ff8d85"),
    ("$badge", "#ddf4ff", "#12304f"),
    ("$openbadge", "#fff1d6", "#3d2c08"),
];

/// What is drawn how: class, what it has in any light, what it has by its light. Later ones win.
const RULES: [(&str, &str, &str); 29] = [
    (".ezg", "", "background:$ground;color:$text"),
    (
        ".ezg text",
        "font-family:ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
        "fill:$text",
    ),
    (
        ".ezg .code,.ezg .guard",
        "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace",
        "fill:$soft",
    ),
    (".ezg .guard", "font-style:italic", "fill:$text"),
    (".ezg .soft", "", "fill:$soft"),
    (".ezg .name,.ezg .warn,.ezg .badge,.ezg .head", "font-weight:600", ""),
    (".ezg .warn", "", "fill:$warn"),
    (".ezg .badge", "", "fill:$handoff"),
    (".ezg .open", "", "fill:$undo"),
    (".ezg .ground", "", "fill:$ground"),
    (".ezg .pill", "", "fill:$badge"),
    (".ezg .openpill", "", "fill:$openbadge"),
    (".ezg .lane", "", "fill:$lane;stroke:$line"),
    (".ezg .openlane", "stroke-dasharray:6 4", "stroke:$undo"),
    (".ezg .frame", "fill:none;stroke-width:1.2;stroke-dasharray:2 3", "stroke:$soft"),
    (".ezg .card", "", "fill:$card;stroke:$edge"),
    (".ezg .effect", "stroke-width:2.2", "stroke:$text"),
    (".ezg .rule", "stroke-width:1.6", ""),
    (".ezg .undo", "stroke-dasharray:5 3", "stroke:$undo"),
    (".ezg .final", "stroke-width:2.2", "stroke:$warn"),
    (".ezg .link", "fill:none;stroke-width:1.3", "stroke:$edge"),
    (".ezg .rim", "", "stroke:$line"),
    (".ezg .handoff", "stroke-width:2.2", "stroke:$handoff"),
    (".ezg .order", "stroke-dasharray:7 4", ""),
    (".ezg .barrier", "stroke-dasharray:2 4;stroke-width:1.8", ""),
    (".ezg .back", "stroke-dasharray:5 3;stroke-width:1.5", "stroke:$undo"),
    (".ezg .tip", "", "fill:$edge"),
    (".ezg .handofftip", "", "fill:$handoff"),
    (".ezg .backtip", "", "fill:$undo"),
];

/// The style sheet: plain colours, and others in the dark for whoever asks. No variables, which few programs but browsers
/// know: without them everything would be black.
pub(super) fn style() -> String {
    let mut style = String::new();
    for (class, always, coloured) in RULES {
        let between = if always.is_empty() || coloured.is_empty() { "" } else { ";" };
        style += &format!("{class}{{{always}{between}{}}}", in_light(coloured, false));
    }
    style += "@media (prefers-color-scheme:dark){";
    for (class, _, coloured) in RULES.iter().filter(|(_, _, coloured)| !coloured.is_empty()) {
        style += &format!("{class}{{{}}}", in_light(coloured, true));
    }
    style + "}"
}

/// Declarations with the colours of their light.
fn in_light(coloured: &str, dark: bool) -> String {
    let declarations = coloured.split(';').map(|declaration| {
        let (name, role) = declaration.split_once(':').unwrap_or((declaration, ""));
        let colour = COLOURS.iter().find(|(known, _, _)| *known == role);
        let colour = colour.map_or("", |(_, light, in_dark)| if dark { in_dark } else { light });
        format!("{name}:{colour}")
    });
    if coloured.is_empty() { String::new() } else { declarations.collect::<Vec<_>>().join(";") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs that know neither variables nor media queries take what stands before the latter.
    #[test]
    fn every_colour_is_plain_in_both_lights() {
        let style = style();
        assert!(
            !style.contains("var(") && !style.contains('$') && !style.contains(":;") && !style.contains(":}")
        );
        let (light, dark) = style.split_once("@media").unwrap();
        for (role, in_light, in_dark) in COLOURS {
            assert!(light.contains(in_light) && dark.contains(in_dark), "{role}");
        }
        assert!(light.contains(".ezg .card{fill:#fff;stroke:#6e7781}"), "{light}");
        assert!(light.contains(".ezg .effect{stroke-width:2.2;stroke:#1f2328}"), "{light}");
        assert_eq!(style.matches('{').count(), style.matches('}').count());
    }
}
