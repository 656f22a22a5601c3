//! The picture as SVG: one file that needs nothing else, in light and dark.

use std::collections::BTreeSet;
use std::fmt::{Result, Write as _};

use super::escaped;
use super::layout::{Area, Drawn, FOOT, HEAD, Layout, Piece, layout};
use super::measure::Font;
use super::scene::{BADGE, Card, Face, Head, Kind, MARGIN, Scene, Style, scene};
use super::style::style;
use crate::graph::{Drawing, DrawnNode, Shape};

/// Between the parts of the whole.
pub(super) const GAP: i32 = 20;
const TITLE: Font = Font { size: 18, fixed: false, bold: true };
const NOTE: Font = Font { size: 12, fixed: false, bold: false };

/// The picture of one or several flows, one below the other.
pub fn svg(drawings: &[Drawing]) -> String {
    let pictures: Vec<Picture> = drawings.iter().map(Picture::new).collect();
    let width = pictures.iter().map(|picture| picture.width).max().unwrap_or(0) + 2 * GAP;
    let height = pictures.iter().map(|picture| picture.height + GAP).sum::<i32>() + GAP;
    let names: Vec<&str> = drawings.iter().map(|drawing| drawing.flow.as_str()).collect();
    let described: Vec<String> = drawings.iter().map(description).collect();
    document(&names.join(", "), &described.join(" "), width, height, &|out| {
        let mut y = GAP;
        for picture in &pictures {
            writeln!(out, "<g transform=\"translate({GAP} {y})\">")?;
            picture.write(out)?;
            writeln!(out, "</g>")?;
            y += picture.height + GAP;
        }
        Ok(())
    })
}

/// A whole file around what `write` draws: title, style, the tips of arrows, and the ground.
pub(super) fn document(
    title: &str,
    described: &str,
    width: i32,
    height: i32,
    write: &dyn Fn(&mut String) -> Result,
) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = (|| -> Result {
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ezg\" role=\"img\" aria-labelledby=\"ezg-title ezg-desc\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">"
        )?;
        writeln!(out, "<title id=\"ezg-title\">{}</title>", escaped(title))?;
        writeln!(out, "<desc id=\"ezg-desc\">{}</desc>", escaped(described))?;
        writeln!(out, "<style>{}</style>", style())?;
        writeln!(out, "<defs>")?;
        for (id, class) in [("ezg-tip", "tip"), ("ezg-handoff", "handofftip"), ("ezg-back", "backtip")] {
            writeln!(
                out,
                "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto-start-reverse\"><path class=\"{class}\" d=\"M0 .8 8 4 0 7.2z\"/></marker>"
            )?;
        }
        writeln!(out, "</defs>")?;
        writeln!(out, "<rect width=\"{width}\" height=\"{height}\" class=\"ground\"/>")?;
        write(&mut out)?;
        writeln!(out, "</svg>")
    })();
    out
}

/// What the picture shows, for whoever cannot see it.
pub(super) fn description(drawing: &Drawing) -> String {
    let calls: usize = drawing.nodes.iter().map(DrawnNode::calls).sum();
    let undos = drawing.nodes.iter().filter(|node| node.undo.is_some()).count();
    let others: Vec<String> = drawing
        .operators
        .iter()
        .skip(1)
        .map(|lane| match &lane.unverified {
            Some(_) => format!("{} (no passport, unverified)", lane.name),
            None => lane.name.clone(),
        })
        .collect();
    let runner = drawing.operators.first().map_or("", |lane| lane.name.as_str());
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let to = if others.is_empty() { String::new() } else { format!(" to {}", others.join(", ")) };
    let undone =
        if undos == 0 { String::new() } else { format!(", {} with a compensation", plural(undos, "step")) };
    // The handoffs of a called flow are its own, and in its own picture.
    let flows = drawing.nodes.iter().filter(|node| matches!(node.shape, Shape::Flow { .. })).count();
    let flows = match flows {
        0 => String::new(),
        1 => ", 1 call of another flow".to_owned(),
        more => format!(", {more} calls of other flows"),
    };
    format!("The flow {} is run by {runner}: {}{to}{undone}{flows}.", drawing.flow, plural(calls, "handoff"))
}

