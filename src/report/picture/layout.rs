//! From a scene to places: pure arithmetic on whole pixels, the same for the same scene.

use std::collections::BTreeMap;

use super::columns::{Columns, columns};
use super::routes::{Route, middle, routes};
use super::rows::{Rows, rows};
use super::scene::{Scene, Style};

/// A box on the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Area {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Area {
    pub(super) fn right(self) -> i32 {
        self.x + self.width
    }

    pub(super) fn bottom(self) -> i32 {
        self.y + self.height
    }

    fn centre(self) -> i32 {
        self.x + self.width / 2
    }
}

/// A piece of a drawn link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// Straight down to a height.
    Down(i32),
    /// A smooth curve to a point, upright at both ends.
    Bend(i32, i32),
}

/// A drawn link, from its upper end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) link: usize,
    pub(super) start: (i32, i32),
    pub(super) pieces: Vec<Piece>,
    /// Whether it points from its lower end to its upper one.
    pub(super) back: bool,
}

/// Where everything stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Layout {
    pub(super) width: i32,
    pub(super) height: i32,
    /// By lane, the head included.
    pub(super) lanes: Vec<Area>,
    /// By card.
    pub(super) cards: Vec<Area>,
    /// Frames of loops: the loop's card and the area; outer ones first.
    pub(super) frames: Vec<(usize, Area)>,
    pub(super) links: Vec<Drawn>,
}

/// Height of a lane's head.
pub(super) const HEAD: i32 = 52;
/// From this height of the rows on lanes have a foot.
pub(super) const FOOT: i32 = 1200;
/// Around the whole.
const EDGE: i32 = 4;
/// From a column to the first track of a gutter: leaves room for frames.
const GUTTER: i32 = 16;
/// From track to track.
const TRACK: i32 = 8;
/// Between a frame and what it surrounds.
const FRAME: i32 = 10;
/// Least height between rows.
const CHANNEL: i32 = 34;
/// The straight end of a link, its arrow head included.
const TIP: i32 = 9;
/// Columns of the whole picture that it is worth having side by side.
const COLUMNS: usize = 8;

pub(super) fn layout(scene: &Scene) -> Layout {
    let lanes = scene.heads.len().max(1);
    let rows = rows(scene, (COLUMNS / lanes).clamp(2, 4));
    let columns = columns(scene, &rows);
    let ways = routes(scene, &rows, &columns);
    let across = across(scene, &columns, &ways.tracks);
    let mut placed = Layout { width: across.width, ..Layout::default() };
    let down = down(scene, &rows, &columns, &ways.routes, &across);
    placed.height = down.height;
    for (at, card) in scene.cards.iter().enumerate() {
        let column = columns.of.get(at).copied().unwrap_or(0);
        let row = columns.row.get(at).copied().unwrap_or(0);
        let (x, width) = across.columns.get(column).copied().unwrap_or_default();
        let y = down.rows.get(row).map_or(0, |row| row.top);
        placed.cards.push(Area { x, y, width, height: card.height });
    }
    for (x, width) in &across.lanes {
        placed.lanes.push(Area { x: *x, y: EDGE, width: *width, height: down.height - 2 * EDGE });
    }
    for (at, frame) in rows.frames.iter().enumerate() {
        let members = rows.rows.get(frame.first..=frame.last).unwrap_or_default().iter().flatten();
        let areas = members.filter_map(|at| placed.cards.get(*at));
        let (left, right) =
            areas.fold((i32::MAX, 0), |(left, right), area| (left.min(area.x), right.max(area.right())));
        let inset = frame_inset(frame.levels);
        let (top, bottom) = down.frames.get(at).copied().unwrap_or_default();
        let area = Area { x: left - inset, y: top, width: right - left + 2 * inset, height: bottom - top };
        placed.frames.push((frame.card, area));
    }
    placed.frames.reverse();
    placed.links = drawn(scene, &ways.routes, &across, &down, &placed);
    placed
}

fn frame_inset(levels: usize) -> i32 {
    i32::try_from(levels.min(2)).map_or(FRAME, |levels| 6 + 4 * levels)
}

