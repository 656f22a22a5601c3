//! The ways of links over several rows: a column that is free in between, or a track in a gutter beside the columns.
//! Links of one card in one style share their way.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::columns::Columns;
use super::rows::Rows;
use super::scene::{Scene, Style};

/// Where a link passes the rows between its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Its ends stand in neighbouring rows.
    Direct,
    /// The middle of a column, free in these rows.
    Column(usize),
    /// A track of the gutter left of a column; the last gutter is right of all columns.
    Gutter(usize, usize),
}

/// A link with its way; `upper` stands in a row above `lower`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) link: usize,
    pub(super) upper: usize,
    pub(super) lower: usize,
    /// The last row that belongs to the upper end: of a loop left behind, its frame's last.
    pub(super) from_row: usize,
    pub(super) to_row: usize,
    pub(super) way: Way,
}

/// All ways, and how many tracks each gutter needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Routes {
    pub(super) routes: Vec<Route>,
    pub(super) tracks: Vec<usize>,
}

type Net = (usize, Style);

/// Rows taken by a net, the last included.
#[derive(Debug, Clone, Copy)]
struct Taken {
    first: usize,
    last: usize,
    net: Net,
}

fn clear(taken: &[Taken], first: usize, last: usize, net: Net) -> bool {
    taken.iter().all(|other| other.net == net || other.last < first || last < other.first)
}

pub(super) fn routes(scene: &Scene, rows: &Rows, columns: &Columns) -> Routes {
    let mut routing = Routing {
        scene,
        rows,
        columns,
        free: free_cells(rows, columns),
        middle: vec![Vec::new(); columns.count],
        gutters: vec![Vec::new(); columns.count + 1],
    };
    let mut routes: Vec<Route> = (0..scene.links.len()).filter_map(|at| routing.ends(at)).collect();
    // Long ways first: shorter ones of the same card and style then join them. Ties in order of the links.
    let mut turn: Vec<usize> = (0..routes.len()).collect();
    turn.sort_by_key(|at| routes.get(*at).map(|route| (Reverse(route.to_row - route.from_row), *at)));
    for at in turn {
        if let Some(route) = routes.get_mut(at)
            && route.to_row > route.from_row + 1
        {
            route.way = routing.way(route);
        }
    }
    Routes { routes, tracks: routing.gutters.iter().map(Vec::len).collect() }
}

/// By column: how many cells above each row hold a card.
fn free_cells(rows: &Rows, columns: &Columns) -> Vec<Vec<usize>> {
    let mut filled = vec![vec![0_usize; rows.rows.len() + 1]; columns.count];
    for (number, row) in rows.rows.iter().enumerate() {
        for at in row {
            let column = columns.of.get(*at).copied().unwrap_or(0);
            if let Some(cell) = filled.get_mut(column).and_then(|cells| cells.get_mut(number + 1)) {
                *cell = 1;
            }
        }
    }
    for cells in &mut filled {
        let mut sum = 0;
        for cell in cells {
            sum += *cell;
            *cell = sum;
        }
    }
    filled
}

struct Routing<'s> {
    scene: &'s Scene,
    rows: &'s Rows,
    columns: &'s Columns,
    free: Vec<Vec<usize>>,
    middle: Vec<Vec<Taken>>,
    /// By gutter and track.
    gutters: Vec<Vec<Vec<Taken>>>,
}

