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

/// The question about a near name. Where the two only look alike, it says which character differs.
pub fn meant(name: &str, near: &str) -> String {
    let question = format!("did you mean `{near}`?");
    let alike = name.chars().count() == near.chars().count();
    let mut pairs = name.chars().zip(near.chars()).enumerate();
    match pairs.find(|(_, (a, b))| a != b && (!a.is_ascii() || !b.is_ascii())) {
        Some((at, (here, there))) if alike => format!(
            "{question} its character {} is U+{:04X}, and what stands here has U+{:04X}",
            at + 1,
            u32::from(there),
            u32::from(here),
        ),
        _ => question,
    }
}

/// A name as it is compared with others: `ticketId`, `ticket_id` and `ticket-id` mean the same.
pub fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_look_alike_are_named() {
        assert_eq!(meant("tiket", "ticket"), "did you mean `ticket`?");
        assert_eq!(meant("ticket", "tickel"), "did you mean `tickel`?");
        assert_eq!(
            meant("payload", "p\u{430}yload"),
            "did you mean `p\u{430}yload`? its character 2 is U+0430, and what stands here has U+0061"
        );
    }

    #[test]
    fn suggests_only_near_names() {
        assert_eq!(did_you_mean("tiket", ["ticket", "refund"]), Some("ticket"));
        assert_eq!(did_you_mean("GETTICKET", ["getTicket"]), Some("getTicket"));
        assert_eq!(did_you_mean("moved", ["ticket"]), None);
        assert_eq!(did_you_mean("y", ["x", "Y"]), Some("Y"));
        assert_eq!(did_you_mean("y", ["x"]), None);
    }
}
