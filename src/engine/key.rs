//! Idempotency keys. Attempt numbers never reach one.

use serde_json::{Value as Json, json};

use super::path::Path;
use crate::base::{CanonicalError, Digest, canonical_json};
use crate::ecz::EczId;
use crate::types::key_text;

/// The default key: stable over attempts and crashes, distinct over runs, steps, undos and iterations.
pub(super) fn default_key(run: &str, path: &Path) -> Result<String, CanonicalError> {
    let indices: Vec<u64> = path.iterations.iter().map(|(_, index)| *index).collect();
    hash(&json!(["eczflow-key-1", run, path.to_string(), path.node, indices]))
}

/// `key once per E`: one for all runs of this operator's flow and step with the same value.
pub(super) fn once_key(
    operator: &EczId,
    flow: &str,
    step: &str,
    value: &Json,
) -> Result<String, CanonicalError> {
    hash(&json!(["eczflow-once-1", operator, flow, step, value]))
}

fn hash(parts: &Json) -> Result<String, CanonicalError> {
    Ok(key_text(&Digest::of(canonical_json(parts)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_run_iteration_and_undo_and_by_nothing_else() {
        let path: Path = "lines[0].moved".parse().unwrap();
        let key = default_key("r1", &path).unwrap();
        assert_eq!(key.len(), 43);
        assert_eq!(key, default_key("r1", &path).unwrap());
        for (run, other) in
            [("r2", "lines[0].moved"), ("r1", "lines[1].moved"), ("r1", "lines[0].moved/undo")]
        {
            assert_ne!(key, default_key(run, &other.parse().unwrap()).unwrap());
        }
        let operator: EczId = "ECZ-GB-A1B2C3".parse().unwrap();
        assert_eq!(
            once_key(&operator, "f", "s", &json!("T1")).unwrap(),
            once_key(&operator, "f", "s", &json!("T1")).unwrap()
        );
    }
}
