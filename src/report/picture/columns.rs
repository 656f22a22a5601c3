//! Cards to columns: each lane has as many as its fullest row needs; barycentre sweeps keep links short and uncrossed.

use std::collections::BTreeMap;

use super::rows::Rows;
use super::scene::{Link, Scene, Style};

/// Which column each card stands in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Columns {
    /// By card.
    pub(super) of: Vec<usize>,
    /// By card.
    pub(super) row: Vec<usize>,
    /// By lane: its first column and how many it has.
    pub(super) lanes: Vec<(usize, usize)>,
    /// All columns.
    pub(super) count: usize,
}

/// Positions are compared in hundredths of a column.
const HUNDRED: i64 = 100;
/// Sweeps, each down and up.
const SWEEPS: usize = 6;

pub(super) fn columns(scene: &Scene, rows: &Rows) -> Columns {
    let lane = |at: usize| scene.cards.get(at).map_or(0, |card| card.lane);
    let mut widest = vec![1_usize; scene.heads.len().max(1)];
    let mut row_of = vec![0; scene.cards.len()];
    for (number, row) in rows.rows.iter().enumerate() {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for at in row {
            *counts.entry(lane(*at)).or_default() += 1;
            set(&mut row_of, *at, number);
        }
        for (lane, count) in counts {
            if let Some(slot) = widest.get_mut(lane) {
                *slot = count.max(*slot);
            }
        }
    }
    let mut lanes = Vec::new();
    let mut count = 0;
    for columns in widest {
        lanes.push((count, columns));
        count += columns;
    }
    let mut made = Columns { of: vec![0; scene.cards.len()], row: row_of, lanes, count };
    let mut ordering = Ordering::new(scene, rows, &made);
    ordering.start(&mut made.of);
    let mut best = (ordering.cost(&made.of), made.of.clone());
    for _ in 0..SWEEPS {
        for down in [true, false] {
            ordering.sweep(&mut made.of, down);
            let cost = ordering.cost(&made.of);
            if cost < best.0 {
                best = (cost, made.of.clone());
            }
        }
    }
    made.of = best.1;
    made
}

fn set<T>(list: &mut [T], at: usize, value: T) {
    if let Some(slot) = list.get_mut(at) {
        *slot = value;
    }
}

struct Ordering<'s> {
    /// By row: its cards by lane, with the lane's columns.
    groups: Vec<Vec<(Vec<usize>, usize, usize)>>,
    links: &'s [Link],
    /// By card: its neighbours above and below.
    above: Vec<Vec<(usize, i64)>>,
    below: Vec<Vec<(usize, i64)>>,
    row: Vec<usize>,
}

