//! The parser against whole texts.

use proptest::prelude::*;

use super::*;
use crate::source::SourceMap;

const REFUND: &str = include_str!("../../examples/refund/refund.eczflow");

pub(super) fn parsed(text: &str) -> (ast::File, Vec<Diagnostic>) {
    let mut sink = Sink::default();
    let file = parse(text, FileId::default(), &mut sink);
    (file, sink.into_sorted())
}

/// Findings as `line:column CODE message`, with labels, help and fix below.
pub(super) fn drawn(text: &str) -> String {
    let mut map = SourceMap::default();
    map.add("test.eczflow", text);
    let place = |span| {
        let (line, column) = map.line_column(span);
        let shown = map.slice(span).chars().map(|c| match c {
            '\n' => "⏎".to_owned(),
            c if c.is_control() || ('\u{2000}'..'\u{2070}').contains(&c) && !"“”‘’".contains(c) => {
                format!("<U+{:04X}>", u32::from(c))
            }
            c => c.to_string(),
        });
        format!("{line}:{column} `{}`", shown.collect::<String>())
    };
    let mut out = String::new();
    for finding in parsed(text).1 {
        out += &format!("{} {} {}\n", place(finding.span()), finding.code.number, finding.message);
        for label in finding.labels.iter().filter(|label| !label.primary) {
            out += &format!("    {}: {}\n", place(label.span), label.message);
        }
        for note in finding.notes.iter().chain(&finding.help) {
            out += &format!("    {note}\n");
        }
    }
    out
}

/// A tree with places as `@start..end`.
fn tree(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:#?}");
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(head) = line.strip_suffix("Span {") else {
            out += line;
            out.push('\n');
            continue;
        };
        let inner: Vec<&str> =
            lines.by_ref().take_while(|line| !line.trim_start().starts_with('}')).collect();
        let number = |name: &str| {
            let line = inner.iter().find_map(|line| line.trim().strip_prefix(name));
            line.unwrap_or("?").trim_matches([':', ' ', ',']).to_owned()
        };
        out += &format!("{head}@{}..{}\n", number("start"), number("end"));
    }
    out
}

#[test]
fn the_example_parses() {
    let (file, findings) = parsed(REFUND);
    assert_eq!(findings, []);
    assert_eq!(file.items.len(), 9);
    insta::assert_snapshot!(tree(&file));
}

