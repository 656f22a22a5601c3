//! Random flows over three organisations that all offer the same small api, with random classes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use eczflow::base::{Random as _, SeededRandom};
use eczflow::plan::Class;

/// The organisations that are called; each is one api, and its own operator.
pub(super) const PARTIES: [&str; 3] = ["alfa", "beta", "gamma"];

/// What has a class of its own in an answer of `look`: `tags` and `lines` with how many there are, `tags[]` and
/// `lines[].sku` without; the whole of it, body and headers.
pub(super) const FIELDS: [&str; 12] = [
    WHOLE,
    "score",
    "note",
    "vip",
    "maybe",
    "customer",
    "customer.email",
    "tags",
    "tags[]",
    "lines",
    "lines[].sku",
    "X-Case",
];

/// All of an answer, where fields are named.
pub(super) const WHOLE: &str = "whole";

/// The inputs of every flow.
pub(super) const INPUTS: [&str; 3] = ["word", "count", "yes"];

/// A flow and what it says of classes.
pub(super) struct Flow {
    text: String,
    /// The body of the flow that it calls.
    called: String,
    /// By party and field; inputs are the field of an empty party.
    classes: BTreeMap<(String, String), Class>,
    /// Those that the document says, not the flow.
    in_document: BTreeSet<(String, String)>,
    /// By party: up to which class, and whose. The empty party is the flow's own operator.
    cleared: BTreeMap<String, Vec<(Class, Option<String>)>>,
    /// By party: what was released to it, as it stands in a value that was released.
    released: BTreeSet<(String, String, String)>,
}

impl Flow {
    /// A flow's text, or its twin's that says nothing of classes.
    pub(super) fn text(&self, classified: bool) -> String {
        let mut head = String::from(
            "eczflow 1\nuse std.handoff.{ strict }\noperator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }\n",
        );
        for party in PARTIES {
            let _ = writeln!(head, "api {party} = openapi(\"apis/{party}.yaml\") {{\n  retry once");
            if classified {
                head.push_str(&self.clearances(party));
            }
            head.push_str("}\n");
        }
        head.push_str("retry once { attempts 2  backoff 1s to 1s }\n");
        for ((party, field), class) in self.classes.iter().filter(|_| classified) {
            if party.is_empty() {
                let _ = writeln!(head, "classify input exchange.{field} as {class}");
            } else if !self.in_document.contains(&(party.clone(), field.clone())) {
                let member = if field == WHOLE { String::new() } else { format!(" -> {field}") };
                let _ = writeln!(head, "classify {party}.look{member} as {class}");
            }
        }
        head.push_str(FUNCTIONS);
        let own = if classified { self.clearances("") } else { String::new() };
        for (name, body) in
            [("exchange", &self.text), ("called", &self.called)].iter().filter(|(_, body)| !body.is_empty())
        {
            let _ = write!(
                head,
                "flow {name}(word: string, count: int, yes: bool) -> {{ text: string, number: int }} {{\n  as acme.agent\n  handoff strict\n{own}"
            );
            for part in body.split('§') {
                let plain = part.strip_prefix('^').map(|rest| if classified { rest } else { "" });
                head.push_str(plain.unwrap_or(part));
            }
            head.push_str("}\n");
        }
        head
    }

    fn clearances(&self, party: &str) -> String {
        let all = self.cleared.get(party).into_iter().flatten();
        all.fold(String::new(), |mut text, (class, from)| {
            let from = from.as_ref().map_or(String::new(), |from| format!(" from {from}"));
            let _ = writeln!(text, "  cleared {class}{from}");
            text
        })
    }

    /// A party's document.
    pub(super) fn document(&self, party: &str, classified: bool) -> String {
        let mut text = DOCUMENT.replace("PARTY", party).replace("CODE", &party[..4].to_uppercase());
        for field in FIELDS {
            let key = (party.to_owned(), field.to_owned());
            let class = self.classes.get(&key).filter(|_| classified && self.in_document.contains(&key));
            let word = class.map_or(String::new(), |class| format!("x-data-class: {class}"));
            let beside = if word.is_empty() { String::new() } else { format!(", {word}") };
            text = text.replace(&format!(", <{field}>"), &beside).replace(&format!("<{field}>"), &word);
        }
        text
    }

