//! A trust map as a picture: the runner at the left, every other party at the right, a line for each api and policy.
//!
//! All handoffs leave the runner, so one trunk with a branch for each api crosses nothing, however many there are.

use std::fmt::{Result, Write as _};

use super::escaped;
use super::measure::Font;
use super::svg::{GAP, document};
use crate::ecz::VerifyMode;
use crate::report::trustmap::surface;
use crate::trust::{Edge, MappedApi, MappedOperator, TrustMap};

const TITLE: Font = Font { size: 18, fixed: false, bold: true };
const HEAD: Font = Font { size: 14, fixed: false, bold: true };
const NOTE: Font = Font { size: 12, fixed: false, bold: false };
const CODE: Font = Font { size: 11, fixed: true, bold: false };
const BADGE: Font = Font { size: 11, fixed: false, bold: true };

/// Width of the runner's card, of a party's, and of the way between them.
const RUNNER: i32 = 290;
const CARD: i32 = 400;
const LEAST_WAY: i32 = 150;
const MOST_WAY: i32 = 340;
/// Between a card's edge and its text, between cards, and a line of a card.
const PAD: i32 = 12;
const SPACE: i32 = 18;
const LINE: i32 = 18;
/// Above the cards.
const TOP: i32 = 56;
/// From the runner's card to the trunk, and from there to a badge.
const STUB: i32 = 24;

/// Handoffs to one api under one policy: a branch of the trunk.
struct Branch {
    y: i32,
    badge: String,
    calls: String,
    title: String,
    open: bool,
}

/// The picture of a map.
pub fn trustmap_svg(map: &TrustMap) -> String {
    let others = map.operators.iter().filter(|operator| !operator.apis.is_empty());
    let mut cards = String::new();
    let mut branches = Vec::new();
    let mut y = TOP;
    let parties: Vec<&MappedOperator> = others.collect();
    let way = parties.iter().flat_map(|party| &party.apis).flat_map(|api| grouped(map, api)).fold(
        LEAST_WAY,
        |widest, (edge, calls)| {
            let words = BADGE.width(&badge(edge)).max(NOTE.width(&calls)) + 2 * PAD + 2 * STUB + 20;
            widest.max(words.min(MOST_WAY))
        },
    );
    let left = RUNNER + way;
    // Writing to a string cannot fail.
    for party in &parties {
        let _ = write_party(map, party, (left, &mut y, way), &mut branches, &mut cards);
        y += SPACE;
    }
    let runner = map.operators.first();
    let agents = runner.map_or(0, |runner| runner.agents.len());
    let tall = PAD * 2 + LINE * (2 + i32::try_from(agents).unwrap_or(i32::MAX / LINE));
    let height = (y - SPACE).max(TOP + tall) + GAP;
    let width = left + CARD;
    let (said, title) = (description(map), TITLE.fit(&map.flow, width));
    document(&map.flow, &said, width + 2 * GAP, height + GAP, &|out| {
        writeln!(out, "<g transform=\"translate({GAP} {GAP})\">")?;
        writeln!(out, "<text class=\"name\" x=\"0\" y=\"18\" font-size=\"18\">{}</text>", escaped(&title))?;
        let note = NOTE.fit(&said, width);
        writeln!(out, "<text class=\"soft\" x=\"0\" y=\"39\" font-size=\"12\">{}</text>", escaped(&note))?;
        if let Some(runner) = runner {
            write_runner(runner, tall, out)?;
        }
        write_branches(&branches, tall, left, out)?;
        out.push_str(&cards);
        writeln!(out, "</g>")
    })
}

/// What the picture shows, for whoever cannot see it.
fn description(map: &TrustMap) -> String {
    let unverified = map.edges.iter().filter(|edge| edge.unverified).count();
    let runner = map.operators.first().map_or("", |runner| runner.name.as_str());
    let apis: usize = map.operators.iter().map(|operator| operator.apis.len()).sum();
    format!(
        "{runner} hands over to {apis} api{}: {} handoff{}, {unverified} unverified. Stated by documents and flows; re-check before reliance.",
        if apis == 1 { "" } else { "s" },
        map.edges.len(),
        if map.edges.len() == 1 { "" } else { "s" },
    )
}

