use super::layout::{Area, Drawn, Layout, Piece, layout};
use super::scene::{Card, Face, Head, Kind, Line, Link, Scene, Style, scene};
use super::{html, svg};
use crate::ecz::VerifyMode;
use crate::graph::{
    Drawing, DrawnCall, DrawnEdge, DrawnHandoff, DrawnNode, DrawnOperator, DrawnRounds, EdgeKind, Shape,
};
use proptest::prelude::*;

fn handoff(operation: &str) -> DrawnHandoff {
    DrawnHandoff {
        policy: "std.handoff.strict".into(),
        verify: Some(VerifyMode::Require),
        evidence: Some("E4".into()),
        present: Some("ECZ-GB-A1B2C3::AGENT-7QK2M9".into()),
        operation: operation.into(),
        request: "POST /things".into(),
    }
}

fn node(id: &str, shape: Shape, operator: &str, inside: Option<&str>) -> DrawnNode {
    let call = matches!(shape, Shape::Read | Shape::Effect);
    DrawnNode {
        id: id.into(),
        label: if shape == Shape::Loop { format!("for {id} at most 3 parallel 1") } else { id.into() },
        shape,
        operator: operator.into(),
        inside: inside.map(str::to_owned),
        written: format!("step {id} = api.{id}()"),
        guard: None,
        irreversible: None,
        handoff: call.then(|| handoff(&format!("api.{id}"))),
        rounds: None,
        read_back: None,
        undo: None,
    }
}

fn edge(from: &str, to: &str, kind: EdgeKind, handoff: bool) -> DrawnEdge {
    DrawnEdge { from: from.into(), to: to.into(), kind, handoff }
}

/// Runner, a passport, a party without one; a loop, a guard, undos, an irreversible end.
fn everything(hostile: &str) -> Drawing {
    let lane = |key: &str, unverified: Option<&str>| DrawnOperator {
        key: key.into(),
        name: format!("{key}{hostile}"),
        id: unverified.is_none().then(|| key.to_owned()),
        unverified: unverified.map(str::to_owned),
    };
    let mut hold = node("hold", Shape::Effect, "A", None);
    hold.undo = Some(DrawnCall { operator: "A".into(), handoff: handoff(&format!("api.cancel{hostile}")) });
    hold.guard = Some(format!("a < b && c{hostile}"));
    let mut last = node("last", Shape::Effect, "api x", None);
    last.read_back =
        Some(DrawnCall { operator: "api x".into(), handoff: handoff(&format!("api.look{hostile}")) });
    last.irreversible = Some(format!("gone{hostile}"));
    let mut read = node("read", Shape::Read, "A", None);
    let until = Some(format!("read.state != 1{hostile}"));
    read.rounds = Some(DrawnRounds { bounds: format!("poll every 5s at most 60{hostile}"), until });
    let mut moved = node("moved", Shape::Effect, "api x", Some("for_1"));
    moved.undo = Some(DrawnCall { operator: "A".into(), handoff: handoff("api.back") });
    Drawing {
        flow: format!("flow{hostile}"),
        operators: vec![lane("R", None), lane("A", None), lane("api x", Some("they have none"))],
        nodes: vec![
            read,
            node("ensure_1", Shape::Rule, "R", None),
            hold,
            node("for_1", Shape::Loop, "R", None),
            moved,
            last,
            node("return_1", Shape::Return, "R", None),
        ],
        edges: vec![
            edge("read", "ensure_1", EdgeKind::Data, true),
            edge("ensure_1", "hold", EdgeKind::Barrier, false),
            edge("read", "hold", EdgeKind::Data, false),
            edge("ensure_1", "for_1", EdgeKind::Barrier, false),
            edge("read", "for_1", EdgeKind::Data, true),
            edge("for_1", "last", EdgeKind::After, false),
            edge("hold", "last", EdgeKind::After, false),
            edge("read", "last", EdgeKind::Data, true),
            edge("read", "return_1", EdgeKind::End, false),
            edge("last", "return_1", EdgeKind::Data, true),
        ],
    }
}

#[test]
fn a_called_flow_is_drawn_by_what_it_may_do_and_told() {
    let drawn = |safe| Drawing { nodes: vec![node("a", Shape::Flow { safe }, "R", None)], ..everything("") };
    for (safe, kind) in [(true, Kind::Read), (false, Kind::Effect)] {
        let drawing = drawn(safe);
        assert_eq!(scene(&drawing).cards[0].kind, kind);
        assert!(
            svg(&[drawing])
                .contains("0 handoffs to A, api x (no passport, unverified), 1 call of another flow.")
        );
    }
}

