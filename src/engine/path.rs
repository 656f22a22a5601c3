//! Call paths: which instance of a node, and whether it is its undo. Written `for_line[0].moved/undo`.

use std::fmt;
use std::str::FromStr;

/// The iterations a node stands in, outermost first: a loop's id and the index of one of its items.
pub type Iterations = Vec<(String, u64)>;

/// One instance of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// The iterations it stands in.
    pub iterations: Iterations,
    /// The node's id.
    pub node: String,
    /// Whether this is the node's undo.
    pub undo: bool,
}

impl Path {
    /// A node directly in some iterations; none for the flow's own body.
    pub fn new(iterations: &[(String, u64)], node: &str) -> Path {
        Path { iterations: iterations.to_vec(), node: node.to_owned(), undo: false }
    }

    /// The undo of this node.
    #[must_use]
    pub fn undo(&self) -> Path {
        Path { undo: true, ..self.clone() }
    }

    /// The node whose undo this is; itself otherwise.
    #[must_use]
    pub fn forward(&self) -> Path {
        Path { undo: false, ..self.clone() }
    }

    /// The iterations inside a loop at this path.
    pub fn iteration(&self, index: u64) -> Iterations {
        let mut iterations = self.iterations.clone();
        iterations.push((self.node.clone(), index));
        iterations
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (node, index) in &self.iterations {
            write!(f, "{node}[{index}].")?;
        }
        f.write_str(&self.node)?;
        if self.undo { f.write_str("/undo") } else { Ok(()) }
    }
}

/// Text that is no call path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a call path")]
pub struct PathError;

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Path, PathError> {
        let (text, undo) = text.strip_suffix("/undo").map_or((text, false), |text| (text, true));
        let mut parts: Vec<&str> = text.split('.').collect();
        let node = parts.pop().filter(|node| !node.is_empty()).ok_or(PathError)?.to_owned();
        let iterations = parts
            .into_iter()
            .map(|part| {
                let (node, index) =
                    part.strip_suffix(']').and_then(|part| part.split_once('[')).ok_or(PathError)?;
                Ok((node.to_owned(), index.parse().map_err(|_| PathError)?))
            })
            .collect::<Result<_, _>>()?;
        Ok(Path { iterations, node, undo })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_round_trip() {
        for text in ["refund", "refund/undo", "for_line[0].moved", "a[2].b[11].c/undo"] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
        assert!("a[x].b".parse::<Path>().is_err() && "".parse::<Path>().is_err());
    }
}