/// The policies an api is called under: the first edge of each, and which steps call it so.
fn grouped<'m>(map: &'m TrustMap, api: &'m MappedApi) -> Vec<(&'m Edge, String)> {
    let mut groups: Vec<(&Edge, Vec<&str>)> = Vec::new();
    for edge in map.edges_to(&api.name) {
        let same = |known: &&mut (&Edge, Vec<&str>)| {
            known.0.policy == edge.policy && known.0.presents == edge.presents
        };
        match groups.iter_mut().find(same) {
            Some((_, steps)) => steps.push(&edge.step),
            None => groups.push((edge, vec![&edge.step])),
        }
    }
    groups.into_iter().map(|(edge, steps)| (edge, steps.join(", "))).collect()
}

fn badge(edge: &Edge) -> String {
    let name = edge.policy.name.strip_prefix("std.handoff.").unwrap_or(&edge.policy.name);
    let verify = match edge.policy.verify.mode {
        VerifyMode::Require => "require",
        VerifyMode::Prefer => "prefer",
        VerifyMode::Open => "open",
    };
    format!(
        "{name} · {verify} · {}{}",
        edge.policy.evidence,
        if edge.unverified { " · unverified" } else { "" }
    )
}

fn write_party(
    map: &TrustMap,
    party: &MappedOperator,
    (x, y, way): (i32, &mut i32, i32),
    branches: &mut Vec<Branch>,
    out: &mut String,
) -> Result {
    let open = party.apis.iter().all(|api| api.unverified_because.is_some());
    let (top, inner) = (*y, CARD - 2 * PAD);
    let mut lines = String::new();
    let mut at = top + PAD + 12;
    line(&mut lines, ("head", HEAD), (x + PAD, at), &party.name, inner)?;
    let passport = party.passport.as_ref().map_or("no Business Passport is named", |id| id.as_str());
    if passport != party.name {
        at += LINE;
        line(&mut lines, ("code", CODE), (x + PAD, at), passport, inner)?;
    }
    for agent in party.agents.iter().filter(|_| party.key != map.runner) {
        at += LINE;
        line(&mut lines, ("code", CODE), (x + PAD, at), agent.as_str(), inner)?;
    }
    for api in &party.apis {
        at += LINE + 14;
        writeln!(lines, "<path class=\"link rim\" d=\"M{x} {0}H{1}\"/>", at - LINE + 2, x + CARD)?;
        line(&mut lines, ("name", HEAD), (x + PAD, at), &api.name, inner)?;
        // Room for each policy on the way there: a badge above its branch, the steps below.
        let mut row = at;
        for (edge, calls) in grouped(map, api) {
            branches.push(Branch {
                y: row + 8,
                badge: BADGE.fit(&badge(edge), way - 2 * STUB - 2 * PAD),
                calls: NOTE.fit(&calls, way - STUB - PAD),
                title: format!(
                    "{} presents itself to {}. {}. Steps: {calls}",
                    edge.presents,
                    api.name,
                    crate::plan::describe(&edge.policy)
                ),
                open: edge.unverified,
            });
            row += 46;
        }
        for words in NOTE.wrap(&surface(api), inner, 3) {
            at += LINE;
            line(&mut lines, ("soft", NOTE), (x + PAD, at), &words, inner)?;
        }
        at = at.max(row - 46 + LINE + 12);
    }
    *y = at + PAD;
    let class = if open { "lane openlane" } else { "lane" };
    writeln!(
        out,
        "<g><title>{}</title><rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"{CARD}\" height=\"{}\" rx=\"6\"/>",
        escaped(&party.name),
        *y - top
    )?;
    out.push_str(&lines);
    writeln!(out, "</g>")
}