struct Picture {
    title: String,
    note: String,
    scene: Scene,
    layout: Layout,
    width: i32,
    height: i32,
    legend: i32,
}

/// Height of the flow's title.
const TOP: i32 = 54;

impl Picture {
    fn new(drawing: &Drawing) -> Picture {
        let scene = scene(drawing);
        let layout = layout(&scene);
        let width = layout.width.max(320);
        let note = NOTE.fit(&description(drawing), width);
        let title = TITLE.fit(&drawing.flow, width);
        let legend = legend(&scene, width).last().map_or(0, |entry| entry.area.bottom());
        let height = TOP + layout.height + 12 + legend;
        Picture { title, note, scene, layout, width, height, legend }
    }

    fn write(&self, out: &mut String) -> Result {
        writeln!(
            out,
            "<text class=\"name\" x=\"4\" y=\"20\" font-size=\"18\">{}</text>",
            escaped(&self.title)
        )?;
        writeln!(
            out,
            "<text class=\"soft\" x=\"4\" y=\"41\" font-size=\"12\">{}</text>",
            escaped(&self.note)
        )?;
        writeln!(out, "<g transform=\"translate(0 {TOP})\">")?;
        for (head, area) in self.scene.heads.iter().zip(&self.layout.lanes) {
            write_lane(head, *area, out)?;
        }
        for (_, area) in &self.layout.frames {
            let Area { x, y, width, height } = area;
            writeln!(
                out,
                "<rect class=\"frame\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>"
            )?;
        }
        // Handoffs last: they are what one looks for.
        for wanted in [false, true] {
            for drawn in &self.layout.links {
                let Some(link) = self.scene.links.get(drawn.link) else { continue };
                if (link.style == Style::Handoff) == wanted {
                    write_link(link.style, drawn, out)?;
                }
            }
        }
        for (card, area) in self.scene.cards.iter().zip(&self.layout.cards) {
            let open = self.scene.heads.get(card.lane).is_some_and(|head| head.unverified);
            write_card(card, *area, open, out)?;
        }
        writeln!(out, "</g>")?;
        if self.legend > 0 {
            writeln!(out, "<g transform=\"translate(0 {})\">", TOP + self.layout.height + 12)?;
            for entry in legend(&self.scene, self.width) {
                entry.write(out)?;
            }
            writeln!(out, "</g>")?;
        }
        Ok(())
    }
}

fn write_lane(head: &Head, area: Area, out: &mut String) -> Result {
    let Area { x, y, width, height } = area;
    let (open, code) = if head.unverified { (" openlane", "code open") } else { ("", "code") };
    writeln!(out, "<g><title>{}</title>", escaped(&head.title))?;
    writeln!(
        out,
        "<rect class=\"lane{open}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>"
    )?;
    // Tall lanes say at their foot too whose they are.
    let foot = (height > FOOT + 40).then_some(area.bottom() - 10);
    let name = escaped(&head.name);
    let left = x + 12;
    writeln!(out, "<text class=\"head\" x=\"{left}\" y=\"{}\" font-size=\"14\">{name}</text>", y + 22)?;
    if !head.below.is_empty() {
        let below = escaped(&head.below);
        writeln!(
            out,
            "<text class=\"{code}\" x=\"{left}\" y=\"{}\" font-size=\"11\">{below}</text>",
            y + 39
        )?;
    }
    if let Some(foot) = foot {
        writeln!(out, "<text class=\"head\" x=\"{left}\" y=\"{foot}\" font-size=\"12\">{name}</text>")?;
    }
    writeln!(out, "<path class=\"link rim\" d=\"M{x} {0}H{1}\"/></g>", y + HEAD - 4, area.right())
}

fn class(style: Style) -> (&'static str, &'static str) {
    match style {
        Style::Data | Style::End => ("link", "ezg-tip"),
        Style::Handoff => ("link handoff", "ezg-handoff"),
        Style::Order => ("link order", "ezg-tip"),
        Style::Barrier => ("link barrier", "ezg-tip"),
        Style::Undo => ("link back", "ezg-back"),
    }
}

