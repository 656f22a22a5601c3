//! Making a tree.

use serde_json::Number;

use super::{Cell, Kind, Node, SMALL, Tree, order};
use crate::source::{FileId, Span, Text};

/// Makes a tree, cell by cell in the order of the text.
pub(in crate::documents) struct Builder {
    tree: Tree,
    /// Keys of the object that is being closed.
    keys: Vec<u32>,
}

/// A container that is not closed yet.
#[derive(Debug, Clone, Copy)]
pub(in crate::documents) struct Open(u32);

/// How a string stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::documents) enum Written {
    /// Between quotes, without escapes, and nothing that would need one.
    Quoted,
    /// As it is.
    Plain,
    /// As it is, between quotes.
    Inner,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "documents are bounded far below 4 GiB, and so are their cells"
)]
impl Builder {
    /// A builder for values of `size` bytes of the text. `nested` as [`Tree::nested`] has it.
    pub(in crate::documents) fn new(file: FileId, text: Text, size: usize, nested: bool) -> Builder {
        let mut tree = Tree::nothing(file, text);
        tree.cells.reserve(size / 24);
        tree.nested = nested;
        Builder { tree, keys: Vec::new() }
    }

    pub(in crate::documents) fn finish(mut self) -> Tree {
        self.tree.cells.shrink_to_fit();
        self.tree
    }

    pub(in crate::documents) fn is_empty(&self) -> bool {
        self.tree.cells.is_empty()
    }

    fn push(&mut self, start: usize, end: usize, kind: Kind, data: u32) -> u32 {
        let at = self.tree.cells.len() as u32;
        self.tree.cells.push(Cell { start: start as u32, end: end as u32, kind, data });
        at
    }

    pub(in crate::documents) fn null(&mut self, start: usize, end: usize) {
        self.push(start, end, Kind::Null, 0);
    }

    pub(in crate::documents) fn bool(&mut self, start: usize, end: usize, value: bool) {
        self.push(start, end, if value { Kind::True } else { Kind::False }, 0);
    }

    /// A whole number that stands in the text as canonical text has it.
    pub(in crate::documents) fn whole(&mut self, start: usize, end: usize) {
        self.push(start, end, Kind::Whole, 0);
    }

    pub(in crate::documents) fn number(&mut self, start: usize, end: usize, number: Number) {
        let data = self.tree.numbers.len() as u32;
        self.tree.numbers.push(number);
        self.push(start, end, Kind::Number, data);
    }

    pub(in crate::documents) fn string(&mut self, start: usize, end: usize, written: Written) {
        let kind = match written {
            Written::Quoted => Kind::Quoted,
            Written::Plain => Kind::Plain,
            Written::Inner => Kind::Inner,
        };
        self.push(start, end, kind, 0);
    }

    pub(in crate::documents) fn owned(&mut self, start: usize, end: usize, text: String) {
        let data = self.tree.strings.len() as u32;
        self.tree.strings.push(text);
        self.push(start, end, Kind::Owned, data);
    }

    pub(in crate::documents) fn open(&mut self, start: usize, object: bool) -> Open {
        Open(self.push(start, start, if object { Kind::Object } else { Kind::Array }, 0))
    }

    /// Closes a container. `twice` is called for each key of an object that stands there again: its text, where the first
    /// is, where it is.
    pub(in crate::documents) fn close(
        &mut self,
        open: Open,
        end: usize,
        mut twice: impl FnMut(&str, Span, Span),
    ) {
        let Open(at) = open;
        let next = self.tree.cells.len() as u32;
        let Some(cell) = self.tree.cells.get_mut(at as usize) else { return };
        cell.data = next;
        cell.end = end as u32;
        if cell.kind != Kind::Object {
            return;
        }
        self.keys.clear();
        let mut key = at + 1;
        while key < next {
            self.keys.push(key);
            key = self.tree.after(key + 1);
        }
        let tree = &self.tree;
        let span = |at: u32| Node { tree, at }.span();
        if self.keys.len() <= SMALL {
            for (index, key) in self.keys.iter().enumerate() {
                let name = tree.key(*key);
                let earlier = self.keys.get(..index).unwrap_or_default();
                if let Some(first) = earlier.iter().find(|other| tree.key(**other) == name) {
                    twice(name, span(*first), span(*key));
                }
            }
            return;
        }
        self.keys.sort_unstable_by(|a, b| order(tree.key(*a), tree.key(*b)).then(a.cmp(b)));
        let mut first = None;
        for key in &self.keys {
            match first {
                Some(first) if tree.key(first) == tree.key(*key) => {
                    twice(tree.key(*key), span(first), span(*key))
                }
                _ => first = Some(*key),
            }
        }
        let sorted = self.keys.as_slice().into();
        self.tree.sorted.insert(at, sorted);
    }
}
