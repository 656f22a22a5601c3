//! What the picture shows, before anything has a place: lanes, cards with their lines of text, links between cards.

use std::collections::{BTreeMap, BTreeSet};

use super::measure::Font;
use crate::ecz::VerifyMode;
use crate::graph::{Drawing, DrawnHandoff, DrawnNode, DrawnOperator, EdgeKind, Shape};
use crate::report::shown::harmless_line;

/// Widest text of a card, pixels.
const TEXT: i32 = 210;
/// Between a card's border and its text, pixels.
pub(super) const MARGIN: i32 = 10;

/// How a line of a card is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    /// Its name.
    Name,
    /// As it stands in the source.
    Code,
    /// `when …`.
    Guard,
    /// `irreversible`.
    Warning,
    /// Policy and evidence.
    Badge,
}

impl Face {
    pub(super) fn font(self) -> Font {
        let (size, fixed, bold) = match self {
            Face::Name => (13, false, true),
            Face::Code => (11, true, false),
            Face::Guard => (11, true, false),
            Face::Warning | Face::Badge => (11, false, true),
        };
        Font { size, fixed, bold }
    }

    /// Pixels from one line to the next.
    pub(super) fn height(self) -> i32 {
        match self {
            Face::Name => 18,
            Face::Code | Face::Guard | Face::Warning => 15,
            Face::Badge => 22,
        }
    }
}

/// A line of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) face: Face,
}

/// What a card stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Read,
    Effect,
    Value,
    Rule,
    Loop,
    Return,
    Undo,
}

/// A box to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) lane: usize,
    /// The card of the loop around it.
    pub(super) inside: Option<usize>,
    pub(super) kind: Kind,
    pub(super) lines: Vec<Line>,
    pub(super) width: i32,
    pub(super) height: i32,
    /// Everything, unshortened.
    pub(super) title: String,
    pub(super) irreversible: bool,
}

/// How a link is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Style {
    /// Data within an organisation.
    Data,
    /// Data that goes over to another organisation.
    Handoff,
    /// Order without data: `after`.
    Order,
    /// Order by an `ensure` or `fail`.
    Barrier,
    /// From a step to its compensation; points back.
    Undo,
    /// What only `return` waits for, as it does for everything: places it last, is not drawn.
    End,
}

/// A link between two cards of one block, or of a loop's card to one of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) style: Style,
}

/// A lane's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) below: String,
    pub(super) title: String,
    pub(super) unverified: bool,
    /// Least width that shows it.
    pub(super) width: i32,
}

/// Everything to be placed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Scene {
    pub(super) heads: Vec<Head>,
    pub(super) cards: Vec<Card>,
    pub(super) links: Vec<Link>,
}

/// The font of a lane's name, and of what stands below it.
pub(super) const HEAD: (Font, Font) =
    (Font { size: 14, fixed: false, bold: true }, Font { size: 11, fixed: true, bold: false });

pub(super) fn scene(drawing: &Drawing) -> Scene {
    let lanes: BTreeMap<&str, usize> =
        drawing.operators.iter().enumerate().map(|(at, lane)| (lane.key.as_str(), at)).collect();
    let lane = |key: &str| lanes.get(key).copied().unwrap_or(0);
    let open = |key: &str| drawing.operators.get(lane(key)).is_some_and(|lane| lane.unverified.is_some());
    let mut scene =
        Scene { heads: drawing.operators.iter().map(head).collect(), cards: Vec::new(), links: Vec::new() };
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &drawing.nodes {
        let inside = node.inside.as_deref().and_then(|outer| places.get(outer)).copied();
        let at = scene.cards.len();
        places.insert(&node.id, at);
        scene.cards.push(card(node, lane(&node.operator), inside, open(&node.operator)));
        if let Some(undo) = &node.undo {
            let mut lines = vec![name("undo"), code(&undo.handoff.operation)];
            lines.push(badge(&undo.handoff, open(&undo.operator)));
            let title =
                format!("undo of {}\n{}", harmless_line(&node.id), told(&undo.handoff, open(&undo.operator)));
            scene.cards.push(sized(Kind::Undo, lines, title, lane(&undo.operator), inside));
            scene.links.push(Link { from: at, to: at + 1, style: Style::Undo });
        }
    }
    links(drawing, &places, &mut scene);
    scene
}