impl Routing<'_> {
    fn ends(&self, at: usize) -> Option<Route> {
        let link = self.scene.links.get(at).filter(|link| link.style != Style::End)?;
        let row = |at: usize| self.columns.row.get(at).copied();
        let (from, to) = (row(link.from)?, row(link.to)?);
        let (upper, lower, mut from_row, to_row) =
            if from <= to { (link.from, link.to, from, to) } else { (link.to, link.from, to, from) };
        // A loop is left at the foot of its frame, by whatever stands outside it.
        let within = self.scene.cards.get(lower).and_then(|card| card.inside) == Some(upper);
        if !within && let Some(frame) = self.rows.frames.iter().find(|frame| frame.card == upper) {
            from_row = frame.last;
        }
        // Ends in one row happen only in circles, which the checker refuses; there is no way to draw.
        (to_row > from_row).then_some(Route { link: at, upper, lower, from_row, to_row, way: Way::Direct })
    }

    fn way(&mut self, route: &Route) -> Way {
        let (first, last) = (route.from_row + 1, route.to_row - 1);
        let style = self.scene.links.get(route.link).map_or(Style::Order, |link| link.style);
        let net = (route.upper, style);
        let column = |at: usize| self.columns.of.get(at).copied().unwrap_or(0);
        let (from, to) = (column(route.upper), column(route.lower));
        // In tenths of half a column.
        let far = |half: usize| 10 * (half.abs_diff(2 * from + 1) + half.abs_diff(2 * to + 1));
        let mut best: Option<(usize, Way)> = None;
        let mut offer = |cost: usize, way: Way| {
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, way));
            }
        };
        for column in 0..self.columns.count {
            let filled = self.free.get(column);
            let upto = |row: usize| filled.and_then(|cells| cells.get(row)).copied().unwrap_or(0);
            let taken = self.middle.get(column).map(Vec::as_slice).unwrap_or_default();
            if upto(last + 1) == upto(first) && clear(taken, first, last, net) {
                let cost = far(2 * column + 1) + self.framed(column, column + 1, route);
                offer(cost, Way::Column(column));
            }
        }
        for (gutter, tracks) in self.gutters.iter().enumerate() {
            let shared = tracks
                .iter()
                .position(|taken| taken.iter().any(|one| one.net == net && clear(taken, first, last, net)));
            let open = tracks.iter().position(|taken| clear(taken, first, last, net));
            let track = shared.or(open).unwrap_or(tracks.len());
            let crowd = if shared.is_some() { 0 } else { 5 + track };
            let cost = far(2 * gutter) + crowd + self.framed(gutter, gutter, route);
            offer(cost, Way::Gutter(gutter, track));
        }
        let way = best.map_or(Way::Gutter(0, 0), |(_, way)| way);
        let taken = Taken { first, last, net };
        match way {
            Way::Column(column) => {
                if let Some(list) = self.middle.get_mut(column) {
                    list.push(taken);
                }
            }
            Way::Gutter(gutter, track) => {
                if let Some(tracks) = self.gutters.get_mut(gutter) {
                    if tracks.len() <= track {
                        tracks.resize(track + 1, Vec::new());
                    }
                    if let Some(list) = tracks.get_mut(track) {
                        list.push(taken);
                    }
                }
            }
            Way::Direct => {}
        }
        way
    }

    /// What it costs to lead through frames that neither end stands in. A way between columns `left` and `right` (one
    /// past it) is in a frame that has columns on both sides of it.
    fn framed(&self, left: usize, right: usize, route: &Route) -> usize {
        let passes = |frame: &&super::rows::Frame| {
            let (first, last) = (route.from_row + 1, route.to_row - 1);
            frame.first <= last
                && first <= frame.last
                && !(frame.first <= route.to_row && route.to_row <= frame.last)
                && !(frame.first <= route.from_row && route.from_row <= frame.last)
        };
        let through = |frame: &super::rows::Frame| {
            let members = self.rows.rows.get(frame.first..=frame.last).unwrap_or_default().iter().flatten();
            let places = members.filter_map(|at| self.columns.of.get(*at).copied());
            let (low, high) = places.fold((usize::MAX, 0), |(low, high), at| (low.min(at), high.max(at)));
            low < right && left <= high && (left < right || low < left)
        };
        self.rows.frames.iter().filter(passes).filter(|frame| through(frame)).count() * 25
    }
}

/// The horizontal middle that a way keeps to, by columns and gutters.
pub(super) fn middle(way: Way, centres: &[i32], gutters: &BTreeMap<(usize, usize), i32>) -> Option<i32> {
    match way {
        Way::Direct => None,
        Way::Column(column) => centres.get(column).copied(),
        Way::Gutter(gutter, track) => gutters.get(&(gutter, track)).copied(),
    }
}