    /// Whether there is anything that a receiver may not have.
    pub(super) fn withheld(&self, receiver: &str) -> bool {
        self.classes.keys().any(|(owner, field)| !self.may_have(receiver, owner, field))
    }

    /// Whether a receiver may tell two values of a field apart. The empty receiver is the flow's own operator.
    pub(super) fn may_have(&self, receiver: &str, owner: &str, field: &str) -> bool {
        let said = |field: &str| self.classes.get(&(owner.to_owned(), field.to_owned())).copied();
        // What stands in a classified record or list has its class too.
        let around = match field {
            "customer.email" | "customer.age" => said("customer"),
            "tags[]" => said("tags"),
            "lines[].sku" => said("lines"),
            _ => None,
        };
        // Inputs have no answer around them, and what is made is another answer.
        let answer = said(WHOLE).filter(|_| !field.starts_with("made "));
        let Some(class) = said(field).max(around).max(answer) else { return true };
        let covers = |(up_to, from): &(Class, Option<String>)| {
            class <= *up_to && from.as_ref().is_none_or(|from| from == owner)
        };
        receiver == owner
            || self.cleared.get(receiver).is_some_and(|all| all.iter().any(covers))
            || self.released.contains(&(receiver.to_owned(), owner.to_owned(), field.to_owned()))
    }
}

const FUNCTIONS: &str = "fn choose(which: bool, a: string, b: string) -> string = if which then a else b
fn first(all: [string]) -> string = all[0]? ?? \"none\"
fn head(all: [string]) -> string = all[0]
fn listed(all: [string] | null) -> [string] = all ?? []
fn same(a: string, b: string) -> bool = a == b
fn many(all: [string], least: int) -> bool = length(all) >= least
";

const DOCUMENT: &str = r#"openapi: 3.1.1
info:
  title: PARTY
  version: 1.0.0
  x-ecz-id:
    operator_ecz_id: ECZ-GB-CODE01
    api_passport_id: ECZ-GB-CODE01::API-THNG01
    api_origin: https://PARTY.example
    spec_hash: sha256:c55d4abdb10c725c3a7da884997837e1c44a1ab71bf2878a1fefc7728acb855f
    resolver_url: https://resolver.ecocitizenz.org/p/ECZ-GB-CODE01/API/THNG01
servers: [{ url: "https://PARTY.example" }]
paths:
  /things/{id}:
    get:
      operationId: look
      parameters:
        - { name: id, in: path, required: true, schema: { type: string } }
        - { name: tag, in: query, schema: { type: string } }
      responses:
        '404': { description: None. }
        '200':
          description: A thing.
          <whole>
          headers:
            X-Case: { required: true, schema: { type: string, <X-Case> } }
          content:
            application/json:
              schema:
                type: object
                required: [id, score, note, vip, customer, tags, lines]
                properties:
                  id: { type: string }
                  score: { type: integer, minimum: 0, maximum: 9, <score> }
                  note: { type: string, <note> }
                  vip: { type: boolean, <vip> }
                  maybe: { type: string, <maybe> }
                  customer:
                    { type: object, required: [email, age], properties: { email: { type: string, <customer.email> }, age: { type: integer, minimum: 0, maximum: 9 } }, <customer> }
                  tags: { type: array, items: { type: string, <tags[]> }, <tags> }
                  lines:
                    { type: array, items: { type: object, required: [sku, quantity], properties: { sku: { type: string, <lines[].sku> }, quantity: { type: integer, minimum: 0, maximum: 9 } } }, <lines> }
  /things:
    post:
      operationId: make
      parameters:
        - { name: tag, in: query, schema: { type: string } }
        - { name: X-Note, in: header, schema: { type: string } }
        - { name: Idempotency-Key, in: header, schema: { type: string } }
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              required: [to, count, all]
              properties:
                to: { type: string }
                count: { type: integer }
                all: { type: array, items: { type: string } }
                code: { type: string, pattern: '[0-3]$' }
      responses:
        '404': { description: None. }
        '201':
          description: It is made.
          content:
            application/json:
              schema: { type: object, required: [id, score], properties: { id: { type: string }, score: { type: integer, minimum: 0, maximum: 9 } } }
  /things/{id}/drop:
    post:
      operationId: drop
      parameters:
        - { name: id, in: path, required: true, schema: { type: string } }
        - { name: why, in: query, schema: { type: string } }
        - { name: Idempotency-Key, in: header, schema: { type: string } }
      responses:
        '200':
          description: It is gone.
          content: { application/json: { schema: { type: object, required: [id], properties: { id: { type: string } } } } }