fn write_runner(runner: &MappedOperator, tall: i32, out: &mut String) -> Result {
    writeln!(
        out,
        "<g><title>{} runs the flow</title><rect class=\"card effect\" x=\"0\" y=\"{TOP}\" width=\"{RUNNER}\" height=\"{tall}\" rx=\"6\"/>",
        escaped(&runner.name)
    )?;
    let (inner, mut at) = (RUNNER - 2 * PAD, TOP + PAD + 12);
    line(out, ("head", HEAD), (PAD, at), &format!("{} runs the flow", runner.name), inner)?;
    at += LINE;
    line(out, ("code", CODE), (PAD, at), runner.passport.as_ref().map_or("", |id| id.as_str()), inner)?;
    for agent in &runner.agents {
        at += LINE;
        line(out, ("code", CODE), (PAD, at), agent.as_str(), inner)?;
    }
    writeln!(out, "</g>")
}

fn write_branches(branches: &[Branch], tall: i32, left: i32, out: &mut String) -> Result {
    let (trunk, start) = (RUNNER + STUB, TOP + tall / 2);
    let (Some(first), Some(last)) = (branches.first(), branches.last()) else { return Ok(()) };
    writeln!(
        out,
        "<path class=\"link handoff\" d=\"M{RUNNER} {start}H{trunk}M{trunk} {}V{}\"/>",
        start.min(first.y),
        start.max(last.y)
    )?;
    for Branch { y, badge, calls, title, open } in branches {
        let text = trunk + PAD;
        let (pill, class) = if *open { ("openpill", "badge open") } else { ("pill", "badge") };
        writeln!(
            out,
            "<g><title>{}</title><path class=\"link handoff\" marker-end=\"url(#ezg-handoff)\" d=\"M{trunk} {y}H{left}\"/>",
            escaped(title)
        )?;
        writeln!(
            out,
            "<rect class=\"{pill}\" x=\"{text}\" y=\"{}\" width=\"{}\" height=\"18\" rx=\"9\"/><text class=\"{class}\" x=\"{}\" y=\"{}\" font-size=\"11\">{}</text>",
            y - 22,
            BADGE.width(badge) + 16,
            text + 8,
            y - 9,
            escaped(badge)
        )?;
        writeln!(
            out,
            "<text class=\"soft\" x=\"{text}\" y=\"{}\" font-size=\"12\">{}</text></g>",
            y + 15,
            escaped(calls)
        )?;
    }
    Ok(())
}