fn write_link(style: Style, drawn: &Drawn, out: &mut String) -> Result {
    let (class, tip) = class(style);
    let end = if drawn.back { "marker-start" } else { "marker-end" };
    let (mut x, mut y) = drawn.start;
    write!(out, "<path class=\"{class}\" {end}=\"url(#{tip})\" d=\"M{x} {y}")?;
    for piece in &drawn.pieces {
        match *piece {
            Piece::Down(to) if to == y => {}
            Piece::Bend(to, down) if to == x => {
                write!(out, "V{down}")?;
                y = down;
            }
            Piece::Down(to) => {
                write!(out, "V{to}")?;
                y = to;
            }
            Piece::Bend(to, down) => {
                let half = (y + down) / 2;
                write!(out, "C{x} {half} {to} {half} {to} {down}")?;
                (x, y) = (to, down);
            }
        }
    }
    writeln!(out, "\"/>")
}

fn write_card(card: &Card, area: Area, open: bool, out: &mut String) -> Result {
    let Area { x, y, width, height } = area;
    writeln!(out, "<g><title>{}</title>", escaped(&card.title))?;
    write_shape(card.kind, card.irreversible, area, out)?;
    let mut line_y = y + 6;
    for line in &card.lines {
        let left = x + MARGIN;
        let text = escaped(&line.text);
        let size = line.face.font().size;
        let base = line_y + 13;
        match line.face {
            Face::Badge => {
                let (pill, class) = if open { ("openpill", "badge open") } else { ("pill", "badge") };
                let wide = line.face.font().width(&line.text) + 2 * BADGE;
                writeln!(
                    out,
                    "<rect class=\"{pill}\" x=\"{left}\" y=\"{}\" width=\"{wide}\" height=\"18\" rx=\"9\"/><text class=\"{class}\" x=\"{}\" y=\"{}\" font-size=\"{size}\">{text}</text>",
                    line_y + 3,
                    left + BADGE,
                    line_y + 16
                )?;
            }
            face => {
                let class = match face {
                    Face::Name | Face::Badge => "name",
                    Face::Code => "code",
                    Face::Guard => "guard",
                    Face::Warning => "warn",
                };
                writeln!(
                    out,
                    "<text class=\"{class}\" x=\"{left}\" y=\"{base}\" font-size=\"{size}\">{text}</text>"
                )?;
            }
        }
        line_y += line.face.height();
    }
    debug_assert!(line_y <= y + height && width > 0);
    writeln!(out, "</g>")
}

fn write_shape(kind: Kind, irreversible: bool, area: Area, out: &mut String) -> Result {
    let Area { x, y, width, height } = area;
    let (right, bottom) = (area.right(), area.bottom());
    let rounded = |class: &str, radius: i32| {
        format!(
            "<rect class=\"card {class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/>"
        )
    };
    let cut = 9;
    let shape = match kind {
        Kind::Effect if irreversible => rounded("final", 6),
        Kind::Effect => rounded("effect", 6),
        Kind::Read => rounded("", 6),
        Kind::Value | Kind::Loop => rounded("", 14),
        Kind::Undo => rounded("undo", 6),
        Kind::Rule => format!(
            "<path class=\"card rule\" d=\"M{0} {y}H{1}L{right} {2}V{3}L{1} {bottom}H{0}L{x} {3}V{2}z\"/>",
            x + cut,
            right - cut,
            y + cut,
            bottom - cut
        ),
        Kind::Return => format!(
            "{}<rect class=\"frame\" style=\"stroke-dasharray:none\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"11\"/>",
            rounded("", 14),
            x + 3,
            y + 3,
            width - 6,
            height - 6
        ),
    };
    writeln!(out, "{shape}")
}

/// A sign of the legend.
enum Sign {
    Line(Style),
    Shape(Kind, bool),
    Frame,
    Badge,
    Open,
}

struct Entry {
    sign: Sign,
    words: &'static str,
    area: Area,
}