"#;

/// A part of a flow's text, and the fields that it may hang on.
type Part = (String, BTreeSet<(String, String)>);

/// A name in scope.
#[derive(Clone)]
enum Name {
    Text,
    Number,
    Truth,
    List,
    /// An answer of `look`: of whom, and whether it may be absent.
    Look(&'static str, bool),
    /// An answer of `make`, and whether it may be absent.
    Make(bool),
    Line,
    /// What the called flow returns, and whether it may be absent.
    Called(bool),
}

/// What a name is, and the fields that it may hang on.
type Known = (Name, BTreeSet<(String, String)>);

pub(super) fn flow(seed: &str) -> Flow {
    let random = SeededRandom::new(seed);
    let mut flow = Flow {
        text: String::new(),
        called: String::new(),
        classes: BTreeMap::new(),
        in_document: BTreeSet::new(),
        cleared: BTreeMap::new(),
        released: BTreeSet::new(),
    };
    let class = || if random.below(2) == 0 { Class::Personal } else { Class::Restricted };
    for party in PARTIES {
        // Of whole answers more: one class, and then a header too must be kept.
        for field in FIELDS.into_iter().filter(|field| random.below(if *field == WHOLE { 4 } else { 7 }) == 0)
        {
            let key = (party.to_owned(), field.to_owned());
            // A flow names no items of a list, and no headers.
            if field.contains("[]") || field == "X-Case" || random.below(2) == 0 {
                flow.in_document.insert(key.clone());
            }
            flow.classes.insert(key, class());
        }
    }
    for input in INPUTS.into_iter().filter(|_| random.below(5) == 0) {
        flow.classes.insert((String::new(), input.to_owned()), class());
    }
    for receiver in PARTIES.into_iter().chain([""]).filter(|_| random.below(3) == 0) {
        let from = (random.below(2) == 0).then(|| pick(&random, &PARTIES).to_owned());
        flow.cleared.insert(receiver.to_owned(), vec![(class(), from.filter(|from| from != receiver))]);
    }
    // The operator sees most of what it asks for, so that not every message is refused.
    if random.below(3) > 0 {
        flow.cleared.insert(String::new(), vec![(Class::Restricted, None)]);
    }
    let mut writer = Writer {
        random,
        flow,
        names: BTreeMap::new(),
        count: 0,
        item: None,
        decided: BTreeSet::new(),
        called: None,
        within: false,
        effects: false,
        headers: false,
    };
    let whole = writer.flow.classes.keys().any(|(_, field)| field == WHOLE);
    writer.headers = whole && writer.chance(2);
    if writer.chance(2) {
        writer.called();
    }
    writer.body(5);
    writer.flow
}

fn pick<T: Copy>(random: &SeededRandom, from: &[T]) -> T {
    from[usize::try_from(random.below(from.len() as u64)).unwrap()]
}

struct Writer {
    random: SeededRandom,
    flow: Flow,
    names: BTreeMap<String, Known>,
    count: usize,
    /// What stands for one item of the loop that is written.
    item: Option<String>,
    /// What decides whether the statement that is written takes place.
    decided: BTreeSet<(String, String)>,
    /// What the called flow returns may hang on, where there is one.
    called: Option<BTreeSet<(String, String)>>,
    /// Whether the called flow is written.
    within: bool,
    /// Whether the called flow has effects.
    effects: bool,
    /// Whether nothing but headers of answers is used: where bodies are too, these give the flow away first.
    headers: bool,
}

impl Writer {
    fn chance(&self, one_in: u64) -> bool {
        self.random.below(one_in) == 0
    }

    fn party(&self) -> &'static str {
        pick(&self.random, &PARTIES)
    }

