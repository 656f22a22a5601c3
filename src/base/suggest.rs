//! "Did you mean".

/// How many candidates are looked at: a list in which nobody would look for a name is no help either.
const CANDIDATES: usize = 2_000;

/// The candidate nearest to a misspelt name, where one is near enough to be meant. Names of one or two letters are near to
/// every other of them, and to none.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).min(4);
    let near = |candidate: &&str| candidate.len().abs_diff(name.len()) <= 4 * allowed;
    candidates
        .into_iter()
        .take(CANDIDATES)
        .filter(near)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed || candidate.eq_ignore_ascii_case(name))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_near_names() {
        assert_eq!(did_you_mean("tiket", ["ticket", "refund"]), Some("ticket"));
        assert_eq!(did_you_mean("GETTICKET", ["getTicket"]), Some("getTicket"));
        assert_eq!(did_you_mean("moved", ["ticket"]), None);
        assert_eq!(did_you_mean("y", ["x", "Y"]), Some("Y"));
        assert_eq!(did_you_mean("y", ["x"]), None);
    }
}