/// What stands where from left to right.
struct Across {
    /// By column: left and width.
    columns: Vec<(i32, i32)>,
    /// By column.
    centres: Vec<i32>,
    /// By gutter and track.
    tracks: BTreeMap<(usize, usize), i32>,
    /// By lane: left and width.
    lanes: Vec<(i32, i32)>,
    width: i32,
}

fn across(scene: &Scene, columns: &Columns, tracks: &[usize]) -> Across {
    let gutter_width = |gutter: usize| {
        let tracks = tracks.get(gutter).copied().unwrap_or(0);
        2 * GUTTER + i32::try_from(tracks.saturating_sub(1)).unwrap_or(0) * TRACK
    };
    let mut made = Across {
        columns: Vec::new(),
        centres: Vec::new(),
        tracks: BTreeMap::new(),
        lanes: Vec::new(),
        width: 0,
    };
    let mut x = EDGE;
    for (lane, (first, count)) in columns.lanes.iter().enumerate() {
        let start = x;
        let cards = scene.cards.iter().filter(|card| card.lane == lane);
        let widest = cards.map(|card| card.width).max().unwrap_or(110);
        // The head's text has the whole lane; what it lacks is shared out among the columns.
        let head = scene.heads.get(lane).map_or(0, |head| head.width + 24);
        let share = head / i32::try_from(*count).unwrap_or(1).max(1) - 2 * GUTTER;
        let width = widest.max(share);
        let ends = first + count == columns.count;
        for column in *first..first + count {
            for track in 0..tracks.get(column).copied().unwrap_or(0) {
                let offset = GUTTER + i32::try_from(track).unwrap_or(0) * TRACK;
                made.tracks.insert((column, track), x + offset);
            }
            x += gutter_width(column);
            made.columns.push((x, width));
            made.centres.push(x + width / 2);
            x += width;
        }
        let last = columns.count;
        if ends {
            for track in 0..tracks.get(last).copied().unwrap_or(0) {
                let offset = GUTTER + i32::try_from(track).unwrap_or(0) * TRACK;
                made.tracks.insert((last, track), x + offset);
            }
            x += gutter_width(last);
        } else {
            x += GUTTER;
        }
        made.lanes.push((start, x - start));
    }
    made.width = x + EDGE;
    made
}

/// A row from top to bottom.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// Where the channel above it ends.
    open: i32,
    /// Where its cards begin.
    top: i32,
    /// Where the channel below it begins: below its cards and the frames that end with it.
    close: i32,
}

struct Down {
    rows: Vec<Row>,
    /// By frame: top and bottom.
    frames: Vec<(i32, i32)>,
    height: i32,
}

fn down(scene: &Scene, rows: &Rows, columns: &Columns, routes: &[Route], across: &Across) -> Down {
    let mut made = Down { rows: Vec::new(), frames: vec![(0, 0); rows.frames.len()], height: 0 };
    let bends = widest_bends(columns, routes, across, rows.rows.len());
    let mut y = EDGE + HEAD + 18;
    for (number, row) in rows.rows.iter().enumerate() {
        let open = y;
        // Frames stand inner before outer: the outer one begins further up and ends further down.
        for (at, frame) in rows.frames.iter().enumerate().rev() {
            if frame.first == number {
                y += FRAME;
                if let Some(place) = made.frames.get_mut(at) {
                    place.0 = y - FRAME / 2;
                }
            }
        }
        let top = y + TIP;
        let tallest = row.iter().filter_map(|at| scene.cards.get(*at)).map(|card| card.height).max();
        y = top + tallest.unwrap_or(0);
        for (at, frame) in rows.frames.iter().enumerate() {
            if frame.last == number {
                y += FRAME;
                if let Some(place) = made.frames.get_mut(at) {
                    place.1 = y;
                }
            }
        }
        made.rows.push(Row { open, top, close: y });
        let bend = bends.get(number).copied().unwrap_or(0);
        y += CHANNEL + (bend / 12).min(56);
    }
    let close = made.rows.last().map_or(y, |row| row.close);
    // Tall lanes have their name at the foot too.
    let foot = if close > FOOT { 44 } else { 24 };
    made.height = close + foot + EDGE;
    made
}