    fn fresh(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}{}", self.count)
    }

    fn write(&mut self, text: &str) {
        self.flow.text.push_str(text);
    }

    /// The statements of a flow; what it returns may hang on.
    fn body(&mut self, most: u64) -> BTreeSet<(String, String)> {
        for (input, name) in INPUTS.into_iter().zip([Name::Text, Name::Number, Name::Truth]) {
            let fields = BTreeSet::from([(String::new(), input.to_owned())]);
            self.names.insert(input.to_owned(), (name, fields));
        }
        let party = self.party();
        self.look(party, "  ");
        for _ in 0..2 + self.random.below(most) {
            self.statement();
        }
        let ((text, mut fields), (number, more)) = (self.text(2), self.number(1));
        fields.extend(more);
        self.write(&format!("  return {{ text: {text}, number: {number} }}\n"));
        fields
    }

    /// The flow that is called. Where it stands what its inputs hang on is not known: whoever calls it adds that.
    fn called(&mut self) {
        self.within = true;
        let fields = self.body(2);
        self.within = false;
        self.called = Some(fields);
        self.names.clear();
        self.flow.called = std::mem::take(&mut self.flow.text);
    }

    fn call(&mut self, space: &str) {
        let Some(mut fields) = self.called.clone() else { return };
        let name = self.fresh("c");
        let ((word, one), (count, two), (yes, three)) = (self.text(1), self.number(1), self.truth(1));
        let (clauses, more) = self.clauses(space);
        fields.extend(one.into_iter().chain(two).chain(three).chain(more));
        self.write(&format!(
            "{space}step {name} = call called(word: {word}, count: {count}, yes: {yes})\n{clauses}"
        ));
        if self.effects {
            let party = self.party();
            self.write(&format!("{space}  undo {party}.drop(id: {name}.text)\n"));
        }
        let optional = clauses.contains("  when ");
        self.know(name, Name::Called(optional), fields);
    }

    fn know(&mut self, name: String, what: Name, mut fields: BTreeSet<(String, String)>) {
        fields.extend(self.decided.iter().cloned());
        self.names.insert(name, (what, fields));
    }

    fn named(&self, fits: impl Fn(&Name) -> bool) -> Option<(String, Known)> {
        let all: Vec<_> = self.names.iter().filter(|(_, (name, _))| fits(name)).collect();
        if all.is_empty() {
            return None;
        }
        // The newest ones are the most interesting.
        let at = self.random.below(all.len() as u64).max(self.random.below(all.len() as u64));
        let (name, known) = all[usize::try_from(at).unwrap()];
        Some((name.clone(), known.clone()))
    }

    /// A member of an answer of `look`, and what stands for it where there is none.
    fn member(&self, members: &[&str], without: &str) -> Option<Part> {
        let members = match self.headers {
            true if members.contains(&"X-Case") => &["X-Case"],
            true => return None,
            false => members,
        };
        // No records stand for the lines of an answer that may be absent.
        let lines = members == ["lines"];
        let (name, (what, mut fields)) =
            self.named(|name| matches!(name, Name::Look(_, optional) if !(lines && *optional)))?;
        let Name::Look(party, optional) = what else { return None };
        let member = pick(&self.random, members);
        let field = if member.contains("X-Case") { "X-Case" } else { member };
        for part in
            [field, field.split('.').next().unwrap(), &format!("{field}[]"), &format!("{field}[].sku")]
        {
            fields.insert((party.to_owned(), part.to_owned()));
        }
        let text = match (field, optional) {
            ("X-Case", false) => format!("headers({name}).\"X-Case\""),
            ("X-Case", true) => format!("(headers({name})?.\"X-Case\" ?? {without})"),
            ("maybe", false) => format!("({name}.maybe ?? {without})"),
            (_, false) => format!("{name}.{member}"),
            (_, true) => format!("({name}?.{} ?? {without})", member.replace('.', "?.")),
        };
        Some((text, fields))
    }

    fn text(&self, depth: u64) -> Part {
        let deep = if depth == 0 { 6 } else { 15 };
        let found = match self.random.below(deep) {
            0 => None,
            1 => self.named(|name| matches!(name, Name::Text)).map(|(name, (_, fields))| (name, fields)),
            2..=4 => self.member(&["note", "maybe", "customer.email", "id", "X-Case"], "\"nothing\""),
            5 => self.returned("text", "\"nothing\""),
            6 => {
                let ((c, mut fields), (a, more), (b, most)) =
                    (self.truth(depth - 1), self.text(depth - 1), self.text(depth - 1));
                fields.extend(more.into_iter().chain(most));
                Some((format!("(if {c} then {a} else {b})"), fields))
            }
            7 => {
                let ((c, mut fields), (a, more)) = (self.truth(depth - 1), self.text(depth - 1));
                fields.extend(more);
                Some((format!("choose({c}, {a}, \"other\")"), fields))
            }
            8 => {
                let ((a, mut fields), (n, more)) = (self.text(depth - 1), self.number(depth - 1));
                fields.extend(more);
                Some((format!("\"t{{{a}}}x{{{n}}}\""), fields))
            }
            9 => {
                let (list, fields) = self.list(depth - 1);
                Some((format!("\"j{{join({list}, \"-\")}}\""), fields))
            }
            10 => within(self.list(depth - 1), |list| format!("first({list})")),
            11 => within(self.list(depth - 1), |list| format!("head({list})")),
            12 => within(self.text(depth - 1), |text| format!("upper({text})")),
            13 => within(self.number(depth - 1), |number| format!("string({number})")),
            _ => self.line().map(|(name, fields)| (format!("{name}.sku"), fields)),
        };
        found.unwrap_or_else(|| (format!("\"c{}\"", self.random.below(9)), BTreeSet::new()))
    }

    /// A member of what the called flow returned.
    fn returned(&self, member: &str, without: &str) -> Option<Part> {
        self.named(|name| matches!(name, Name::Called(_))).map(|(name, (what, fields))| match what {
            Name::Called(true) => (format!("({name}?.{member} ?? {without})"), fields),
            _ => (format!("{name}.{member}"), fields),
        })
    }

    fn line(&self) -> Option<Part> {
        self.named(|name| matches!(name, Name::Line)).map(|(name, (_, fields))| (name, fields))
    }

    fn number(&self, depth: u64) -> Part {
        let found = match self.random.below(if depth == 0 { 6 } else { 11 }) {
            0 => None,
            1 => self.named(|name| matches!(name, Name::Number)).map(|(name, (_, fields))| (name, fields)),
            2 | 3 => self.member(&["score", "customer.age"], "0"),
            4 => self.named(|name| matches!(name, Name::Make(_))).map(|(name, (what, fields))| match what {
                Name::Make(true) => (format!("({name}?.score ?? 0)"), fields),
                _ => (format!("{name}.score"), fields),
            }),
            5 => self.returned("number", "0"),
            6 => {
                let ((a, mut fields), (b, more)) = (self.number(depth - 1), self.number(depth - 1));
                fields.extend(more);
                Some((format!("({a} + {b})"), fields))
            }
            7 => within(self.list(depth - 1), |list| format!("length({list})")),
            8 => within(self.number(depth - 1), |number| format!("(60 % ({number} - 3))")),
            9 => within(self.text(depth - 1), |text| format!("length({text})")),
            _ => self.line().map(|(name, fields)| (format!("{name}.quantity"), fields)),
        };
        found.unwrap_or_else(|| (self.random.below(9).to_string(), BTreeSet::new()))
    }

    fn truth(&self, depth: u64) -> Part {
        let found = match self.random.below(if depth == 0 { 4 } else { 9 }) {
            0 | 1 => self.member(&["vip"], "false"),
            2 => self.named(|name| matches!(name, Name::Truth)).map(|(name, (_, fields))| (name, fields)),
            3 | 4 => within(self.number(depth.saturating_sub(1)), |number| format!("({number} > 3)")),
            5 => {
                let ((a, mut fields), (b, more)) = (self.truth(depth - 1), self.truth(depth - 1));
                fields.extend(more);
                let joined = pick(&self.random, &["&&", "||"]);
                Some((format!("({a} {joined} {b})"), fields))
            }
            6 => {
                let ((a, mut fields), (b, more)) = (self.list(depth - 1), self.text(depth - 1));
                fields.extend(more);
                Some((format!("contains({a}, {b})"), fields))
            }
            7 => within(self.list(depth - 1), |list| format!("many({list}, 2)")),
            _ => within(self.text(depth - 1), |text| format!("same({text}, \"n2\")")),
        };
        found
            .unwrap_or_else(|| (pick(&self.random, &["yes", "!yes"]).to_owned(), self.names["yes"].1.clone()))
    }

    fn list(&self, depth: u64) -> Part {
        let found = match self.random.below(if depth == 0 { 3 } else { 6 }) {
            0 => {
                self.member(&["tags"], "null").and_then(|tags| within(tags, |tags| format!("listed({tags})")))
            }
            1 => self
                .member(&["lines"], "")
                .map(|(lines, fields)| (format!("[l.sku for l in {lines}]"), fields)),
            2 => self.named(|name| matches!(name, Name::List)).map(|(name, (_, fields))| (name, fields)),
            3 => self.member(&["lines"], "").map(|(lines, mut fields)| {
                let (number, more) = self.number(depth - 1);
                fields.extend(more);
                (format!("[l.sku for l in {lines} when l.quantity > {number}]"), fields)
            }),
            4 => {
                let ((list, mut fields), (text, more)) = (self.list(depth - 1), self.text(depth - 1));
                fields.extend(more);
                Some((format!("[choose(i == \"g1\", i, {text}) for i in {list}]"), fields))
            }
            _ => {
                let ((a, mut fields), (b, more)) = (self.text(depth - 1), self.text(depth - 1));
                fields.extend(more);
                Some((format!("[{a}, {b}]"), fields))
            }
        };
        found.unwrap_or_else(|| ("[\"g1\", \"g2\"]".to_owned(), BTreeSet::new()))
    }

    fn statement(&mut self) {
        match self.random.below(17) {
            14 => self.poll(),
            15 => self.call("  "),
            16 => {
                let (condition, _) = self.truth(1);
                self.write(&format!("  wait if {condition} then 1s else 5s\n"));
            }
            0..=2 => {
                let party = self.party();
                self.look(party, "  ");
            }
            3..=5 => self.make("  "),
            6 => self.repeat(),
            // The inputs of the called flow hang on more than is known there.
            7 if !self.within => self.release(),
            8 => self.matched(),
            9 => {
                let ((condition, _), (text, _)) = (self.truth(1), self.text(0));
                self.write(&format!("  ensure {condition} || count > 7 else \"not so {{{text}}}\"\n"));
            }
            10 => {
                let (condition, _) = self.truth(1);
                self.write(&format!("  fail \"not this\" when {condition} && count < 2\n"));
            }
            _ => {
                let name = self.fresh("v");
                let ((value, fields), what) = match self.random.below(4) {
                    0 => (self.text(2), Name::Text),
                    1 => (self.number(2), Name::Number),
                    2 => (self.truth(2), Name::Truth),
                    _ => (self.list(2), Name::List),
                };
                self.write(&format!("  let {name} = {value}\n"));
                self.know(name, what, fields);
            }
        }
    }

    /// `when` and `after`, with what decides then.
    fn clauses(&mut self, space: &str) -> (String, BTreeSet<(String, String)>) {
        let (mut text, mut fields) = (String::new(), BTreeSet::new());
        if self.chance(3) {
            let (condition, more) = self.truth(1);
            let _ = writeln!(text, "{space}  when {condition}");
            fields = more;
        }
        if self.chance(3)
            && let Some((name, _)) = self.named(|name| matches!(name, Name::Look(..) | Name::Make(_)))
        {
            let _ = writeln!(text, "{space}  after {name}");
        }
        (text, fields)
    }

    fn look(&mut self, party: &'static str, space: &str) {
        let name = self.fresh(&format!("{party}_look"));
        let (id, _) = self.text(2);
        let tag = if self.chance(3) { format!(", tag: {}", self.text(1).0) } else { String::new() };
        let (mut clauses, fields) = self.clauses(space);
        if self.chance(4) {
            let _ = writeln!(clauses, "{space}  on 404 fail \"none {{{}}}\"", self.text(0).0);
        }
        self.write(&format!("{space}step {name} = {party}.look(id: {id}{tag})\n{clauses}"));
        let optional = clauses.contains("  when ");
        self.know(name, Name::Look(party, optional), fields);
    }

    fn poll(&mut self) {
        let party = self.party();
        let name = self.fresh(&format!("{party}_look"));
        let (id, _) = self.text(1);
        let own = pick(&self.random, &["vip", "score > 2", "note != \"n1\""]);
        let other = if self.chance(2) { format!(" || {}", self.truth(1).0) } else { String::new() };
        let most = 2 + self.random.below(3);
        let (clauses, fields) = self.clauses("  ");
        self.write(&format!(
            "  step {name} = poll {party}.look(id: {id}) until {name}.{own}{other} every 1s at most {most}\n{clauses}"
        ));
        let optional = clauses.contains("  when ");
        self.know(name, Name::Look(party, optional), fields);
    }

    fn make(&mut self, space: &str) {
        self.effects |= self.within;
        let party = self.party();
        let name = self.fresh(&format!("{party}_make"));
        let ((to, _), (count, _), (all, _)) = (self.text(1), self.number(1), self.list(1));
        let tag = if self.chance(3) { format!("tag: {}, ", self.text(1).0) } else { String::new() };
        let note = if self.chance(3) { format!("\"X-Note\": {}, ", self.text(1).0) } else { String::new() };
        let code = if self.chance(5) { format!(", code: {}", self.text(1).0) } else { String::new() };
        let (clauses, fields) = self.clauses(space);
        let item = self.item.as_ref().map_or(String::new(), |item| format!("{{{item}}}"));
        // The called flow runs more than once, each time with keys of its own.
        let key = match self.chance(3) && !self.within {
            true => format!("{space}  key once per \"k{item}-{{{}}}\"\n", self.text(1).0),
            false => String::new(),
        };
        let why = if self.chance(3) { format!(", why: {}", self.text(1).0) } else { String::new() };
        self.write(&format!(
            "{space}step {name} = {party}.make({tag}{note}{{ to: {to}, count: {count}, all: {all}{code} }})\n{clauses}{key}{space}  undo {party}.drop(id: {name}.id{why})\n"
        ));
        let optional = clauses.contains("  when ");
        self.know(name, Name::Make(optional), fields);
    }

    fn repeat(&mut self) {
        let (name, variable) = (self.fresh("w"), self.fresh("i"));
        let lines = if self.chance(2) { self.member(&["lines"], "") } else { None };
        let what = if lines.is_some() { Name::Line } else { Name::Text };
        self.item = Some(if lines.is_some() { format!("{variable}.sku") } else { variable.clone() });
        let (list, fields) = lines.unwrap_or_else(|| self.list(1));
        let most = 2 + self.random.below(4);
        let (guard, more) = if self.chance(4) { self.truth(1) } else { (String::new(), BTreeSet::new()) };
        let guarded = !guard.is_empty();
        let when = if guarded { format!(" when {guard}") } else { String::new() };
        let (names, decided) = (self.names.clone(), self.decided.clone());
        self.decided.extend(fields.iter().cloned().chain(more));
        self.know(variable.clone(), what, fields);
        let parallel = 1 + self.random.below(2);
        self.write(&format!(
            "  let {name} = for {variable} in {list} at most {most} parallel {parallel}{when} {{\n"
        ));
        if self.chance(2) {
            self.make("    ");
        } else if self.chance(4) {
            self.call("    ");
        } else {
            let party = self.party();
            self.look(party, "    ");
        }
        if self.chance(4) {
            let (condition, _) = self.truth(1);
            self.write(&format!("    ensure {condition} || count > 4 else \"not this one\"\n"));
        }
        let (result, fields) = self.text(1);
        self.write(&format!("    yield {result}\n  }}\n"));
        self.names = names;
        self.item = None;
        if guarded {
            let all = self.fresh("v");
            self.write(&format!("  let {all} = listed({name} ?? null)\n"));
            self.know(all, Name::List, fields);
        } else {
            self.know(name, Name::List, fields);
        }
        self.decided = decided;
    }

    fn release(&mut self) {
        let (name, (value, fields)) = (self.fresh("v"), self.text(2));
        let to =
            *PARTIES.iter().chain(&["acme"]).nth(usize::try_from(self.random.below(4)).unwrap()).unwrap();
        self.write(&format!("  let {name} = §^release §{value}§^ to {to} as internal because \"agreed\"§\n"));
        let receiver = if to == "acme" { "" } else { to };
        let given = fields.iter().map(|(party, field)| (receiver.to_owned(), party.clone(), field.clone()));
        self.flow.released.extend(given);
        self.know(name, Name::Text, fields);
    }

    fn matched(&mut self) {
        let party = self.party();
        let (name, step) = (self.fresh("v"), self.fresh(&format!("{party}_look")));
        let ((id, _), (other, mut fields)) = (self.text(1), self.text(1));
        self.write(&format!("  step {step} = {party}.look(id: {id})\n  let {name} = match {step} {{ 200 found => found.note, 404 => {other} }}\n"));
        fields.insert((party.to_owned(), "note".to_owned()));
        self.know(name, Name::Text, fields);
        self.know(step, Name::Look(party, true), BTreeSet::new());
    }
}

/// A part within more text.
fn within((text, fields): Part, around: impl Fn(&str) -> String) -> Option<Part> {
    Some((around(&text), fields))
}