fn head(operator: &DrawnOperator) -> Head {
    let below = match (&operator.unverified, &operator.id) {
        (Some(_), _) => "no passport · unverified".to_owned(),
        (None, Some(id)) if *id != operator.name => harmless_line(id),
        _ => String::new(),
    };
    let shown = harmless_line(&operator.name);
    let title = match &operator.unverified {
        Some(because) => {
            format!("{shown}: no passport, nothing of its identity is verified: {}", harmless_line(because))
        }
        None => format!("{shown} {below}").trim_end().to_owned(),
    };
    let name = HEAD.0.fit(&shown, TEXT);
    let below = HEAD.1.fit(&below, TEXT);
    let width = HEAD.0.width(&name).max(HEAD.1.width(&below));
    Head { name, below, title, unverified: operator.unverified.is_some(), width }
}

fn line(text: &str, face: Face) -> Line {
    Line { text: face.font().fit(&harmless_line(text), TEXT), face }
}

fn name(text: &str) -> Line {
    line(text, Face::Name)
}

fn code(text: &str) -> Line {
    line(text, Face::Code)
}

/// Two lines of source at most.
fn source(text: &str) -> Vec<Line> {
    let lines = Face::Code.font().wrap(&harmless_line(text), TEXT, 2);
    lines.into_iter().map(|text| Line { text, face: Face::Code }).collect()
}

fn badge(handoff: &DrawnHandoff, open: bool) -> Line {
    line(&policy(handoff, open), Face::Badge)
}

/// `strict · E4`.
pub(super) fn policy(handoff: &DrawnHandoff, open: bool) -> String {
    let short = handoff.policy.rsplit('.').next().unwrap_or_default();
    let short = if short.is_empty() { "no handoff policy" } else { short };
    let mut words = vec![short];
    words.extend(handoff.evidence.as_deref());
    if open {
        words.push("unverified");
    }
    words.join(" · ")
}

/// What is done with a verdict that is not positive, in a word.
pub(super) fn verify(handoff: &DrawnHandoff) -> &'static str {
    match handoff.verify {
        Some(VerifyMode::Require) => "require",
        Some(VerifyMode::Prefer) => "prefer",
        Some(VerifyMode::Open) => "open",
        None => "not resolved",
    }
}

fn told(handoff: &DrawnHandoff, open: bool) -> String {
    let mut text = format!(
        "{}: {}\nhandoff {}, verify {}",
        harmless_line(&handoff.operation),
        harmless_line(&handoff.request),
        policy(handoff, open),
        verify(handoff)
    );
    if let Some(present) = &handoff.present {
        text.push_str(&format!(", presented by {present}"));
    }
    text
}

fn card(node: &DrawnNode, lane: usize, inside: Option<usize>, open: bool) -> Card {
    let after = |word: &str| node.written.strip_prefix(word).unwrap_or(&node.written).trim().to_owned();
    let (kind, mut lines) = match node.shape {
        Shape::Read | Shape::Effect => {
            let kind = if node.shape == Shape::Read { Kind::Read } else { Kind::Effect };
            let operation = node.handoff.as_ref().map(|handoff| handoff.operation.as_str());
            (kind, vec![name(&node.id), code(operation.unwrap_or_default())])
        }
        Shape::Flow { safe } => {
            let call = node.label.split_once('=').map_or("", |(_, call)| call.trim());
            (if safe { Kind::Read } else { Kind::Effect }, vec![name(&node.id), code(call)])
        }
        Shape::Signal => {
            let mut lines = vec![name(&node.label)];
            lines.extend(source(&after(&node.label)));
            (Kind::Rule, lines)
        }
        Shape::Value => {
            let value = node.written.split_once('=').map_or("", |(_, value)| value);
            let mut lines = vec![name(&node.label)];
            lines.extend(source(value));
            (Kind::Value, lines)
        }
        Shape::Rule => {
            let mut lines = vec![name(&format!("{} · barrier", node.label))];
            lines.extend(source(&after(&node.label)));
            (Kind::Rule, lines)
        }
        Shape::Loop => {
            let (bounded, bounds) = node.label.split_once(" at most ").unwrap_or((&node.label, ""));
            let head = node.written.split_once(" at most ").map_or(bounded, |(head, _)| head);
            let head = head.rfind("for ").and_then(|at| head.get(at..)).unwrap_or(head);
            let mut lines = vec![name(head)];
            lines.extend((!bounds.is_empty()).then(|| code(&format!("at most {bounds}"))));
            (Kind::Loop, lines)
        }
        Shape::Return => {
            let mut lines = vec![name("return")];
            lines.extend(source(&after("return")));
            (Kind::Return, lines)
        }
    };
    if let Some(rounds) = &node.rounds {
        lines.push(code(&rounds.bounds));
        lines.extend(rounds.until.iter().map(|until| line(&format!("until {until}"), Face::Guard)));
    }
    lines.extend(node.guard.iter().map(|guard| line(&format!("when {guard}"), Face::Guard)));
    lines.extend(node.irreversible.iter().map(|_| line("irreversible", Face::Warning)));
    if let Some(read) = &node.read_back {
        lines.push(code(&format!("read back: {}", read.handoff.operation)));
    }
    let mut title = harmless_line(&node.written);
    if let Some(handoff) = &node.handoff {
        lines.push(badge(handoff, open));
        title = format!("{title}\n{}", told(handoff, open));
    }
    if let Some(because) = &node.irreversible {
        title = format!("{title}\nirreversible: {}", harmless_line(because));
    }
    let mut made = sized(kind, lines, title, lane, inside);
    made.irreversible = node.irreversible.is_some();
    made
}