/// By channel, named by the row above it: how far the widest bend in it goes.
fn widest_bends(columns: &Columns, routes: &[Route], across: &Across, rows: usize) -> Vec<i32> {
    let mut widest = vec![0; rows];
    let centre = |card: usize| {
        let column = columns.of.get(card).copied().unwrap_or(0);
        across.centres.get(column).copied().unwrap_or(0)
    };
    let mut note = |row: usize, far: i32| {
        if let Some(slot) = widest.get_mut(row) {
            *slot = far.max(*slot);
        }
    };
    for route in routes {
        let (from, to) = (centre(route.upper), centre(route.lower));
        match middle(route.way, &across.centres, &across.tracks) {
            None => note(route.from_row, (from - to).abs()),
            Some(x) => {
                note(route.from_row, (from - x).abs());
                note(route.to_row - 1, (to - x).abs());
            }
        }
    }
    widest
}

/// How far right of a card's middle its compensation hangs.
fn aside(width: i32) -> i32 {
    (width / 2 - 16).clamp(0, 30)
}

fn drawn(scene: &Scene, routes: &[Route], across: &Across, down: &Down, placed: &Layout) -> Vec<Drawn> {
    let area = |card: usize| placed.cards.get(card).copied().unwrap_or_default();
    let style = |route: &Route| scene.links.get(route.link).map_or(Style::Order, |link| link.style);
    let leaves = |route: &Route| {
        let undo = if style(route) == Style::Undo { aside(area(route.upper).width) } else { 0 };
        area(route.upper).centre() + undo
    };
    // Where each route reaches its lower card: side by side in the order they come from.
    let mut arriving: BTreeMap<usize, Vec<(i32, usize)>> = BTreeMap::new();
    for (at, route) in routes.iter().enumerate() {
        let x = middle(route.way, &across.centres, &across.tracks).unwrap_or_else(|| leaves(route));
        arriving.entry(route.lower).or_default().push((x, at));
    }
    let mut ports: BTreeMap<usize, i32> = BTreeMap::new();
    for (card, mut list) in arriving {
        list.sort_unstable();
        let card = area(card);
        let gaps = i32::try_from(list.len()).unwrap_or(i32::MAX).saturating_sub(1);
        let room = card.width - 28;
        let spread = (gaps.saturating_mul(18)).min(room);
        for (place, (_, at)) in list.iter().enumerate() {
            let place = i32::try_from(place).unwrap_or(0);
            let offset = if gaps == 0 { 0 } else { spread * place / gaps - spread / 2 };
            let undo = routes.get(*at).is_some_and(|route| style(route) == Style::Undo);
            let aside = if undo { aside(card.width) } else { 0 };
            ports.insert(*at, card.centre() + offset + aside);
        }
    }
    let mut links = Vec::new();
    for (at, route) in routes.iter().enumerate() {
        let (upper, lower) = (area(route.upper), area(route.lower));
        let row = |row: usize| down.rows.get(row).copied().unwrap_or_default();
        let x = leaves(route);
        let frame = placed.frames.iter().find(|(card, _)| *card == route.upper);
        let left_behind =
            frame.filter(|_| scene.cards.get(route.lower).and_then(|card| card.inside) != Some(route.upper));
        let y = left_behind.map_or(upper.bottom(), |(_, frame)| frame.bottom());
        let port = ports.get(&at).copied().unwrap_or(lower.centre());
        let mut pieces = vec![Piece::Down(row(route.from_row).close)];
        if let Some(middle) = middle(route.way, &across.centres, &across.tracks) {
            pieces.push(Piece::Bend(middle, row(route.from_row + 1).open));
            pieces.push(Piece::Down(row(route.to_row - 1).close));
        }
        pieces.push(Piece::Bend(port, row(route.to_row).open));
        pieces.push(Piece::Down(lower.y));
        let from = scene.links.get(route.link).map(|link| link.from);
        let back = style(route) == Style::Undo || from != Some(route.upper);
        links.push(Drawn { link: route.link, start: (x, y), pieces, back });
    }
    links
}
