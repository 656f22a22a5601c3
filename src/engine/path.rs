//! Call paths: which instance of a node, and which of its calls. Written `for_line[0].moved/undo`.

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
    /// Which of the node's calls.
    pub role: Role,
}

/// Which call of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Its own; and nodes that are no calls.
    Own,
    /// The compensation.
    Undo,
    /// The read that settles an unknown outcome.
    Reconcile,
}

impl Role {
    /// What a path ends with.
    fn suffix(self) -> &'static str {
        match self {
            Role::Own => "",
            Role::Undo => "/undo",
            Role::Reconcile => "/reconcile",
        }
    }
}

impl Path {
    /// A node directly in some iterations; none for the flow's own body.
    pub fn new(iterations: &[(String, u64)], node: &str) -> Path {
        Path { iterations: iterations.to_vec(), node: node.to_owned(), role: Role::Own }
    }

    /// The undo of this node.
    #[must_use]
    pub fn undo(&self) -> Path {
        Path { role: Role::Undo, ..self.clone() }
    }

    /// The read that settles this node's outcome.
    #[must_use]
    pub fn reconcile(&self) -> Path {
        Path { role: Role::Reconcile, ..self.clone() }
    }

    /// The node whose undo or reconcile this is; itself otherwise.
    #[must_use]
    pub fn forward(&self) -> Path {
        Path { role: Role::Own, ..self.clone() }
    }

    /// Whether it is the node itself.
    pub fn is_own(&self) -> bool {
        self.role == Role::Own
    }

    /// Whether it is the node's undo.
    pub fn is_undo(&self) -> bool {
        self.role == Role::Undo
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
        f.write_str(self.role.suffix())
    }
}

/// Text that is no call path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a call path")]
pub struct PathError;

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Path, PathError> {
        let role = |role: Role| text.strip_suffix(role.suffix()).map(|text| (text, role));
        let (text, role) = role(Role::Undo).or_else(|| role(Role::Reconcile)).unwrap_or((text, Role::Own));
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
        Ok(Path { iterations, node, role })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_round_trip() {
        for text in ["refund", "refund/undo", "refund/reconcile", "for_line[0].moved", "a[2].b[11].c/undo"] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
        assert!("a[x].b".parse::<Path>().is_err() && "".parse::<Path>().is_err());
    }
}
