//! `eczflow pin --update`.

use camino::Utf8Path;

use super::write;
use crate::cli::{Exit, Outcome, flow, output};
use crate::compile::Session;
use crate::report;
use crate::source::DiskFiles;

pub(super) fn run(file: &Utf8Path, dry_run: bool, force: bool) -> Outcome {
    let update = Session::new(&DiskFiles).update(file)?;
    if update.pinned.has_errors() {
        flow::tell(&update.pinned.source_map, &update.pinned.diagnostics);
        return Ok(Exit::Findings);
    }
    if let Some(reason) = &update.unlocked {
        output::tell(&format!(
            "{reason}, so nothing says what was pinned: look at the documents, then run `eczflow pin {file}`"
        ));
        return Ok(Exit::Findings);
    }
    output::data(&report::update(&update))?;
    let breaks = update.breaks();
    if breaks && !force {
        output::tell(&format!(
            "nothing was written: mend the flow and update again; `eczflow pin --update --force {file}` pins all the same"
        ));
        return Ok(Exit::Findings);
    }
    if update.pinned.current {
        output::tell("pins and lock are current");
    } else if dry_run {
        output::tell(&format!("nothing was written: `eczflow pin --update {file}` writes pins and lock"));
    } else {
        write(file, &update.pinned)?;
        output::tell(&format!("pins and lock are written: `eczflow check {file}` proves the flow again"));
    }
    Ok(if breaks { Exit::Findings } else { Exit::Clean })
}
