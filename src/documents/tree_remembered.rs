//! A tree as a cache keeps it: the cells of its large containers, and of what is smaller only where it stands. That is
//! enough to find any value by reading little of the text, and a small part of what the whole tree takes.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::{Cell, Kind, SMALL, Tree};
use crate::diagnostics::Sink;
use crate::documents::json;
use crate::source::{FileId, Text};

/// Containers of fewer bytes than this are parts.
const LARGE: u32 = 4 << 10;

/// What may stand in a remembered tree as a cell, by the byte that says so.
const KINDS: [Kind; 8] =
    [Kind::Null, Kind::False, Kind::True, Kind::Whole, Kind::Quoted, Kind::Array, Kind::Object, Kind::Part];

/// Bytes of a cell: two places, one number, and its kind.
const CELL: usize = 13;

#[expect(clippy::cast_possible_truncation, reason = "there are no more cells than in the tree itself")]
impl Tree {
    /// A tree without any value.
    pub(super) fn nothing(file: FileId, text: Text) -> Tree {
        Tree {
            file,
            text,
            cells: Vec::new(),
            strings: Vec::new(),
            numbers: Vec::new(),
            sorted: HashMap::new(),
            parts: Vec::new(),
            nested: true,
        }
    }

    /// What was read of a part; `None` where the cell is none.
    pub(super) fn part(&self, at: u32) -> Option<&Tree> {
        let cell = self.cell(at);
        if cell.kind != Kind::Part {
            return None;
        }
        let part = self.parts.get(usize::try_from(cell.data).ok()?)?;
        Some(part.get_or_init(|| {
            let place = super::Node { tree: self, at }.span().range();
            let read = json::read_part(&self.text, place, self.file, &mut Sink::default());
            // The same bytes were read before without a finding, so this is what never happens.
            read.unwrap_or_else(|| Tree::nothing(self.file, self.text.clone()))
        }))
    }

    /// What to keep of it; `None` where places alone do not tell its values apart.
    pub(in crate::documents) fn remember(&self) -> Option<Vec<u8>> {
        if !self.nested {
            return None;
        }
        let mut kept = Kept { tree: self, cells: Vec::new(), parts: 0, sorted: Vec::new() };
        kept.value(0);
        let mut bytes = Vec::with_capacity(kept.cells.len() * CELL);
        let mut number = |number: u32| bytes.extend_from_slice(&number.to_le_bytes());
        number(kept.cells.len() as u32);
        number(kept.parts);
        number(kept.sorted.len() as u32);
        for (at, keys) in &kept.sorted {
            number(*at);
            number(keys.len() as u32);
            keys.iter().copied().for_each(&mut number);
        }
        for cell in &kept.cells {
            for number in [cell.start, cell.end, cell.data] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.push(KINDS.iter().position(|kind| *kind == cell.kind).unwrap_or_default() as u8);
        }
        Some(bytes)
    }

    /// The tree of a text from what was kept of it; `None` where that is not of this form.
    pub(in crate::documents) fn recall(kept: &[u8], file: FileId, text: Text) -> Option<Tree> {
        let mut rest = kept;
        let mut number = || {
            let (bytes, after) = rest.split_first_chunk()?;
            rest = after;
            Some(u32::from_le_bytes(*bytes))
        };
        let (count, parts, indexes) = (number()?, number()?, number()?);
        // Nothing is set aside for more than the bytes can hold.
        let most = kept.len() as u32 / 4;
        if count.max(parts).max(indexes) > most {
            return None;
        }
        let mut tree = Tree::nothing(file, text);
        for _ in 0..indexes {
            let (at, keys) = (number()?, number()?);
            let keys: Option<Box<[u32]>> = (0..keys.min(most)).map(|_| number()).collect();
            tree.sorted.insert(at, keys?);
        }
        let cells = rest.chunks_exact(CELL);
        if !cells.remainder().is_empty() || cells.len() != usize::try_from(count).ok()? {
            return None;
        }
        tree.cells.reserve_exact(cells.len());
        for cell in cells {
            let at = |from: usize| cell.get(from..)?.first_chunk().copied().map(u32::from_le_bytes);
            let kind = *KINDS.get(usize::from(*cell.last()?))?;
            tree.cells.push(Cell { start: at(0)?, end: at(4)?, data: at(8)?, kind });
        }
        tree.parts.resize_with(usize::try_from(parts).ok()?, OnceLock::new);
        Some(tree)
    }
}

struct Kept<'t> {
    tree: &'t Tree,
    cells: Vec<Cell>,
    parts: u32,
    sorted: Vec<(u32, Vec<u32>)>,
}

#[expect(clippy::cast_possible_truncation, reason = "there are no more cells than in the tree itself")]
impl Kept<'_> {
    /// Keeps a value or a key. As deep as the document, which has a bound.
    fn value(&mut self, at: u32) {
        let mut cell = self.tree.cell(at);
        let new = self.cells.len();
        match cell.kind {
            Kind::Null | Kind::False | Kind::True | Kind::Whole | Kind::Quoted => self.cells.push(cell),
            Kind::Array | Kind::Object if cell.end.saturating_sub(cell.start) >= LARGE => {
                self.cells.push(cell);
                let keys = self.within(at, cell.kind == Kind::Object);
                let next = self.cells.len() as u32;
                if let Some(cell) = self.cells.get_mut(new) {
                    cell.data = next;
                }
                if let Some(sorted) = self.tree.sorted.get(&at) {
                    // In the order of the text, so that the old numbers rise.
                    let moved = |old: &u32| {
                        let place = keys.binary_search_by_key(old, |(old, _)| *old).ok()?;
                        keys.get(place).map(|(_, new)| *new)
                    };
                    self.sorted.push((new as u32, sorted.iter().filter_map(moved).collect()));
                }
            }
            _ => {
                (cell.kind, cell.data) = (Kind::Part, self.parts);
                self.parts += 1;
                self.cells.push(cell);
            }
        }
    }

    /// Keeps what is in a container; answers with the numbers its cells had and now have, where it is a large object.
    fn within(&mut self, at: u32, object: bool) -> Vec<(u32, u32)> {
        let mut moved = Vec::new();
        let (mut next, end) = (at + 1, self.tree.after(at));
        while next < end {
            if object {
                moved.push((next, self.cells.len() as u32));
                self.value(next);
                next += 1;
            }
            self.value(next);
            next = self.tree.after(next);
        }
        if moved.len() <= SMALL {
            moved.clear();
        }
        moved
    }
}
