//! Types and functions that files declare: looked up, resolved once, kept from going in circles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::expressions::{Lowering, convert};
use super::functions::{Signature, misfit};
use super::model::{Api, NamedSchemas, TypeNames};
use super::modules::{Modules, kind, unknown};
use super::scope::Scope;
use crate::base::{did_you_mean, limits};
use crate::diagnostics::codes::{graph, names};
use crate::diagnostics::{Diagnostic, Sink};
use crate::expr::{Definition, Definitions, functions};
use crate::plan::{FunctionFault, PARAMETERS, STEPS, costs};
use crate::source::Span;
use crate::syntax::ast::{self, Builtin};
use crate::types::{Field, Type, measure};

/// Parts of one type, those of the types it names counted each time they are named.
const PARTS: usize = 100_000;
/// Parts of all declared types that a flow sees.
const ALL_PARTS: usize = 3 * PARTS;

/// A declaration: its file and its name there.
type Key = (usize, String);

/// What files declare, as far as it was asked for.
pub(crate) struct Declared<'a> {
    pub(crate) modules: &'a Modules,
    pub(crate) apis: &'a BTreeMap<String, Api>,
    types: BTreeMap<Key, Known>,
    /// The documents' schemas that written types name.
    pub(super) schemas: NamedSchemas,
    /// Types being resolved, outermost first: meeting one again is a circle.
    open: Vec<Key>,
    /// Parts of the type being resolved.
    parts: usize,
    /// Parts of all types that were resolved.
    all_parts: usize,
    functions: BTreeMap<Key, Arc<Signature>>,
    /// Names that functions have in the plan: two files may use one name.
    plan_names: BTreeSet<String>,
    /// Functions whose bodies are not lowered yet.
    waiting: Vec<(usize, &'a ast::Function, Arc<Signature>)>,
}

/// What to write for a word that other languages, or documents as a `format`, have as a type.
fn of_documents(word: &str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    let strings = ["date", "time", "uuid", "guid", "email", "uri", "url", "hostname", "ipv4", "ipv6", "char"];
    let meant = match word.as_str() {
        word if strings.contains(&word) => {
            return Some(format!("write `string`: a document's `format: {word}` is a string"));
        }
        "datetime" | "date_time" => "timestamp",
        "float" | "double" | "real" => "number",
        "long" | "integer" | "int32" | "int64" | "uint" => "int",
        "boolean" => "bool",
        "text" | "str" => "string",
        "money" => "decimal",
        _ => return None,
    };
    Some(format!("write `{meant}`"))
}

struct Known {
    ty: Type,
    parts: usize,
}

