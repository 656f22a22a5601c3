//! The file form of a plan: one canonical JSON object `{"plan": …, "plan_digest": "sha256:…"}` and a line feed.

use serde::{Deserialize, Serialize};

use super::{PlanError, model::Plan};
use crate::base::{CanonicalError, Digest, canonical_json, json, limits};

/// A plan and its name, as they stand in a file. Reading one proves nothing but its form: [`super::check`] does the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The plan.
    pub plan: Plan,
    /// SHA-256 of the plan's canonical JSON, as stated.
    pub plan_digest: Digest,
}

impl PlanFile {
    /// A plan under its right name.
    pub fn of(plan: Plan) -> Result<PlanFile, CanonicalError> {
        let plan_digest = digest(&plan)?;
        Ok(PlanFile { plan, plan_digest })
    }

    /// The file's text.
    pub fn to_text(&self) -> Result<String, CanonicalError> {
        let mut text = canonical_json(self)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a file: bounded, strict, and only in the form that [`PlanFile::to_text`] writes (the line feed may be missing).
    pub fn read(bytes: &[u8]) -> Result<PlanFile, PlanError> {
        let unreadable = |reason: String| PlanError::Unreadable { reason };
        if bytes.len() > limits::PLAN_BYTES {
            return Err(unreadable(format!("larger than {} bytes", limits::PLAN_BYTES)));
        }
        let value = json::read_strict(bytes).map_err(|error| unreadable(error.to_string()))?;
        let format = value.pointer("/plan/format").and_then(serde_json::Value::as_str);
        if let Some(found) = format
            && found != super::FORMAT
        {
            let found = found.chars().take(80).collect();
            return Err(PlanError::Format { found, expected: super::FORMAT });
        }
        let file: PlanFile = serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
        let text = file.to_text().map_err(|error| unreadable(error.to_string()))?;
        if text.as_bytes().strip_suffix(b"\n") != Some(bytes.strip_suffix(b"\n").unwrap_or(bytes)) {
            return Err(PlanError::NotCanonical);
        }
        let actual = digest(&file.plan).map_err(|error| unreadable(error.to_string()))?;
        if actual != file.plan_digest {
            return Err(PlanError::Digest { stated: file.plan_digest, actual });
        }
        Ok(file)
    }
}

/// The name of a plan: SHA-256 of its canonical JSON.
pub fn digest(plan: &Plan) -> Result<Digest, CanonicalError> {
    Ok(Digest::of(canonical_json(plan)?))
}