fn sized(kind: Kind, lines: Vec<Line>, title: String, lane: usize, inside: Option<usize>) -> Card {
    let inner = lines.iter().map(|line| {
        let border = if line.face == Face::Badge { 2 * BADGE } else { 0 };
        line.face.font().width(&line.text) + border
    });
    let width = inner.max().unwrap_or(0).max(90) + 2 * MARGIN;
    let height = lines.iter().map(|line| line.face.height()).sum::<i32>() + 12;
    Card { lane, inside, kind, lines, width, height, title, irreversible: false }
}

/// Between a badge's border and its text, pixels.
pub(super) const BADGE: i32 = 7;

/// The links that are drawn. Order that other links already make is left out: it would only be ink.
fn links(drawing: &Drawing, places: &BTreeMap<&str, usize>, scene: &mut Scene) {
    let inside = |at: usize| scene.cards.get(at).and_then(|card| card.inside);
    let mut drawn: Vec<Link> = Vec::new();
    // Body cards to which data comes from outside their loop, and those that wait for nothing in it.
    let mut entered: BTreeSet<usize> = places.values().copied().filter(|at| inside(*at).is_some()).collect();
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    for edge in &drawing.edges {
        let (Some(from), Some(to)) = (places.get(edge.from.as_str()), places.get(edge.to.as_str())) else {
            continue;
        };
        if from == to {
            continue;
        }
        if inside(*from) != inside(*to) {
            taken.insert(*to);
            continue;
        }
        entered.remove(to);
        let style = match (edge.handoff, edge.kind) {
            (true, _) => Style::Handoff,
            (false, EdgeKind::Data) => Style::Data,
            (false, EdgeKind::Barrier) => Style::Barrier,
            (false, EdgeKind::After) => Style::Order,
            (false, EdgeKind::End) => Style::End,
        };
        drawn.push(Link { from: *from, to: *to, style });
    }
    entered.extend(taken);
    for to in entered {
        let Some(from) = inside(to) else { continue };
        let lane = |at: usize| scene.cards.get(at).map(|card| card.lane);
        let style = if lane(from) == lane(to) { Style::Data } else { Style::Handoff };
        drawn.push(Link { from, to, style });
    }
    let implied = implied(scene.cards.len(), &drawn);
    let ink = |link: &Link| matches!(link.style, Style::Data | Style::Handoff | Style::Undo);
    scene
        .links
        .extend(drawn.into_iter().filter(|link| ink(link) || !implied.contains(&(link.from, link.to))));
    // An output that needs no step's data hangs on the last one, not in the air.
    let hangs =
        |link: &Link| !scene.links.iter().any(|other| other.to == link.to && other.style != Style::End);
    let last = scene.links.iter().rposition(|link| link.style == Style::End && hangs(link));
    if let Some(link) = last.and_then(|last| scene.links.get_mut(last)) {
        link.style = Style::Order;
    }
}

/// Links whose order follows from two or more others.
fn implied(cards: usize, links: &[Link]) -> BTreeSet<(usize, usize)> {
    let mut into: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for link in links {
        into.entry(link.to).or_default().push(link.from);
    }
    let words = cards.div_ceil(64);
    let mut before: Vec<Vec<u64>> = vec![Vec::new(); cards];
    let mut found = BTreeSet::new();
    for at in super::rows::order(cards, links) {
        let mut indirect = vec![0_u64; words];
        let from = into.get(&at).map(Vec::as_slice).unwrap_or_default();
        for other in from {
            let theirs = before.get(*other).map(Vec::as_slice).unwrap_or_default();
            indirect.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
        }
        let has =
            |bits: &[u64], at: usize| bits.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0);
        found.extend(from.iter().filter(|other| has(&indirect, **other)).map(|other| (*other, at)));
        for other in from {
            if let Some(word) = indirect.get_mut(other / 64) {
                *word |= 1 << (other % 64);
            }
        }
        if let Some(slot) = before.get_mut(at) {
            *slot = indirect;
        }
    }
    found
}