impl<'a> Declared<'a> {
    pub(crate) fn new(modules: &'a Modules, apis: &'a BTreeMap<String, Api>) -> Declared<'a> {
        Declared {
            modules,
            apis,
            types: BTreeMap::new(),
            schemas: NamedSchemas::new(),
            open: Vec::new(),
            parts: 0,
            all_parts: 0,
            functions: BTreeMap::new(),
            plan_names: BTreeSet::new(),
            waiting: Vec::new(),
        }
    }

    /// Looks at every type and function of the flow's own file, needed or not.
    pub(crate) fn all(&mut self, sink: &mut Sink) {
        let Some(module) = self.modules.get(self.modules.root) else { return };
        for item in &module.ast.items {
            self.parts = 0;
            match item {
                ast::Item::Type(item) => {
                    if Builtin::ALL.iter().any(|builtin| builtin.word() == item.name.text) {
                        sink.push(shadows(&item.name, "type"));
                    } else {
                        let _ = self.named(self.modules.root, item, &item.name, sink);
                    }
                }
                ast::Item::Function(item) => {
                    let _ = self.signature(self.modules.root, item, sink);
                }
                _ => {}
            }
        }
    }

    /// A written type, from a file.
    pub(crate) fn ty(&mut self, from: usize, written: &ast::TypeExpr, sink: &mut Sink) -> Type {
        self.parts = 0;
        self.written(from, written, sink)
    }

    /// The type that a name leads to from a file.
    pub(super) fn type_named(&mut self, from: usize, name: &ast::Name, sink: &mut Sink) -> Type {
        match self.modules.find(from, &name.text) {
            Some(found) => match found.item {
                ast::Item::Type(item) => return self.named(found.module, item, name, sink),
                other => {
                    let message = format!("`{}` is {}, not a type", name.text, kind(other));
                    sink.push(
                        Diagnostic::new(&names::WRONG_KIND, name.span, message)
                            .help("name a type here: `type NAME = …` declares one"),
                    );
                }
            },
            None if self.modules.is_broken(from, &name.text) => {}
            None => {
                let known = self.modules.candidates(from, "a type");
                let words = Builtin::ALL.map(Builtin::word).into_iter();
                let near = did_you_mean(&name.text, words.chain(known.iter().map(String::as_str)));
                let finding = unknown(name, format!("no type `{}`", name.text), near);
                sink.push(match of_documents(&name.text) {
                    Some(help) if near.is_none() => finding.help(help),
                    _ => finding,
                });
            }
        }
        Type::reported()
    }

    /// A declared type; `name` is where it is asked for.
    fn named(
        &mut self,
        module: usize,
        item: &ast::TypeDeclaration,
        name: &ast::Name,
        sink: &mut Sink,
    ) -> Type {
        let key = (module, item.name.text.clone());
        if let Some(known) = self.types.get(&key) {
            let (ty, parts) = (known.ty.clone(), known.parts);
            return if self.take(parts, name.span, sink) { ty } else { Type::reported() };
        }
        if let Some(start) = self.open.iter().position(|open| *open == key) {
            let chain = self.open.iter().skip(start).map(|(_, name)| name.as_str());
            let chain: Vec<&str> = chain.chain([item.name.text.as_str()]).collect();
            sink.push(circle(
                name.span,
                &item.name.text,
                "contains",
                "name only the members that are needed: a type has an end",
                &chain,
            ));
            return Type::reported();
        }
        if self.open.len() >= limits::SYNTAX_DEPTH {
            sink.push(large_type(
                name.span,
                &format!("more than {} types inside each other", limits::SYNTAX_DEPTH),
            ));
            return Type::reported();
        }
        self.open.push(key.clone());
        let around = std::mem::take(&mut self.parts);
        let mut ty = self.written(module, &item.ty, sink);
        let whole = self.parts <= PARTS;
        self.parts = around;
        self.open.pop();
        if !whole {
            ty = Type::reported();
        }
        let (depth, parts) = measure(&ty);
        if depth > limits::SYNTAX_DEPTH {
            sink.push(large_type(
                item.name.span,
                &format!("`{}` nests more than {} levels", item.name.text, limits::SYNTAX_DEPTH),
            ));
            ty = Type::reported();
        }
        let before = self.all_parts;
        self.all_parts = before.saturating_add(parts);
        if self.all_parts > ALL_PARTS {
            if before <= ALL_PARTS {
                let message = format!("written out, the types here have more than {ALL_PARTS} parts in all");
                sink.push(large_type(item.name.span, &message));
            }
            ty = Type::any();
        }
        self.types.insert(key, Known { ty: ty.clone(), parts });
        if self.take(parts, name.span, sink) { ty } else { Type::reported() }
    }

    /// Counts parts of the type being resolved; false, and a finding, where they become too many.
    pub(super) fn take(&mut self, parts: usize, span: Span, sink: &mut Sink) -> bool {
        let before = self.parts;
        self.parts = before.saturating_add(parts);
        if before <= PARTS && self.parts > PARTS {
            sink.push(large_type(span, &format!("written out, this type has more than {PARTS} parts")));
        }
        self.parts <= PARTS
    }

    /// What a function takes and gives.
    pub(super) fn signature(
        &mut self,
        module: usize,
        item: &'a ast::Function,
        sink: &mut Sink,
    ) -> Arc<Signature> {
        let key = (module, item.name.text.clone());
        if let Some(known) = self.functions.get(&key) {
            return Arc::clone(known);
        }
        if functions::signature(&item.name.text).is_some()
            || matches!(item.name.text.as_str(), "status" | "headers")
        {
            sink.push(shadows(&item.name, "function"));
        }
        if item.parameters.len() > PARAMETERS {
            let message = format!("`{}` has more than {PARAMETERS} parameters", item.name.text);
            sink.push(
                Diagnostic::new(&graph::TOO_LARGE, item.name.span, message)
                    .help("give it a record of them: `type NAME = { … }`"),
            );
        }
        let mut parameters = Vec::new();
        for parameter in &item.parameters {
            parameters.push((
                parameter.name.text.clone(),
                self.ty(module, &parameter.ty, sink),
                parameter.ty.span,
            ));
        }
        let result = self.ty(module, &item.result, sink);
        let mut plan_name = item.name.text.clone();
        let mut count = 1;
        while !self.plan_names.insert(plan_name.clone()) {
            count += 1;
            plan_name = format!("{}_{count}", item.name.text);
        }
        let signature = Arc::new(Signature {
            plan_name,
            name: item.name.clone(),
            parameters,
            result,
            result_span: item.result.span,
        });
        self.functions.insert(key, Arc::clone(&signature));
        self.waiting.push((module, item, Arc::clone(&signature)));
        signature
    }

    /// The bodies of all functions that were asked for, and of those they call.
    pub(crate) fn bodies(&mut self, sink: &mut Sink) -> Definitions {
        let mut definitions = Definitions::new();
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        while let Some((module, item, signature)) = self.waiting.pop() {
            let mut scope =
                Scope::new(item.parameters.iter().map(|parameter| parameter.name.text.clone()).collect());
            for (parameter, (_, ty, _)) in item.parameters.iter().zip(&signature.parameters) {
                match scope.place(&parameter.name.text) {
                    Some(first) => {
                        let message =
                            format!("`{}` has two parameters `{}`", item.name.text, parameter.name.text);
                        sink.push(
                            Diagnostic::new(&names::DUPLICATE_NAME, parameter.name.span, message)
                                .and(first, "the first one")
                                .help("give one of them another name"),
                        );
                    }
                    None => scope.define(&parameter.name, ty.clone(), false, sink),
                }
            }
            let field = Field::of(signature.result.clone());
            let mut lowering =
                Lowering { scope: &mut scope, sink: &mut *sink, declared: self, from: module, pure: true };
            let mut body = lowering.lower(&item.body, Some(&signature.result));
            convert(&mut body, &field);
            let place = format!("the value of `{}`", item.name.text);
            if let Some(found) =
                misfit(&body, &item.body, &field, &place, signature.result_span, &scope, self)
            {
                sink.push(found);
            }
            scope.leave(sink);
            let parameters = signature.parameters.iter().map(|(name, ty, _)| (name.clone(), ty.clone()));
            let (parameters, takes) = parameters.unzip();
            let gives = Some(signature.result.clone());
            places.insert(signature.plan_name.clone(), item.name.span);
            definitions.insert(
                signature.plan_name.clone(),
                Definition { parameters, takes, gives, body: body.expr },
            );
        }
        let mut sound = definitions.clone();
        while let Err(fault) = costs(&sound) {
            let place = |name: &str| places.get(name).copied().unwrap_or_default();
            match fault {
                FunctionFault::Circle(chain) => {
                    let words: Vec<&str> = chain.iter().map(String::as_str).collect();
                    let first = words.first().copied().unwrap_or_default();
                    sink.push(circle(
                        place(first),
                        first,
                        "calls",
                        "go through a list with `[… for x in xs]` or `sum(…)`: a function has an end",
                        &words,
                    ));
                    sound.retain(|name, _| !chain.contains(name));
                }
                FunctionFault::Deep(name) => {
                    sink.push(large_function(
                        place(&name),
                        &format!("with what it calls, `{name}` nests too deeply"),
                    ));
                    sound.remove(&name);
                }
                FunctionFault::Long(name) => {
                    sink.push(large_function(
                        place(&name),
                        &format!("with all it calls, `{name}` takes more than {STEPS} operations"),
                    ));
                    sound.remove(&name);
                }
            }
        }
        definitions
    }

    /// The names under which types are shown: those of the flow's own file before used ones.
    pub(crate) fn type_names(&self) -> TypeNames {
        let mut known: Vec<(&Key, &Known)> = self.types.iter().collect();
        known.sort_by_key(|((module, _), _)| *module != self.modules.root);
        // A name says more than a record, not more than `string`.
        let worth = known.into_iter().filter(|(_, known)| known.parts > 1);
        TypeNames(worth.map(|((_, name), known)| (known.ty.clone(), name.clone())).collect())
    }
}

fn shadows(name: &ast::Name, noun: &str) -> Diagnostic {
    let message = format!("`{}` is a {noun} of the language", name.text);
    Diagnostic::new(&names::DUPLICATE_NAME, name.span, message).help("take another name")
}

fn circle(span: Span, name: &str, does: &str, help: &str, chain: &[&str]) -> Diagnostic {
    let message = match chain {
        [] | [_] | [_, _] => format!("`{name}` {does} itself"),
        [_, through @ .., _] => format!("`{name}` {does} itself through `{}`", through.join("`, `")),
    };
    Diagnostic::new(&graph::DECLARATION_CYCLE, span, message).help(help)
}

/// A function that is too large.
fn large_function(span: Span, message: &str) -> Diagnostic {
    Diagnostic::new(&graph::TOO_LARGE, span, message)
        .help("call a function once and reuse what it gives: `2 * f(x)` for `f(x) + f(x)`")
}

/// A type that is too large.
fn large_type(span: Span, message: &str) -> Diagnostic {
    Diagnostic::new(&graph::TOO_LARGE, span, message).help("name only the members that are needed")
}