fn overlap(one: Area, other: Area) -> bool {
    one.x < other.right() && other.x < one.right() && one.y < other.bottom() && other.y < one.bottom()
}

/// Points along a drawn link.
fn points(drawn: &Drawn) -> Vec<(f64, f64)> {
    let (mut x, mut y) = (f64::from(drawn.start.0), f64::from(drawn.start.1));
    let mut points = vec![(x, y)];
    for piece in &drawn.pieces {
        let (to_x, to_y) = match *piece {
            Piece::Down(to) => (x, f64::from(to)),
            Piece::Bend(to_x, to) => (f64::from(to_x), f64::from(to)),
        };
        assert!(to_y >= y, "links lead down");
        for step in 1..=16 {
            let t = f64::from(step) / 16.0;
            // Between upright tangents, as the curve is written.
            let across = 3.0 * t * t - 2.0 * t * t * t;
            let down = 1.5 * t * (1.0 - t) * (1.0 - t) + 1.5 * t * t * (1.0 - t) + t * t * t;
            points.push((x + (to_x - x) * across, y + (to_y - y) * down));
        }
        (x, y) = (to_x, to_y);
    }
    points
}

/// What holds of every picture.
fn holds(scene: &Scene, layout: &Layout) {
    let canvas = Area { x: 0, y: 0, width: layout.width, height: layout.height };
    let within = |inner: Area, outer: Area| {
        inner.x >= outer.x
            && inner.y >= outer.y
            && inner.right() <= outer.right()
            && inner.bottom() <= outer.bottom()
    };
    assert_eq!(layout.cards.len(), scene.cards.len());
    for (at, card) in layout.cards.iter().enumerate() {
        assert!(within(*card, canvas), "card {at} leaves the canvas: {card:?}");
        assert!(within(*card, layout.lanes[scene.cards[at].lane]), "card {at} leaves its lane");
        for (other, area) in layout.cards.iter().enumerate().skip(at + 1) {
            assert!(!overlap(*card, *area), "cards {at} and {other} overlap");
        }
        for line in &scene.cards[at].lines {
            assert!(line.face.font().width(&line.text) + 2 * super::scene::MARGIN <= card.width);
        }
    }
    for (at, lane) in layout.lanes.iter().enumerate() {
        assert!(within(*lane, canvas), "lane {at} leaves the canvas");
        for other in layout.lanes.iter().skip(at + 1) {
            assert!(!overlap(*lane, *other), "lanes overlap");
        }
    }
    for (of, frame) in &layout.frames {
        assert!(within(*frame, canvas));
        for (at, card) in scene.cards.iter().enumerate() {
            let mut outer = Some(at);
            let mut member = false;
            while let Some(place) = outer {
                member |= place == *of;
                outer = scene.cards[place].inside;
            }
            let area = layout.cards[at];
            assert!(
                if member { within(area, *frame) } else { !overlap(area, *frame) },
                "card {at}, frame of {of}, {card:?}"
            );
        }
    }
    let shown = scene.links.iter().filter(|link| link.style != Style::End).count();
    assert_eq!(layout.links.len(), shown, "every link is drawn");
    for drawn in &layout.links {
        let link = scene.links[drawn.link];
        let (upper, lower) = if layout.cards[link.from].y <= layout.cards[link.to].y {
            (link.from, link.to)
        } else {
            (link.to, link.from)
        };
        let frame = layout.frames.iter().find(|(card, _)| *card == upper).map(|(_, area)| area.bottom());
        let points = points(drawn);
        let (start, end) = (points[0], points[points.len() - 1]);
        let touches = |card: usize, x: f64| {
            let area = layout.cards[card];
            f64::from(area.x) <= x && x <= f64::from(area.right())
        };
        let foot = f64::from(layout.cards[upper].bottom());
        assert!(touches(upper, start.0) && (start.1 == foot || Some(start.1) == frame.map(f64::from)));
        assert!(touches(lower, end.0) && end.1 == f64::from(layout.cards[lower].y));
        for (x, y) in &points {
            for (at, area) in layout.cards.iter().enumerate() {
                let inside = f64::from(area.x) < *x
                    && *x < f64::from(area.right())
                    && f64::from(area.y) < *y
                    && *y < f64::from(area.bottom());
                assert!(!inside, "link {link:?} runs through card {at}");
            }
        }
    }
}

