//! RFC 6962 section 2.1: Merkle tree hashes, inclusion and consistency proofs over leaf hashes.
//!
//! Verification follows RFC 9162 sections 2.1.3.2 and 2.1.4.2, which are iterative and consume a proof exactly.

use super::record::record_hash;
use crate::base::Digest;

/// An inner node: SHA-256 of a one byte and both children.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of_parts(&[&[1], &left.0, &right.0])
}

/// The root of a tree over these leaf hashes; SHA-256 of nothing for the empty tree.
pub fn tree_hash(leaves: &[Digest]) -> Digest {
    let mut tree = Frontier::default();
    for leaf in leaves {
        tree.push(*leaf);
    }
    tree.root()
}

/// What appending needs: the roots of the perfect subtrees along the right edge, largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The frontier of a tree of `size` leaves; `None` where the number of peaks does not fit the size.
    pub fn new(size: u64, peaks: Vec<Digest>) -> Option<Frontier> {
        (u64::try_from(peaks.len()) == Ok(u64::from(size.count_ones()))).then_some(Frontier { size, peaks })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the perfect subtrees, largest first: one for each bit set in the size.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// Appends a leaf by its text and returns its hash.
    pub fn append(&mut self, leaf: &[u8]) -> Digest {
        let hash = record_hash(leaf);
        self.push(hash);
        hash
    }

    /// The tree's root.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Digest::of("") };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Splits where RFC 6962 does: at the largest power of two below the length, which is at least 2.
fn split(leaves: &[Digest]) -> (&[Digest], &[Digest]) {
    leaves.split_at(leaves.len().next_power_of_two() / 2)
}

/// PATH(index, leaves), nearest sibling first; `None` where there is no such leaf.
pub fn inclusion_proof(leaves: &[Digest], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    let mut proof = Vec::new();
    let (mut rest, mut index) = (leaves, index);
    while rest.len() > 1 {
        let (left, right) = split(rest);
        if index < left.len() {
            proof.push(tree_hash(right));
            rest = left;
        } else {
            proof.push(tree_hash(left));
            index -= left.len();
            rest = right;
        }
    }
    proof.reverse();
    Some(proof)
}

/// Whether the leaf stands at `index` in the tree of `size` leaves with that root.
pub fn verify_inclusion_proof(leaf: Digest, index: u64, size: u64, proof: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// PROOF(old, leaves): that the first `old` leaves are a prefix. Empty where `old` is 0 or all of them; `None` where
/// it is more.
pub fn consistency_proof(leaves: &[Digest], old: usize) -> Option<Vec<Digest>> {
    if old > leaves.len() {
        return None;
    }
    let mut proof = Vec::new();
    if old == 0 || old == leaves.len() {
        return Some(proof);
    }
    let (mut rest, mut old, mut whole) = (leaves, old, true);
    while old != rest.len() {
        let (left, right) = split(rest);
        if old <= left.len() {
            proof.push(tree_hash(right));
            rest = left;
        } else {
            proof.push(tree_hash(left));
            old -= left.len();
            rest = right;
            whole = false;
        }
    }
    if !whole {
        proof.push(tree_hash(rest));
    }
    proof.reverse();
    Some(proof)
}

/// Whether the tree of `new` leaves with `new_root` begins with the tree of `old` leaves with `old_root`.
pub fn verify_consistency_proof(
    old: u64,
    old_root: &Digest,
    new: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> bool {
    if old == 0 {
        return proof.is_empty() && *old_root == Digest::of("");
    }
    if old >= new {
        return old == new && proof.is_empty() && old_root == new_root;
    }
    let mut path = proof.iter();
    let seed = if old.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(seed) = seed else { return false };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut first, mut second) = (*seed, *seed);
    for hash in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            first = node_hash(hash, &first);
            second = node_hash(hash, &second);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            second = node_hash(&second, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && first == *old_root && second == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// MTH of RFC 6962 section 2.1, word for word.
    fn naive(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(""),
            [leaf] => *leaf,
            _ => {
                let mut k = 1;
                while k * 2 < leaves.len() {
                    k *= 2;
                }
                node_hash(&naive(&leaves[..k]), &naive(&leaves[k..]))
            }
        }
    }

    fn leaves(count: usize) -> Vec<Digest> {
        (0..count).map(|number| record_hash(&number.to_le_bytes())).collect()
    }

    /// The eight leaves and roots of the Certificate Transparency reference tests.
    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let mut tree = Frontier::default();
        assert_eq!(tree.root().hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (leaf, root) in [
            ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
            ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
            ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
            ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
            (
                "606162636465666768696a6b6c6d6e6f",
                "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
            ),
        ] {
            tree.append(&crate::base::decode_hex(leaf).unwrap());
            assert_eq!(tree.root().hex(), root);
        }
    }

    #[test]
    fn frontiers_survive_being_stored() {
        let mut tree = Frontier::default();
        for leaf in leaves(11) {
            tree.push(leaf);
        }
        let again = Frontier::new(tree.size(), tree.peaks().to_vec()).unwrap();
        assert_eq!(again, tree);
        assert_eq!(Frontier::new(12, tree.peaks().to_vec()), None);
    }

    proptest! {
        #[test]
        fn trees_and_proofs_agree_with_the_definition(size in 1_usize..70, a: u64, b: u64, bit in 0_usize..256) {
            let all = leaves(size);
            let root = naive(&all);
            prop_assert_eq!(tree_hash(&all), root);
            let size = size as u64;
            let index = a % size;
            let leaf = all[index as usize];
            let proof = inclusion_proof(&all, index as usize).unwrap();
            prop_assert!(verify_inclusion_proof(leaf, index, size, &proof, &root));
            let other = b % size;
            prop_assert_eq!(verify_inclusion_proof(leaf, other, size, &proof, &root), other == index);
            let mut flipped = leaf;
            flipped.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!verify_inclusion_proof(flipped, index, size, &proof, &root));
            let mut longer = proof.clone();
            longer.push(leaf);
            prop_assert!(!verify_inclusion_proof(leaf, index, size, &longer, &root));
            if let Some((_, shorter)) = proof.split_last() {
                prop_assert!(!verify_inclusion_proof(leaf, index, size, shorter, &root));
            }

            let old = b % (size + 1);
            let old_root = naive(&all[..old as usize]);
            let proof = consistency_proof(&all, old as usize).unwrap();
            prop_assert!(verify_consistency_proof(old, &old_root, size, &root, &proof));
            prop_assert!(!verify_consistency_proof(old, &flipped, size, &root, &proof));
            if old != 0 {
                prop_assert!(!verify_consistency_proof(old, &old_root, size, &flipped, &proof));
            }
            let mut longer = proof.clone();
            longer.push(leaf);
            prop_assert!(!verify_consistency_proof(old, &old_root, size, &root, &longer));
        }
    }

    #[test]
    fn there_is_no_proof_beyond_the_tree() {
        let all = leaves(3);
        assert_eq!(inclusion_proof(&all, 3), None);
        assert_eq!(consistency_proof(&all, 4), None);
        assert!(!verify_inclusion_proof(all[0], 3, 3, &[], &all[0]));
        assert!(!verify_inclusion_proof(all[0], 0, 0, &[], &all[0]));
    }
}