/// The signs that this picture uses, from left to right, over as many lines as they need.
fn legend(scene: &Scene, width: i32) -> Vec<Entry> {
    let styles: BTreeSet<Style> = scene.links.iter().map(|link| link.style).collect();
    let kinds: BTreeSet<Kind> = scene.cards.iter().map(|card| card.kind).collect();
    let any = |test: fn(&Card) -> bool| scene.cards.iter().any(test);
    let badge = any(|card| card.lines.iter().any(|line| line.face == Face::Badge));
    let all: [(bool, Sign, &'static str); 14] = [
        (kinds.contains(&Kind::Read), Sign::Shape(Kind::Read, false), "a call that only reads"),
        (kinds.contains(&Kind::Effect), Sign::Shape(Kind::Effect, false), "a call with an effect"),
        (any(|card| card.irreversible), Sign::Shape(Kind::Effect, true), "irreversible: nothing undoes it"),
        (kinds.contains(&Kind::Value), Sign::Shape(Kind::Value, false), "a named value"),
        (
            kinds.contains(&Kind::Rule),
            Sign::Shape(Kind::Rule, false),
            "a rule: all that follows waits for it",
        ),
        (kinds.contains(&Kind::Loop), Sign::Frame, "a loop"),
        (badge, Sign::Badge, "every call is a handoff: policy and least evidence"),
        (
            scene.heads.iter().any(|head| head.unverified),
            Sign::Open,
            "a party without a passport: unverified",
        ),
        (
            styles.contains(&Style::Handoff),
            Sign::Line(Style::Handoff),
            "data goes over to another organisation",
        ),
        (styles.contains(&Style::Data), Sign::Line(Style::Data), "data within an organisation"),
        (styles.contains(&Style::Order), Sign::Line(Style::Order), "only order: after"),
        (styles.contains(&Style::Barrier), Sign::Line(Style::Barrier), "only order: a barrier"),
        (styles.contains(&Style::Undo), Sign::Line(Style::Undo), "undone by it, should the run fail"),
        (
            kinds.contains(&Kind::Return),
            Sign::Shape(Kind::Return, false),
            "the outputs: waits for every step",
        ),
    ];
    let (mut x, mut y) = (4, 0);
    let mut entries = Vec::new();
    for (_, sign, words) in all.into_iter().filter(|(used, _, _)| *used) {
        let wide = 44 + NOTE.width(words) + 22;
        if x > 4 && x + wide > width {
            (x, y) = (4, y + 26);
        }
        entries.push(Entry { sign, words, area: Area { x, y, width: wide, height: 26 } });
        x += wide;
    }
    entries
}

impl Entry {
    fn write(&self, out: &mut String) -> Result {
        let Area { x, y, .. } = self.area;
        let sign = Area { x: x + 1, y: y + 5, width: 34, height: 16 };
        match self.sign {
            Sign::Line(style) => {
                let (class, tip) = class(style);
                let (end, middle) =
                    (if style == Style::Undo { "marker-start" } else { "marker-end" }, y + 13);
                writeln!(
                    out,
                    "<path class=\"{class}\" {end}=\"url(#{tip})\" d=\"M{x} {middle}H{}\"/>",
                    x + 36
                )?;
            }
            Sign::Shape(kind, irreversible) => write_shape(kind, irreversible, sign, out)?,
            Sign::Frame | Sign::Open => {
                let class = if matches!(self.sign, Sign::Frame) { "frame" } else { "lane openlane" };
                writeln!(
                    out,
                    "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"34\" height=\"16\" rx=\"4\"/>",
                    sign.x, sign.y
                )?;
            }
            Sign::Badge => writeln!(
                out,
                "<rect class=\"pill\" x=\"{0}\" y=\"{1}\" width=\"34\" height=\"16\" rx=\"8\"/><text class=\"badge\" x=\"{2}\" y=\"{3}\" font-size=\"10\">E4</text>",
                sign.x,
                sign.y,
                sign.x + 10,
                sign.y + 12
            )?,
        }
        writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" font-size=\"12\">{}</text>",
            x + 44,
            y + 17,
            escaped(self.words)
        )
    }
}