#[test]
fn everything_a_flow_can_hold_is_placed_and_written() {
    let drawing = everything("");
    let made = scene(&drawing);
    holds(&made, &layout(&made));
    let text = svg(std::slice::from_ref(&drawing));
    for said in [
        "strict · E4",
        "strict · E4 · unverified",
        "no passport · unverified",
        "when a &lt; b",
        ">irreversible<",
        ">undo<",
    ] {
        assert!(text.contains(said), "{said}");
    }
    // The order that data already makes is not drawn again: `hold` and the loop wait for `read` through the rule.
    assert_eq!(text, svg(&[drawing]), "the same graph, the same bytes");
}

#[test]
fn hostile_names_stay_text() {
    let hostile = "</text><script>alert(1)</script>\"'&\u{1b}[31m\u{202e}\u{0}\u{ffff}]]>";
    let drawings = [everything(hostile), everything("")];
    for text in [svg(&drawings), html(&drawings)] {
        assert!(!text.contains("<script") && !text.contains("alert(1)</s"));
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains('\u{0}'));
    }
    let text = svg(&drawings);
    let parsed = roxmltree::Document::parse(&text).unwrap();
    assert_eq!(parsed.root_element().attribute("role"), Some("img"));
    let title = parsed.descendants().find(|node| node.has_tag_name("title")).and_then(|node| node.text());
    assert!(title.unwrap().contains("<script>alert(1)</script>\"'&"));
    // A page is no XML, but this one is written so that its body could be.
    let page = html(&drawings);
    let body = &page[page.find("<body>").unwrap()..page.find("</html>").unwrap()];
    roxmltree::Document::parse(body).unwrap();
    assert!(
        !page.contains("http")
            || page.matches("http").count() == page.matches("http://www.w3.org/2000/svg").count()
    );
}

#[test]
fn a_single_step_and_a_circle_are_drawn_too() {
    let mut drawing = everything("");
    drawing.nodes.truncate(1);
    drawing.edges.clear();
    let made = scene(&drawing);
    holds(&made, &layout(&made));
    let mut circle = everything("");
    circle.edges.push(edge("last", "read", EdgeKind::After, false));
    let made = scene(&circle);
    holds(&made, &layout(&made));
    holds(&Scene::default(), &layout(&Scene::default()));
}

/// Scenes of many cards in several lanes, loops in loops among them.
fn any_scene() -> impl Strategy<Value = Scene> {
    let card = (0_usize..5, 0_u8..7, 60_i32..230, any::<u32>(), any::<u32>(), any::<u32>());
    (1_usize..6, prop::collection::vec(card, 1..80)).prop_map(|(lanes, drawn)| {
        let head =
            Head { name: "x".into(), below: String::new(), title: "x".into(), unverified: false, width: 40 };
        let mut scene = Scene { heads: vec![head; lanes], ..Scene::default() };
        for (lane, kind, width, place, from, other) in drawn {
            let at = scene.cards.len();
            let before = u32::try_from(at).unwrap();
            let loops: Vec<usize> = (0..at).filter(|at| scene.cards[*at].kind == Kind::Loop).collect();
            let outer = usize::try_from(place).unwrap() % (3 * loops.len() + 2);
            let inside = loops.get(outer).copied();
            let kind = if kind == 0 { Kind::Loop } else { Kind::Effect };
            let line = Line { text: "x".into(), face: Face::Name };
            let lane = if kind == Kind::Loop { 0 } else { lane % lanes };
            scene.cards.push(Card {
                lane,
                inside,
                kind,
                lines: vec![line],
                width,
                height: 30 + i32::from(kind == Kind::Effect) * 30,
                title: String::new(),
                irreversible: false,
            });
            let earlier = |wanted: u32, scene: &Scene| {
                let from = usize::try_from(wanted.checked_rem(before)?).unwrap();
                let card = &scene.cards[from];
                (card.inside == inside && card.kind != Kind::Undo && !wanted.is_multiple_of(3))
                    .then_some(from)
            };
            let undone = earlier(other, &scene).filter(|from| {
                let free = !scene.links.iter().any(|link| link.from == *from && link.style == Style::Undo);
                free && scene.cards[*from].kind == Kind::Effect && kind == Kind::Effect
            });
            if let Some(from) = undone {
                scene.cards[at].kind = Kind::Undo;
                scene.links.push(Link { from, to: at, style: Style::Undo });
                continue;
            }
            if let Some(from) = earlier(from, &scene) {
                scene.links.push(Link { from, to: at, style: Style::Data });
            }
            if let Some(from) = inside {
                scene.links.push(Link { from, to: at, style: Style::Handoff });
            }
        }
        scene
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn no_boxes_overlap_and_no_link_runs_through_one(scene in any_scene()) {
        let made = layout(&scene);
        holds(&scene, &made);
        prop_assert_eq!(made, layout(&scene));
    }
}
