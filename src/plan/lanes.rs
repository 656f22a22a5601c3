//! How many calls of an outline may be under way at once: what follows something else never is beside it.

use std::collections::BTreeMap;

use super::outline::Item;

/// Free lanes that are looked at for one that an item fits in.
const LOOKED_AT: usize = 16;

/// Items in lanes: those of one lane follow each other, so that only one of them is under way at a time.
pub(super) struct Lanes<'o> {
    /// The items that each waits for.
    after: Vec<Vec<usize>>,
    /// By item: how many of those that wait for it have no lane yet.
    followers: Vec<usize>,
    /// By item: the lanes that are free once it is done.
    free: Vec<Vec<usize>>,
    /// By lane: the most calls of an api that an item of it makes at once.
    most: Vec<BTreeMap<&'o str, u64>>,
}

impl<'o> Lanes<'o> {
    pub(super) fn of(items: &[Item<'o>]) -> Lanes<'o> {
        let places: BTreeMap<&str, usize> =
            items.iter().enumerate().map(|(at, item)| (item.id, at)).collect();
        let after = |item: &Item<'_>| -> Vec<usize> {
            item.after.iter().filter_map(|name| places.get(name.as_str()).copied()).collect()
        };
        let after: Vec<Vec<usize>> = items.iter().map(after).collect();
        let mut followers = vec![0; items.len()];
        for earlier in after.iter().flatten() {
            if let Some(count) = followers.get_mut(*earlier) {
                *count += 1;
            }
        }
        Lanes { after, followers, free: vec![Vec::new(); items.len()], most: Vec::new() }
    }

    /// Puts an item in a lane that is free once what it waits for is done. The last that waits for something has all lanes
    /// which are left there, the others one.
    pub(super) fn put(&mut self, at: usize, calls: BTreeMap<&'o str, u64>) {
        let mut free: Vec<usize> = Vec::new();
        for earlier in self.after.get(at).into_iter().flatten() {
            let (Some(count), Some(left)) = (self.followers.get_mut(*earlier), self.free.get_mut(*earlier))
            else {
                continue;
            };
            *count = count.saturating_sub(1);
            match *count {
                0 if free.is_empty() => free = std::mem::take(left),
                0 => free.append(left),
                _ => free.extend(left.pop()),
            }
        }
        let fits = |lane: &usize| {
            let most = self.most.get(*lane);
            calls.iter().all(|(api, calls)| most.and_then(|most| most.get(api)) >= Some(calls))
        };
        let lane = free.iter().rev().take(LOOKED_AT).copied().find(fits).or(free.last().copied());
        let lane = lane.unwrap_or_else(|| {
            self.most.push(BTreeMap::new());
            free.push(self.most.len() - 1);
            self.most.len() - 1
        });
        if let Some(most) = self.most.get_mut(lane) {
            for (api, calls) in calls {
                let known = most.entry(api).or_default();
                *known = calls.max(*known);
            }
        }
        if let Some(slot) = self.free.get_mut(at) {
            *slot = free;
        }
    }

    /// How many calls of an api may be under way at once.
    pub(super) fn at_once(&self, api: &str) -> u64 {
        self.most.iter().filter_map(|most| most.get(api)).fold(0, |all, calls| all.saturating_add(*calls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::outline::Does;

    /// The most calls at once of items that make one call each, by what they wait for; a name with `-` calls nothing.
    fn at_once(items: &[(&'static str, &[&str])]) -> u64 {
        let item = |(id, after): &(&'static str, &[&str])| Item {
            id,
            after: after.iter().map(|name| (*name).to_owned()).collect(),
            fails: None,
            does: Does::Compute,
        };
        let items: Vec<Item<'static>> = items.iter().map(item).collect();
        let mut lanes = Lanes::of(&items);
        for (at, item) in items.iter().enumerate() {
            let calls = if item.id.starts_with('-') { vec![] } else { vec![("api", 1)] };
            lanes.put(at, calls.into_iter().collect());
        }
        lanes.at_once("api")
    }

    #[test]
    fn what_follows_something_else_is_not_beside_it() {
        assert_eq!(at_once(&[]), 0);
        assert_eq!(at_once(&[("a", &[]), ("b", &["a"]), ("c", &["b"])]), 1);
        assert_eq!(at_once(&[("a", &[]), ("b", &[]), ("c", &["a", "b"])]), 2);
        // Three, a barrier, and three more.
        let before: [(&str, &[&str]); 4] = [("a", &[]), ("b", &[]), ("c", &[]), ("-d", &["a", "b", "c"])];
        let after: [(&str, &[&str]); 4] =
            [("e", &["-d"]), ("f", &["-d"]), ("g", &["-d"]), ("-h", &["e", "f", "g"])];
        assert_eq!(at_once(&[&before[..], &after[..]].concat()), 3);
        // A fan out of one and back into one.
        assert_eq!(
            at_once(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"]), ("e", &["d"])]),
            2
        );
    }
}
