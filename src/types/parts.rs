//! How much of a type there is, and types of values that grew beyond what is worth following: a record of twice the record
//! before, twenty times over, has a million members.

use super::{Members, Type};

/// Parts of the type of one value that a flow builds; of more it is unknown.
const MOST_PARTS: usize = 20_000;
/// Levels of it.
const MOST_LEVELS: usize = 64;
/// Parts of the types of all named values of a flow together.
const ALL_PARTS: usize = 2_000_000;

/// Levels and parts of a type.
pub fn measure(ty: &Type) -> (usize, usize) {
    let inner: Vec<&Type> = match ty {
        Type::List { of } | Type::Map { of } | Type::Optional { of } => vec![of],
        Type::Union { of } => of.iter().collect(),
        Type::Record(record) => {
            let others = match &record.others {
                Members::Of(of) => Some(&**of),
                Members::Closed | Members::Open => None,
            };
            record.fields.values().map(|field| &field.ty).chain(others).collect()
        }
        _ => Vec::new(),
    };
    inner
        .into_iter()
        .map(measure)
        .fold((1, 1), |(depth, parts), (below, more)| (depth.max(below + 1), parts.saturating_add(more)))
}

fn too_large() -> Type {
    Type::unknown("it has too many parts")
}

impl Type {
    /// Itself, or unknown where a value of it has too many parts or levels to be followed.
    pub fn capped(self) -> Type {
        let (levels, parts) = measure(&self);
        if levels > MOST_LEVELS || parts > MOST_PARTS { too_large() } else { self }
    }
}

/// The types of a record's members or a list's items while they are collected: what is too much is not kept.
#[derive(Debug, Default)]
pub struct Parts(usize);

impl Parts {
    /// A member's type, or an item's.
    pub fn add(&mut self, ty: Type) -> Type {
        self.0 = self.0.saturating_add(measure(&ty).1);
        if self.0 > MOST_PARTS { Type::Never } else { ty }
    }

    /// The type of the whole, made only where it is not too much.
    pub fn whole(&self, make: impl FnOnce() -> Type) -> Type {
        if self.0 > MOST_PARTS { too_large() } else { make().capped() }
    }
}

/// What the types of a flow's named values may still take.
#[derive(Debug)]
pub struct PartsLeft(usize);

impl Default for PartsLeft {
    fn default() -> PartsLeft {
        PartsLeft(ALL_PARTS)
    }
}

impl PartsLeft {
    /// The type of a named value: unknown where nothing is left for it.
    pub fn keep(&mut self, ty: Type) -> Type {
        let parts = measure(&ty).1;
        match self.0.checked_sub(parts) {
            Some(left) => {
                self.0 = left;
                ty
            }
            None => too_large(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_doubles_ends_as_unknown() {
        let mut ty = Type::string();
        for _ in 0..40 {
            let mut parts = Parts::default();
            let members = ["a", "b"].map(|name| (name, parts.add(ty.clone())));
            ty = parts.whole(|| Type::closed_record(members));
            assert!(measure(&ty).1 <= MOST_PARTS);
        }
        let mut deep = Type::string();
        for _ in 0..400 {
            deep = Type::list(deep).capped();
            assert!(measure(&deep).0 <= MOST_LEVELS);
        }
        let mut left = PartsLeft::default();
        let wide = Type::closed_record((0..1_000).map(|index| (format!("m{index}"), Type::int())));
        let kept = (0..3_000).filter(|_| left.keep(wide.clone()) == wide).count();
        assert_eq!(kept, ALL_PARTS / 1_001);
    }
}
