//! Mending a file by the fixes that its findings bring.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Compilation, Session};
use crate::base::limits;
use crate::diagnostics::{Code, Diagnostic, Fix, Severity};
use crate::source::{Overlay, ReadError, SourceMap, Span};

/// A mend may show the next mistake; a file that is not settled after this many rounds is left as it is then.
const ROUNDS: usize = 10;

/// What was mended.
#[derive(Debug)]
pub struct Fixed {
    /// What is found once it is mended.
    pub compilation: Compilation,
    /// The new text of every file that changed.
    pub texts: BTreeMap<Utf8PathBuf, String>,
    /// What was done, in order.
    pub made: Vec<Made>,
}

/// One mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The file.
    pub file: Utf8PathBuf,
    /// 1-based line and column at the time.
    pub place: (usize, usize),
    /// The finding it mends.
    pub code: &'static Code,
    /// What it does, imperative.
    pub title: String,
}

impl Session<'_> {
    /// Checks a file and mends what can be mended, until nothing more can. Only findings that are `wanted` are mended, only in
    /// files of flows, and only where that leaves no more errors than before. Nothing is written.
    ///
    /// # Errors
    /// The file itself cannot be read.
    pub fn fix(
        &self,
        path: &Utf8Path,
        flow: Option<&str>,
        wanted: impl Fn(&Diagnostic) -> bool,
    ) -> Result<Fixed, ReadError> {
        let compilation = self.check(path, flow)?;
        let mut fixed = Fixed { compilation, texts: BTreeMap::new(), made: Vec::new() };
        for _ in 0..ROUNDS {
            let Compilation { source_map, diagnostics, .. } = &fixed.compilation;
            let findings: Vec<&Diagnostic> = diagnostics.iter().filter(|found| wanted(found)).collect();
            let (edits, made) = choose(source_map, path, &findings);
            if made.is_empty() {
                break;
            }
            let mut texts = fixed.texts.clone();
            for (file, edits) in edits {
                let bytes = match texts.get(&file) {
                    Some(text) => text.clone().into_bytes(),
                    None => self.files.read(&file, limits::FLOW_BYTES)?,
                };
                // Places count in the text as it was decoded; where that is another, nothing is written.
                let Ok(text) = String::from_utf8(bytes) else { return Ok(fixed) };
                texts.insert(file, apply(text, edits));
            }
            let over = texts.iter().map(|(file, text)| (file.clone(), text.clone().into_bytes())).collect();
            let overlay = Overlay { under: self.files, over };
            let again = Session::new(&overlay).with_standard(self.standard.clone()).check(path, flow)?;
            if errors(&again.diagnostics) > errors(diagnostics) {
                break;
            }
            fixed.made.extend(made);
            fixed.texts = texts;
            fixed.compilation = again;
        }
        Ok(fixed)
    }
}

fn errors(findings: &[Diagnostic]) -> usize {
    findings.iter().filter(|found| found.severity == Severity::Error).count()
}

type Edits = BTreeMap<Utf8PathBuf, Vec<(Span, String)>>;

/// Fixes that touch only files of flows and never each other, the first of those that do.
fn choose(map: &SourceMap, root: &Utf8Path, findings: &[&Diagnostic]) -> (Edits, Vec<Made>) {
    let (mut edits, mut made): (Edits, Vec<Made>) = Default::default();
    for (finding, fix) in findings.iter().filter_map(|finding| Some((finding, finding.fix.as_ref()?))) {
        let Some(first) = fix.edits.first() else { continue };
        let Some(files) = files_of(map, root, fix) else { continue };
        let free = fix.edits.iter().zip(&files).all(|((span, _), file)| {
            edits.get(file).is_none_or(|taken| taken.iter().all(|(other, _)| !touch(*span, *other)))
        });
        if !free {
            continue;
        }
        let (place, code) = (map.line_column(first.0), finding.code);
        if let Some(file) = files.first() {
            made.push(Made { file: file.clone(), place, code, title: fix.title.clone() });
        }
        for (edit, file) in fix.edits.iter().zip(files) {
            edits.entry(file).or_default().push(edit.clone());
        }
    }
    (edits, made)
}

/// The file of each edit; nothing where one of them is no flow's.
fn files_of(map: &SourceMap, root: &Utf8Path, fix: &Fix) -> Option<Vec<Utf8PathBuf>> {
    let files =
        fix.edits.iter().map(|(span, _)| map.file(span.file).map(|file| Utf8PathBuf::from(file.name())));
    let files: Option<Vec<Utf8PathBuf>> = files.collect();
    files.filter(|files| files.iter().all(|file| file == root || file.as_str().ends_with(".eczflow")))
}

fn touch(a: Span, b: Span) -> bool {
    a.start <= b.end && b.start <= a.end
}

/// The text with its edits made.
fn apply(mut text: String, mut edits: Vec<(Span, String)>) -> String {
    edits.sort_by_key(|(span, _)| span.start);
    for (span, new) in edits.into_iter().rev() {
        if text.get(span.range()).is_some() {
            text.replace_range(span.range(), &new);
        }
    }
    text
}

/// Widens every removal that leaves nothing of its lines to the whole lines: whoever makes the edits, by `--fix` or out of
/// JSON or SARIF, gets the same text.
pub(super) fn take_whole_lines(map: &SourceMap, findings: &mut [Diagnostic]) {
    let edits = findings.iter_mut().filter_map(|found| found.fix.as_mut()).flat_map(|fix| &mut fix.edits);
    for (span, _) in edits.filter(|(span, new)| new.is_empty() && span.start < span.end) {
        let text = map.file(span.file).map_or("", |file| file.text());
        let (Some(before), Some(after)) = (text.get(..span.start), text.get(span.end..)) else { continue };
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let end = after.find('\n').map_or(text.len(), |at| span.end + at + 1);
        let blank = |start, end| text.get(start..end).is_some_and(|rest| rest.trim().is_empty());
        if blank(begin, span.start) && blank(span.end, end) {
            *span = Span { start: begin, end, ..*span };
        }
    }
}
