//! Cards to rows: longest path from the top; a loop takes rows of its own, which its frame surrounds.

use std::collections::{BTreeMap, BTreeSet};

use super::scene::{Card, Kind, Link, Scene, Style};

/// A loop's frame, in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// The loop's own card.
    pub(super) card: usize,
    pub(super) first: usize,
    pub(super) last: usize,
    /// Frames inside it, one in another.
    pub(super) levels: usize,
}

/// Which card stands in which row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Rows {
    /// Cards of each row, in order of the source.
    pub(super) rows: Vec<Vec<usize>>,
    /// Outer frames after those inside them.
    pub(super) frames: Vec<Frame>,
}

/// Every card after those it waits for; in order of the source where that leaves a choice. In a circle the first in the
/// source comes first.
pub(super) fn order(cards: usize, links: &[Link]) -> Vec<usize> {
    let mut missing: Vec<usize> = vec![0; cards];
    let mut out: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for link in links {
        if let Some(count) = missing.get_mut(link.to) {
            *count += 1;
        }
        out.entry(link.from).or_default().push(link.to);
    }
    let free = |(at, count): (usize, &usize)| (*count == 0).then_some(at);
    let mut ready: BTreeSet<usize> = missing.iter().enumerate().filter_map(free).collect();
    let mut left: BTreeSet<usize> = (0..cards).collect();
    let mut ordered = Vec::with_capacity(cards);
    while let Some(next) = ready.pop_first().or_else(|| left.first().copied()) {
        if !left.remove(&next) {
            continue;
        }
        ordered.push(next);
        for to in out.get(&next).into_iter().flatten() {
            if let Some(count) = missing.get_mut(*to) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.insert(*to);
                }
            }
        }
    }
    ordered
}

/// Places the cards of a scene in rows of at most `most` cards a lane.
pub(super) fn rows(scene: &Scene, most: usize) -> Rows {
    let mut blocks: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    let position = order(scene.cards.len(), &scene.links);
    for at in &position {
        let inside = scene.cards.get(*at).and_then(|card| card.inside);
        blocks.entry(inside).or_default().push(*at);
    }
    let mut rank = vec![0; scene.cards.len()];
    for (place, at) in position.iter().enumerate() {
        if let Some(slot) = rank.get_mut(*at) {
            *slot = place;
        }
    }
    // A compensation has no links of its own.
    let leaf = |at: usize| scene.cards.get(at).is_some_and(|card| card.kind == Kind::Undo);
    let undo = |link: &&Link| link.style == Style::Undo && leaf(link.to);
    let undos = scene.links.iter().filter(undo).map(|link| (link.from, link.to)).collect();
    let mut placing =
        Placing { scene, blocks, rank, most, into: BTreeMap::new(), undos, made: Rows::default() };
    for link in &scene.links {
        // Against the order only in a circle, which is drawn all the same.
        let (early, late) = placing.downwards(*link);
        placing.into.entry(late).or_default().push(early);
    }
    placing.block(None);
    placing.made
}

struct Placing<'s> {
    scene: &'s Scene,
    blocks: BTreeMap<Option<usize>, Vec<usize>>,
    rank: Vec<usize>,
    most: usize,
    into: BTreeMap<usize, Vec<usize>>,
    /// By step: its compensation.
    undos: BTreeMap<usize, usize>,
    made: Rows,
}

impl Placing<'_> {
    fn downwards(&self, link: Link) -> (usize, usize) {
        let rank = |at: usize| self.rank.get(at).copied().unwrap_or(0);
        if rank(link.from) <= rank(link.to) { (link.from, link.to) } else { (link.to, link.from) }
    }

    /// Places a block; answers how many frames stand in it, one in another.
    fn block(&mut self, inside: Option<usize>) -> usize {
        let Some(members) = self.blocks.remove(&inside) else { return 0 };
        let mut layer_of: BTreeMap<usize, usize> = BTreeMap::new();
        let mut layers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in members {
            let before = self.into.get(&at).into_iter().flatten().filter_map(|other| layer_of.get(other));
            let layer = before.max().map_or(0, |layer| layer + 1);
            layer_of.insert(at, layer);
            layers.entry(layer).or_default().push(at);
        }
        let mut levels = 0;
        // Compensations that stand nearer to their steps than their layer would have them.
        let mut early: BTreeSet<usize> = BTreeSet::new();
        for (_, mut cards) in layers {
            cards.retain(|at| !early.contains(at));
            cards.sort_unstable();
            let has_frame = |at: &usize| self.blocks.contains_key(&Some(*at));
            let (loops, plain): (Vec<usize>, Vec<usize>) = cards.into_iter().partition(has_frame);
            let pulled = self.wrapped(plain, !loops.is_empty());
            early.extend(pulled);
            for at in loops {
                let first = self.made.rows.len();
                self.made.rows.push(vec![at]);
                let inner = self.block(Some(at));
                let last = self.made.rows.len().saturating_sub(1);
                self.made.frames.push(Frame { card: at, first, last, levels: inner });
                levels = levels.max(inner + 1);
            }
        }
        levels
    }

    /// One layer as one row, or as several where a lane would become too wide. Where more than the next layer's cards come
    /// between (`apart`, or several rows), the compensations of a row follow it at once; they are answered.
    fn wrapped(&mut self, cards: Vec<usize>, apart: bool) -> Vec<usize> {
        let mut rows: Vec<Vec<usize>> = Vec::new();
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for at in cards {
            let lane = self.scene.cards.get(at).map_or(0, |card: &Card| card.lane);
            let count = counts.entry(lane).or_default();
            let row = *count / self.most.max(1);
            *count += 1;
            if rows.len() <= row {
                rows.push(Vec::new());
            }
            if let Some(row) = rows.get_mut(row) {
                row.push(at);
            }
        }
        let apart = apart || rows.len() > 1;
        let mut followed = Vec::new();
        for row in rows {
            let undos: Vec<usize> = row.iter().filter_map(|at| self.undos.get(at)).copied().collect();
            self.made.rows.push(row);
            if apart && !undos.is_empty() {
                followed.extend(&undos);
                self.made.rows.push(undos);
            }
        }
        followed
    }
}