/// A line of a card, shortened to fit.
fn line(out: &mut String, (class, font): (&str, Font), (x, y): (i32, i32), text: &str, most: i32) -> Result {
    let size = font.size;
    writeln!(
        out,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" font-size=\"{size}\">{}</text>",
        escaped(&font.fit(text, most))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;
    use crate::ecz::{Attest, EczId, Evidence, HandoffPolicy, Verify};
    use crate::trust::Given;

    fn party(number: usize, apis: usize, long: bool) -> MappedOperator {
        let passport: EczId = format!("ECZ-GB-{number:06}").parse().unwrap();
        let api = |api: usize| MappedApi {
            name: format!(
                "api_{number}_{api}{}",
                if long { "_with_a_name_that_no_card_can_hold_whole" } else { "" }
            ),
            passport: (!number.is_multiple_of(3))
                .then(|| format!("{passport}::API-{api:06}").parse().unwrap()),
            declared: None,
            unverified_because: number.is_multiple_of(3).then(|| "a <reason> & a long one ".repeat(20)),
            origin: "https://a.example".into(),
            region: None,
            resolver_url: None,
            statement: None,
        };
        MappedOperator {
            key: passport.to_string(),
            name: format!("party {number}"),
            agents: vec![format!("{passport}::AGENT-000001").parse().unwrap()],
            apis: (0..apis).map(api).collect(),
            passport: Some(passport),
        }
    }

    fn map(parties: usize, long: bool) -> TrustMap {
        let mut operators = vec![party(999, 0, long)];
        operators.extend((0..parties).map(|number| party(number, 1 + number % 3, long)));
        let mut edges = Vec::new();
        for operator in &operators {
            for api in &operator.apis {
                // Several steps, under as many policies as the api's name is long.
                for step in 0..4 {
                    edges.push(Edge {
                        step: format!("step_{step}_of_{}", api.name),
                        from: "ECZ-GB-000999".into(),
                        to: operator.key.clone(),
                        api: api.name.clone(),
                        operation: "op".into(),
                        effect: true,
                        gives: Given { parameters: vec![], body: true },
                        presents: "ECZ-GB-000999::AGENT-000001".parse().unwrap(),
                        policy: HandoffPolicy {
                            name: format!("policy_{}", step % 3),
                            verify: Verify { mode: VerifyMode::Require, within_ms: 1 },
                            attest: Attest::default(),
                            evidence: Evidence::E4,
                            trace_shared: false,
                        },
                        unverified: api.unverified_because.is_some(),
                    });
                }
            }
        }
        TrustMap {
            format: "eczflow-trustmap-1",
            flow: "everybody".into(),
            plan_digest: Digest::of("plan"),
            runner: "ECZ-GB-000999".into(),
            operators,
            edges,
            requires: vec![],
        }
    }

    /// Left, top, right, bottom.
    type Place = (i32, i32, i32, i32);

    fn apart(a: &Place, b: &Place) -> bool {
        a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 || b.3 <= a.1
    }

    #[test]
    fn nothing_overlaps_however_many_take_part() {
        for (parties, long) in
            [(1, false), (3, false), (3, true), (10, false), (10, true), (30, false), (30, true)]
        {
            let drawn = trustmap_svg(&map(parties, long));
            let read = roxmltree::Document::parse(&drawn).unwrap();
            let number = |node: &roxmltree::Node<'_, '_>, name: &str| {
                node.attribute(name).and_then(|text| text.parse::<i32>().ok()).unwrap()
            };
            let whole = read.root_element();
            let (width, height) = (number(&whole, "width"), number(&whole, "height"));
            let (mut cards, mut texts): (Vec<Place>, Vec<Place>) = (Vec::new(), Vec::new());
            for node in read.descendants() {
                let class = node.attribute("class").unwrap_or_default();
                match node.tag_name().name() {
                    "rect" if class.contains("lane") || class.contains("card") => {
                        let (x, y) = (number(&node, "x"), number(&node, "y"));
                        cards.push((x, y, x + number(&node, "width"), y + number(&node, "height")));
                    }
                    "text" => {
                        let (x, y, size) =
                            (number(&node, "x"), number(&node, "y"), number(&node, "font-size"));
                        let font = Font {
                            size: size.try_into().unwrap(),
                            fixed: class.contains("code"),
                            bold: class.contains("name") || class.contains("head") || class.contains("badge"),
                        };
                        let wide = font.width(node.text().unwrap_or_default());
                        texts.push((x, y - size + 2, x + wide, y + 2));
                    }
                    _ => {}
                }
            }
            assert_eq!(cards.len(), parties + 1);
            for list in [&cards, &texts] {
                for (at, one) in list.iter().enumerate() {
                    assert!(
                        one.0 >= 0 && one.2 + 2 * GAP <= width && one.3 + GAP <= height,
                        "{parties} {one:?} {width} {height}"
                    );
                    for other in &list[at + 1..] {
                        assert!(apart(one, other), "{parties} parties: {one:?} {other:?}");
                    }
                }
            }
            for text in &texts {
                let within = |card: &&Place| {
                    card.0 < text.0 && text.2 <= card.2 && card.1 < text.1 && text.3 <= card.3
                };
                let outside = |card: &Place| apart(card, text);
                assert!(
                    cards.iter().filter(within).count() == 1 || cards.iter().all(outside),
                    "{parties} parties: {text:?} crosses the edge of a card"
                );
            }
        }
    }
}