/// Each text with what it is answered: the places and the words are what users see.
#[test]
fn slips_are_named_at_their_places() {
    let flow = |body: &str| format!("eczflow 1\nflow f(id: string) -> {{ a: string }} {{\n  {body}\n}}\n");
    let texts = [
        ("ensure without else", flow("ensure id == \"a\"\n  return { a: id }")),
        ("equals in a record", flow("return { a = id }")),
        ("colon in a let", flow("let x: id\n  return { a: x }")),
        ("single quotes", flow("let x = 'it'\n  return { a: x }")),
        ("semicolons", flow("let x = id;\n  return { a: x };")),
        ("assignment as comparison", flow("ensure id = \"a\" else \"no\"")),
        ("ternary", flow("return { a: id == \"a\" ? id : \"b\" }")),
        ("words for signs", flow("ensure id == \"a\" and true else \"no\"\n  ensure not true else \"no\"")),
        ("keyword as a name", flow("let step = 1\n  let run = 2\n  return { a: when }")),
        ("a loop without a bound", flow("for x in [1] {\n    let y = x\n  }")),
        ("yield outside a loop", flow("yield id")),
        ("something after yield", flow("let ys = for x in [1] at most 1 {\n    yield x\n    let y = x\n  }")),
        ("no return type", "eczflow 1\nflow f(id: string) {\n  return 1\n}\n".into()),
        ("no body", "eczflow 1\nflow f() -> string".into()),
        ("unknown unit", "eczflow 1\nretry r { within 5min }".into()),
        ("too large", "eczflow 1\nretry r { attempts 99999999999999999999  within 999999d }".into()),
        ("shares", "eczflow 1\nbreaker b { failures 120% }".into()),
        ("use without braces", "eczflow 1\nuse std.retry.careful\nsecret s for a\n".into()),
        ("short pin", "eczflow 1\napi a = openapi(\"a.yaml\") pinned sha256:12ab\n".into()),
        ("unquoted document", "eczflow 1\napi a = openapi(apis/a.yaml)\n".into()),
        ("another auth", "eczflow 1\napi a = openapi(\"a.yaml\") { auth digest secret.s }\n".into()),
        ("no version", "use std.retry.{ careful }\n".into()),
        ("version 2", "eczflow 2\n".into()),
        ("empty", String::new()),
        ("prose", "hello world\n".into()),
        ("unknown declaration", "eczflow 1\noperater acme { }\nsecret s for a\n".into()),
        ("unknown statement", flow("stp x = a.b()\n  return { a: id }")),
        ("unclosed string", flow("let x = \"abc\n  let y = = 2\n  return { a: x }")),
        ("brace in a string", flow("let x = \"a { b\"\n  return { a: x }")),
        ("hole in a path", "eczflow 1\napi a = openapi(\"{x}.yaml\")\n".into()),
        ("bad escapes", flow(r#"let x = "a\qb"
  let y = "\u{110000}"
  return { a: x }"#)),
        ("an error in a hole", flow(r#"return { a: "x {id +} y" }"#)),
        ("invisible characters", flow("let x = \"a\u{202e}b\" // \u{0}\n  return { a: x }")),
        ("a carriage return alone", flow("let x = id // a\r  let y = id\r\n  return { a: \"x\ry\" }\r")),
        ("characters of no width", flow("let x = \"a\u{2060}b\u{200d}\" // \u{e0041}\u{feff}\n  return { a: x }")),
        ("a misspelt version", "Ezflow 1\r\nuse std.retry.{ careful }\r\n".into()),
        ("no version after a byte-order mark", "\u{feff}use std.retry.{ careful }\r\n".into()),
        ("replacement character", flow("let x = \"a\u{fffd}b\"\n  return { a: x }")),
        ("typographic quotes", flow("let x = “a”\n  return { a: x }")),
        ("unclosed flow", "eczflow 1\nflow f() -> int {\n  let a = (1\n  return a\n\nflow g() -> int {\n  let b = = 1\n  return 1\n}\n".into()),
        ("closing too much", flow("let x = id)\n  return { a: x }\n}")),
        ("given twice", "eczflow 1\nretry r { attempts 1 within 1s attempts 2 }\nflow f() -> int {\n  as a.agent as b.agent\n  step x = a.b({}, {})\n    retry r\n    when true\n    retry r\n  return 1\n}\n".into()),
        ("layout", flow("step x = a.b()\n    retry r\n  handoff h\n  return { a: id }")),
        ("a setting below a statement", flow("let x = id\n  deadline 5m\n  return { a: x }\n  cleared personal")),
        ("no HTTP status", flow("step x = a.b()\n    on 4040 fail \"x\"\n  return { a: id }")),
        ("a statement without its file", "eczflow 1\napi a = openapi(\"a.yaml\") {\n  idempotency header \"K\" stated by ECZ-GB-A1B2C3\n}\n".into()),
        ("stated by nobody", "eczflow 1\napi a = openapi(\"a.yaml\") {\n  idempotency header \"K\" stated in file(\"a\")\n}\n".into()),
        ("assumed without a reason", "eczflow 1\napi a = openapi(\"a.yaml\") {\n  idempotency header \"K\" assumed by me\n  server \"https://a\"\n}\n".into()),
        ("a header of nobody", "eczflow 1\napi a = openapi(\"a.yaml\") {\n  idempotency header \"K\"\n  cleared personal\n}\n".into()),
        ("a poll without every", flow("step x = poll a.b() until x.done at most 10\n  return { a: id }")),
        ("a poll without until", flow("step x = poll a.b()\n    every 5s at most 10\n  return { a: id }")),
        ("pages without next", flow("step x = pages a.b() at most 10\n  return { a: id }")),
        ("release without a reason", flow("let x = release id to a as internal\n  return { a: x }")),
        ("no reason why", "eczflow 1\napi a = openapi(\"a.yaml\") {\n  no passport\n  server \"https://a\"\n}\n".into()),
        ("a comment of another language", flow("# look up\n  let x = id # é\n  #\n  return { a: x }")),
        ("a call in a let", flow("let x = a.b({ c: id })\n  return { a: id }")),
        ("a step without a name", flow("step a.b(c: id)\n  return { a: id }")),
        ("an if statement", flow("if id == \"\" { fail \"no\" }\n  let x = id\n  if x == \"\" { fail \"no\" }\n  return { a: id }")),
        ("as an operator", flow("as acme\n  handoff strict\n  return { a: id }")),
        ("auth without secret", "eczflow 1\napi a = openapi(\"a.yaml\") {\n  auth bearer token\n}\napi b = openapi(\"b.yaml\") {\n  auth bearer \"abc\"\n}\n".to_owned()),
        ("a retry of numbers", flow("step x = a.b()\n    retry 3\n  step y = a.b()\n    retry \"careful\"\n  return { a: id }")),
        ("a release inside a call", flow("step x = a.b({ c: release id to a as internal because \"so\" })\n  return { a: id }")),
        ("one bad clause keeps its step", flow("step x = a.b()\n    retry 5\n    key once ticket\n    when id == \"\"\n  return { a: id }")),
    ];
    let mut out = String::new();
    for (name, text) in texts {
        let findings = drawn(&text);
        assert!(!findings.is_empty(), "{name}: no finding");
        out += &format!("== {name}\n{findings}\n");
    }
    insta::assert_snapshot!(out);
}

/// What the language has and this version does not build: one finding at its place, and the rest is read.
#[test]
fn later_constructs_are_named_once() {
    let top = |item: &str| format!("eczflow 1\n{item}\nsecret last for a\n");
    let texts = [
        (
            "test",
            top(
                "test \"a\" {\n  given a.b -> 200 { id: \"T1\" }\n  run f(id: \"x\")\n  expect return.a == \"x\"\n}",
            ),
        ),
        ("receipt", top("handoff h { receipt required }")),
    ];
    for (word, text) in texts {
        let (file, findings) = parsed(&text);
        let found: Vec<_> =
            findings.iter().map(|finding| (finding.code.number, finding.message.as_str())).collect();
        let expected = format!("`{word}` is part of the language but not built yet");
        assert_eq!(found, [("EF0008", expected.as_str())], "{text}");
        let span = findings.first().map(Diagnostic::span).unwrap_or_default();
        assert_eq!(text.get(span.range()), Some(word), "{text}");
        match file.items.last() {
            Some(ast::Item::Secret(last)) => assert_eq!(last.name.text, "last"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn a_broken_file_keeps_what_is_whole() {
    let text = REFUND
        .replace("secret payments_token for payments", "secret payments_token to payments")
        .replace("else \"the refund is above the limit\"", "")
        .replace("sku: line.sku", "sku = line.sku")
        .replace("key   once per ticket.id", "key   per ticket.id");
    insta::assert_snapshot!(drawn(&text));
    let (file, _) = parsed(&text);
    let whole = file.items.iter().filter(|item| !matches!(item, ast::Item::Broken(_))).count();
    assert_eq!((whole, file.items.len()), (8, 9));
    let Some(ast::Item::Flow(flow)) = file.items.last() else { panic!("no flow") };
    let Some(ast::Statement::Step(refund)) = flow
        .body
        .statements
        .iter()
        .find(|it| matches!(it, ast::Statement::Step(step) if step.name.text == "refund"))
    else {
        panic!("no step")
    };
    assert!(refund.key.is_none() && refund.retry.is_some() && refund.undo.is_some() && refund.when.is_some());
}

#[test]
fn an_after_at_the_level_of_steps_is_a_barrier() {
    let flow = |after: &str| {
        format!(
            "eczflow 1\nflow f() -> int {{\n  step x = a.b()\n{after}\n  step y = a.c()\n  return 1\n}}\n"
        )
    };
    let shape = |text: &str| {
        let (file, findings) = parsed(text);
        assert_eq!(findings, []);
        let Some(ast::Item::Flow(flow)) = file.items.into_iter().next() else { panic!("no flow") };
        let kinds = flow.body.statements.iter().map(|statement| match statement {
            ast::Statement::Step(step) if step.after.is_some() => 's',
            ast::Statement::Step(_) => '.',
            ast::Statement::After(_) => 'a',
            _ => 'r',
        });
        kinds.collect::<String>()
    };
    assert_eq!(shape(&flow("  after all")), ".a.r");
    assert_eq!(shape(&flow("    after all")), "s.r");
    assert_eq!(shape(&flow("    after x, y\n  after all")), "sa.r");
}

#[test]
fn operators_bind_as_usual() {
    fn text(expr: &ast::Expr) -> String {
        match &expr.kind {
            ast::ExprKind::Int(value) => value.to_string(),
            ast::ExprKind::Name(name) => name.text.clone(),
            ast::ExprKind::Bool(value) => value.to_string(),
            ast::ExprKind::Field { of, name, optional } => {
                format!("{}{}{}", text(of), if *optional { "?." } else { "." }, name.text)
            }
            ast::ExprKind::Index { of, index, optional } => {
                format!("{}[{}]{}", text(of), text(index), if *optional { "?" } else { "" })
            }
            ast::ExprKind::Unary { operator, of } => {
                format!("({}{})", if operator.value == ast::UnaryOperator::Not { "!" } else { "-" }, text(of))
            }
            ast::ExprKind::Binary { operator, left, right } => {
                format!("({} {} {})", text(left), operator.value.word(), text(right))
            }
            ast::ExprKind::If { condition, then, otherwise } => {
                format!("if({}, {}, {})", text(condition), text(then), text(otherwise))
            }
            other => format!("{other:?}"),
        }
    }
    let cases = [
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("1 + 2 * 3 == 7 && a || b", "((((1 + (2 * 3)) == 7) && a) || b)"),
        ("a?.b ?? 0 > 5", "((a?.b ?? 0) > 5)"),
        ("!a.b && -1 < -a[0]", "((!a.b) && ((-1) < (-a[0])))"),
        ("xs[0]? ?? 1", "(xs[0]? ?? 1)"),
        ("xs[0]?.a", "xs[0]??.a"),
        ("if a then 1 else if b then 2 else 3 + 4", "if(a, 1, if(b, 2, (3 + 4)))"),
        ("(1 + 2) * 3 % 4", "(((1 + 2) * 3) % 4)"),
        ("a <= b != true", "((a <= b) != true)"),
        ("key.when.step", "key.when.step"),
    ];
    for (source, expected) in cases {
        let (file, findings) = parsed(&format!("eczflow 1\nflow f() -> int {{ let x = {source} return 1 }}"));
        assert_eq!(findings, [], "{source}");
        let Some(ast::Item::Flow(flow)) = file.items.first() else { panic!("no flow") };
        let Some(ast::Statement::Let(value)) = flow.body.statements.first() else { panic!("no let") };
        assert_eq!(text(&value.value), expected, "{source}");
    }
}

#[test]
fn types_and_the_rest_of_expressions() {
    let text = r#"eczflow 1
/// Two lines
/// of words.
flow f(
  a: string | null, b: [int?]?, c: {string: decimal}, d: { "string": bool, on: "open" | "shut" }, e: support.Ticket,
  g: duration = 1h30m, h: (int | bool)?, i: Strange = [],
) -> EczId {
  step x = a."GET /tickets/{id}"(query.id: run.id, "X-A": 2.50, { "a-b": x."c-d", on: [y for y in ys when y > 1], })
  let s = "a {x.b ?? "c {1}"} \{d\} \u{e9}"
  let t = decimal(1, null)
  return s
}
"#
    .replace("\\{id\\}", "{id}")
    .replace("/tickets/{id}", "/tickets/\\{id\\}");
    let (file, findings) = parsed(&text);
    assert_eq!(findings, []);
    let Some(ast::Item::Flow(flow)) = file.items.first() else { panic!("no flow") };
    assert_eq!(file.docs(flow.span), ["Two lines", "of words."]);
    insta::assert_snapshot!(tree(flow));
}

#[test]
fn nesting_is_bounded_before_anything_recurses() {
    let wrap = |inner: &str| format!("eczflow 1\nflow f() -> int {{ let x = {inner} return x }}");
    let parens = |n: usize| wrap(&format!("{}1{}", "(".repeat(n), ")".repeat(n)));
    let ifs = |n: usize| wrap(&format!("{}0", "if a then 1 else ".repeat(n)));
    let fields = |n: usize| wrap(&format!("a{}", ".b".repeat(n)));
    let sums = |n: usize| wrap(&format!("1{}", " + 1".repeat(n)));
    let nots = |n: usize| wrap(&format!("{}a", "!".repeat(n)));
    let holes = |n: usize| wrap(&format!("{}1{}", "\"{".repeat(n), "}\"".repeat(n)));
    let codes = |text: &str| parsed(text).1.iter().map(|finding| finding.code.number).collect::<Vec<_>>();
    for text in [parens(63), ifs(63), fields(250), sums(250), nots(250), holes(31)] {
        assert_eq!(codes(&text), Vec::<&str>::new(), "{text}");
    }
    for text in
        [parens(64), ifs(64), fields(300), sums(300), nots(300), holes(32), parens(100_000), ifs(40_000)]
    {
        assert_eq!(codes(&text), ["EF0007"], "{text:.80}");
    }
    for text in [
        fields(400_000),
        sums(200_000),
        nots(900_000),
        holes(100_000),
        "{".repeat(900_000),
        "[".repeat(900_000),
    ] {
        assert!(!codes(&text).is_empty());
    }
    let list = format!("[{}]", "if a then 1 else 2, ".repeat(1_000));
    assert_eq!(codes(&wrap(&list)), Vec::<&str>::new());
}

#[test]
fn files_have_a_size() {
    let text = format!("eczflow 1\n//{}", "x".repeat(limits::FLOW_BYTES));
    assert_eq!(parsed(&text).1.first().map(|finding| finding.code.number), Some("EF0002"));
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    let mut bytes = REFUND.as_bytes().to_vec();
    let at = REFUND.find("Refund a").unwrap_or(0);
    bytes[at] = 0xff;
    let text = decode(bytes);
    let findings = parsed(&text).1;
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].code.number, findings[0].span().start), ("EF0003", at));
}

/// The words that recovery and the scan know are those of the grammar.
#[test]
fn words_are_those_of_the_grammar() {
    for word in characters::RESERVED {
        assert!(grammar::parse(grammar::Rule::name, word).is_err(), "{word}");
    }
    let grammar = include_str!("../../grammar/eczflow.pest");
    let start = grammar.find("reserved = @{").unwrap_or(0);
    let rule: String = grammar[start..].chars().take_while(|c| *c != '~').collect();
    let words: Vec<&str> = rule.split('"').skip(1).step_by(2).collect();
    assert_eq!(words, characters::RESERVED);
    for word in
        recover::ITEMS.iter().chain(&recover::STATEMENTS).chain(&recover::SETTINGS).chain(&recover::CLAUSES)
    {
        assert!(grammar.contains(&format!("= @{{ \"{word}\" ~ !ident_char }}")), "{word}");
    }
}

fn every_span_fits(text: &str, findings: &[Diagnostic]) {
    for finding in findings {
        for label in &finding.labels {
            assert!(text.get(label.span.range()).is_some(), "{label:?} in {text:?}");
        }
        for (span, _) in finding.fix.iter().flat_map(|fix| &fix.edits) {
            assert!(text.get(span.range()).is_some(), "{span:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let (_, findings) = parsed(&text);
        prop_assert!(!findings.is_empty());
        every_span_fits(&text, &findings);
    }

    #[test]
    fn any_words_are_answered(words in proptest::collection::vec(prop_oneof![
        Just("eczflow 1\n"), Just("flow f() -> int {"), Just("}"), Just("\n"), Just("step x = a.b("), Just(")"), Just("let"),
        Just("for x in y at most 2 {"), Just("\""), Just("{"), Just("if a then"), Just("else"), Just("after all"), Just("'"),
        Just("yield 1"), Just("return x"), Just("retry r {"), Just("// c\n"), Just("api a ="), Just("="), Just("."), Just("é"),
        Just("signal"), Just("on 404 fail"), Just("5"), Just("5s"), Just("\\"), Just("?"), Just("["), Just("]"), Just(";"),
    ], 0..60)) {
        let text = words.join(" ");
        let (_, findings) = parsed(&text);
        every_span_fits(&text, &findings);
    }

    /// A cut, doubled or changed piece of the example is answered; a tree without findings has no broken part.
    #[test]
    fn any_mutation_is_answered(at in 0..REFUND.len(), length in 0usize..40, with in "[ -~\n]{0,6}") {
        let mut text = REFUND.to_owned();
        let end = (at + length).min(text.len());
        prop_assume!(text.is_char_boundary(at) && text.is_char_boundary(end));
        text.replace_range(at..end, &with);
        let (file, findings) = parsed(&text);
        every_span_fits(&text, &findings);
        let broken = file.items.iter().any(|item| match item {
            ast::Item::Broken(_) => true,
            ast::Item::Flow(flow) => flow.body.statements.iter().any(|it| matches!(it, ast::Statement::Broken(_))),
            _ => false,
        });
        prop_assert!(!broken || !findings.is_empty());
    }
}

/// The bound on rule calls is 64 a byte: a file of nearly the largest size stays within it only if parsing is linear.
#[test]
fn the_largest_files_are_read() {
    let flow = REFUND.split_once("\nflow").map_or("", |(_, flow)| flow);
    let flow = format!("flow{flow}");
    let flows = limits::FLOW_BYTES / flow.len() - 1;
    let text = format!("eczflow 1\n{}", flow.repeat(flows));
    assert!((limits::FLOW_BYTES - 20_000..limits::FLOW_BYTES).contains(&text.len()), "{}", text.len());
    let (file, findings) = parsed(&text);
    assert_eq!((file.items.len(), findings.len()), (flows, 0));
}

#[test]
fn a_broken_function_costs_only_itself() {
    let text = "eczflow 1\ntype Line = { sku: string, type: string? }\nfn bad(x: int -> int = x +\nfn good(fn_: Line?, b: [int]) -> int =\n  b[0] + 1\ntype Last = Line | null\nsecret last for a\n";
    let (file, findings) = parsed(text);
    let items: Vec<&str> = file
        .items
        .iter()
        .map(|item| match item {
            ast::Item::Type(item) => item.name.text.as_str(),
            ast::Item::Function(item) => item.name.text.as_str(),
            ast::Item::Secret(item) => item.name.text.as_str(),
            ast::Item::Broken(item) => item.name.as_ref().map_or("", |name| name.text.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(items, ["Line", "bad", "good", "Last", "last"]);
    assert!(matches!(file.items.get(1), Some(ast::Item::Broken(_))) && !findings.is_empty());
    assert!(findings.iter().all(|finding| text.get(finding.span().range()).is_some()));
}

/// The editor's keywords are the grammar's, in its order.
#[test]
fn editors_colour_the_words_of_the_grammar() {
    let words = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
    let grammar = include_str!("../../grammar/eczflow.pest");
    let expected: Vec<String> = grammar
        .lines()
        .filter(|line| line.starts_with("kw_"))
        .filter_map(|line| line.split('"').nth(1))
        .map(str::to_owned)
        .collect();
    let colours: serde_json::Value =
        serde_json::from_str(include_str!("../../editors/vscode/syntaxes/eczflow.tmLanguage.json")).unwrap();
    let group = |name: &str| {
        let pattern = colours["repository"][name]["match"].as_str().unwrap_or("");
        words(pattern.trim_start_matches("\\b(?:").trim_end_matches(")\\b"))
    };
    let found = [group("keyword"), group("constant")].concat();
    assert_eq!(found, expected);
    assert!(expected.len() > 70);
    assert_eq!(
        group("type"),
        ast::Builtin::ALL.iter().map(|ty| ty.word()).filter(|word| *word != "null").collect::<Vec<_>>()
    );
}

/// Each page's failing example yields its code, its passing one nothing of this family. `too-large` has no example.
#[test]
fn the_pages_of_this_family_say_what_happens() {
    for code in codes::ALL {
        let path = format!("{}/docs/rules/{}-{}.md", env!("CARGO_MANIFEST_DIR"), code.number, code.name);
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        let blocks = |kind: &str| {
            let fence = format!("```eczflow {kind}\n");
            let parts = page.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next());
            parts.map(|text| format!("{text}\n")).collect::<Vec<_>>()
        };
        let (fail, pass) = (blocks("fail"), blocks("pass"));
        assert!(!pass.is_empty() && (!fail.is_empty() || code.number == "EF0002"), "{path}");
        for text in fail {
            assert!(parsed(&text).1.iter().any(|finding| finding.code == *code), "{path}:\n{}", drawn(&text));
        }
        for text in pass {
            assert_eq!(drawn(&text), "", "{path}");
        }
    }
}

#[test]
fn the_standard_library_parses() {
    for text in [
        include_str!("../../stdlib/retry.eczflow"),
        include_str!("../../stdlib/breaker.eczflow"),
        include_str!("../../stdlib/handoff.eczflow"),
    ] {
        let (file, findings) = parsed(text);
        assert_eq!(findings, []);
        assert!(file.items.iter().all(|item| {
            let span = match item {
                ast::Item::Retry(policy) => policy.span,
                ast::Item::Breaker(policy) => policy.span,
                ast::Item::Handoff(policy) => policy.span,
                other => panic!("{other:?}"),
            };
            !file.docs(span).is_empty()
        }));
    }
}
