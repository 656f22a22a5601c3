//! A flow's graph as a picture of our own: organisations as lanes, what happens from top to bottom, every handoff with its
//! policy and evidence. The same graph makes the same bytes.
//!
//! [`scene`] decides what is shown, [`layout`] where it stands (rows, columns, then the ways of links), [`svg`] and
//! [`html`] write it down.

mod columns;
mod html;
mod layout;
mod map;
mod measure;
mod routes;
mod rows;
mod scene;
mod style;
mod svg;
#[cfg(test)]
mod tests;

pub use html::html;
pub use map::trustmap_svg;
pub use svg::svg;

/// Text for XML and HTML: no mark-up, and nothing that could steer or reorder.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for line in text.split('\n') {
        if !escaped.is_empty() {
            escaped.push('\n');
        }
        for character in super::shown::harmless_line(line).chars() {
            match character {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                // XML has no way to write these at all.
                '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
                _ => escaped.push(character),
            }
        }
    }
    escaped
}
