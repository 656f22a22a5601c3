//! The pages behind `eczflow explain`, from `docs/rules` and `docs/errors`, and the obligations of `docs/checks.md`.

use crate::base::did_you_mean;

/// Every page of the two folders: file name without `.md`, and text. Listed by `build.rs`.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The document with the table of obligations.
const CHECKS: &str = include_str!("../../docs/checks.md");

/// One code's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The code, such as `EF4001` or `ER1001`.
    pub code: &'static str,
    /// The finding's name; empty for an operational error.
    pub name: &'static str,
    /// Markdown.
    pub text: &'static str,
}

impl Page {
    /// The first heading's words.
    pub fn title(&self) -> &'static str {
        let heading = self.text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(self.code);
        heading.strip_prefix(self.code).unwrap_or(heading).trim_start_matches([':', ' ', '-'])
    }
}

/// Every page in order of the codes.
pub fn pages() -> impl Iterator<Item = Page> {
    PAGES.iter().map(|(stem, text)| {
        let (code, name) = stem.split_once('-').unwrap_or((stem, ""));
        Page { code, name, text }
    })
}

/// The page of a code or of a finding's name; else the code or name that may have been meant.
pub fn find_page(wanted: &str) -> Result<Page, Option<&'static str>> {
    let found = pages().find(|page| {
        page.code.eq_ignore_ascii_case(wanted) || (!page.name.is_empty() && page.name == wanted)
    });
    found.ok_or_else(|| {
        let upper = wanted.to_ascii_uppercase();
        let names = || pages().map(|page| page.name).filter(|name| !name.is_empty());
        did_you_mean(wanted, names()).or_else(|| did_you_mean(&upper, pages().map(|page| page.code)))
    })
}

/// The obligations: name, what holds, and the codes of the findings where it does not.
fn obligations() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    let rows = CHECKS.lines().filter_map(|line| line.strip_prefix("| P"));
    rows.filter_map(|row| {
        let mut cells = row.trim_end_matches([' ', '|']).split(" | ");
        Some((format!("P{}", cells.next()?), cells.next()?, cells.next().unwrap_or_default()))
    })
}

/// The obligation that does not hold where a finding of this code is told.
pub fn obligation_of(code: &str) -> Option<String> {
    let mut rows = obligations();
    rows.find(|(_, _, codes)| codes.split_whitespace().any(|known| known == code)).map(|(name, ..)| name)
}

/// What an obligation of the proof says, `P1` to `P10`, with the findings where it does not hold.
pub fn obligation(wanted: &str) -> Option<String> {
    let (name, holds, codes) = obligations().find(|(name, ..)| name.eq_ignore_ascii_case(wanted))?;
    let mut text = format!("# {name}\n\nAn obligation that a plan's proof lists. What holds: {holds}.\n");
    let pages = codes.split_whitespace().filter_map(|code| find_page(code).ok());
    let listed: String = pages.map(|page| format!("- {} {}\n", page.code, page.name)).collect();
    if !listed.is_empty() {
        text.push_str(&format!("\nWhere it does not hold, `eczflow check` says one of these:\n\n{listed}"));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::codes;

    #[test]
    fn every_finding_has_its_page_and_every_page_its_finding() {
        let mut defined: Vec<String> =
            codes::all().iter().map(|code| format!("{}-{}", code.number, code.name)).collect();
        defined.sort();
        let written: Vec<String> = pages()
            .filter(|page| page.code.starts_with("EF"))
            .map(|page| format!("{}-{}", page.code, page.name))
            .collect();
        assert_eq!(written, defined);
    }

    #[test]
    fn pages_begin_with_their_code_and_a_title() {
        for page in pages() {
            assert!(page.text.starts_with(&format!("# {}", page.code)), "{}{}", page.code, page.name);
            assert!(!page.title().is_empty(), "{}", page.code);
        }
    }

    #[test]
    fn pages_are_found_by_code_and_by_name() {
        assert_eq!(find_page("er1001").unwrap().code, "ER1001");
        assert_eq!(find_page("duplicate-key").unwrap().code, "EF8003");
        assert_eq!(find_page("duplicate-kye"), Err(Some("duplicate-key")));
        assert_eq!(find_page("zzzzzzzzzz"), Err(None));
    }

    #[test]
    fn every_obligation_of_the_proof_can_be_explained() {
        for number in 1..=10 {
            let text = obligation(&format!("P{number}")).unwrap();
            assert!(text.starts_with(&format!("# P{number}\n")) && text.contains("What holds: "), "{text}");
        }
        assert!(obligation("p3").unwrap().contains("- EF2001 type-mismatch\n"));
        assert_eq!(obligation("P11"), None);
        assert_eq!(obligation_of("EF3014"), Some("P8".to_owned()));
        assert_eq!(obligation_of("EF7001"), None);
    }
}