impl<'s> Ordering<'s> {
    fn new(scene: &'s Scene, rows: &Rows, columns: &Columns) -> Ordering<'s> {
        let mut groups = Vec::new();
        for row in &rows.rows {
            let mut by_lane: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for at in row {
                by_lane.entry(scene.cards.get(*at).map_or(0, |card| card.lane)).or_default().push(*at);
            }
            let placed = |(lane, cards)| {
                let (first, count) = columns.lanes.get(lane).copied().unwrap_or((0, 1));
                (cards, first, count)
            };
            groups.push(by_lane.into_iter().map(placed).collect());
        }
        let mut above = vec![Vec::new(); scene.cards.len()];
        let mut below = vec![Vec::new(); scene.cards.len()];
        for link in scene.links.iter().filter(|link| link.style != Style::End) {
            let row = |at: usize| columns.row.get(at).copied().unwrap_or(0);
            let (up, down) =
                if row(link.from) <= row(link.to) { (link.from, link.to) } else { (link.to, link.from) };
            // What undoes a step stands to its right, where there is room.
            let aside = if link.style == Style::Undo { HUNDRED } else { 0 };
            if let Some(list) = above.get_mut(down) {
                list.push((up, aside));
            }
            if link.style != Style::Undo
                && let Some(list) = below.get_mut(up)
            {
                list.push((down, 0));
            }
        }
        Ordering { groups, links: &scene.links, above, below, row: columns.row.clone() }
    }

    fn start(&self, of: &mut [usize]) {
        for (cards, first, _) in self.groups.iter().flatten() {
            for (offset, at) in cards.iter().enumerate() {
                set(of, *at, first + offset);
            }
        }
    }

    fn sweep(&mut self, of: &mut [usize], down: bool) {
        let neighbours = if down { &self.above } else { &self.below };
        let rows: Vec<usize> =
            if down { (0..self.groups.len()).collect() } else { (0..self.groups.len()).rev().collect() };
        for row in rows {
            for (cards, first, count) in self.groups.get_mut(row).into_iter().flatten() {
                let wanted = |at: usize| -> i64 {
                    let near = neighbours.get(at).map(Vec::as_slice).unwrap_or_default();
                    let column = |at: usize| i64::try_from(of.get(at).copied().unwrap_or(0)).unwrap_or(0);
                    if near.is_empty() {
                        return column(at) * HUNDRED;
                    }
                    let sum: i64 = near.iter().map(|(other, aside)| column(*other) * HUNDRED + aside).sum();
                    sum / i64::try_from(near.len()).unwrap_or(1)
                };
                let mut keyed: Vec<(i64, usize)> = cards.iter().map(|at| (wanted(*at), *at)).collect();
                keyed.sort_unstable();
                let places = assign(&keyed, *first, *count);
                *cards = keyed.iter().map(|(_, at)| *at).collect();
                for ((_, at), column) in keyed.iter().zip(places) {
                    set(of, *at, column);
                }
            }
        }
    }

    /// Crossings of links between neighbouring rows count four columns of length each.
    fn cost(&self, of: &[usize]) -> usize {
        let column = |at: usize| of.get(at).copied().unwrap_or(0);
        let row = |at: usize| self.row.get(at).copied().unwrap_or(0);
        let mut length = 0;
        let mut by_row: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for link in self.links.iter().filter(|link| link.style != Style::End) {
            length += column(link.from).abs_diff(column(link.to));
            if row(link.from) + 1 == row(link.to) {
                by_row.entry(row(link.from)).or_default().push((column(link.from), column(link.to)));
            }
        }
        let mut crossings = 0;
        for links in by_row.values() {
            for (at, (from, to)) in links.iter().enumerate() {
                let later = links.iter().skip(at + 1);
                crossings += later.filter(|(f, t)| (f < from && t > to) || (f > from && t < to)).count();
            }
        }
        length + 4 * crossings
    }
}

/// Columns for cards in their order, as near as can be to where they want to stand.
fn assign(keyed: &[(i64, usize)], first: usize, count: usize) -> Vec<usize> {
    // best[i] = cost of the cards so far with the last of them in column i, and the choices that led there.
    let distance =
        |column: usize, wanted: i64| (i64::try_from(first + column).unwrap_or(0) * HUNDRED - wanted).abs();
    let mut best: Vec<Option<(i64, Vec<usize>)>> = vec![Some((0, Vec::new())); 1];
    for (place, (wanted, _)) in keyed.iter().enumerate() {
        let mut next: Vec<Option<(i64, Vec<usize>)>> = vec![None; count];
        for column in place..count {
            let earlier = if place == 0 { 1 } else { column };
            let from = best.iter().take(earlier).flatten().min_by_key(|(cost, _)| *cost);
            if let Some((cost, chosen)) = from {
                let mut chosen = chosen.clone();
                chosen.push(first + column);
                set(&mut next, column, Some((cost + distance(column, *wanted), chosen)));
            }
        }
        best = next;
    }
    best.into_iter().flatten().min_by_key(|(cost, _)| *cost).map(|(_, chosen)| chosen).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_keep_their_order_and_stand_near_what_they_want() {
        assert_eq!(assign(&[(300, 7)], 2, 3), [3]);
        assert_eq!(assign(&[(400, 1), (400, 2)], 2, 3), [3, 4]);
        assert_eq!(assign(&[(0, 1), (0, 2), (0, 3)], 2, 3), [2, 3, 4]);
    }
}
