//! The house as ARCHITECTURE.md describes it: rooms import only rooms before them, each library has its doors, only
//! `main.rs` exits, only the roof prints, and nothing below the sandbox knows of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// The floor table: a room imports only rooms before it.
const ROOMS: &[&str] = &[
    "base",
    "ecz",
    "source",
    "diagnostics",
    "documents",
    "types",
    "expr",
    "plan",
    "trust", // ground
    "syntax",
    "hir",
    "graph",
    "rules",
    "emit",
    "compile", // compiler
    "audit",
    "engine",
    "verify",
    "config",
    "store",
    "wire",
    "host",
    "sandbox", // runtime
    "report",
    "cli", // roof
];

/// Two towers stand on common ground and meet only there: the runtime names no room of the compiler.
const COMPILER: &[&str] = &["syntax", "hir", "graph", "rules", "emit", "compile"];
const RUNTIME: &[&str] = &["audit", "engine", "verify", "config", "store", "wire", "host", "sandbox"];

/// Libraries and the only rooms that may name them.
const DOORS: &[(&str, &[&str])] = &[
    ("pest", &["syntax"]),
    ("pest_derive", &["syntax"]),
    ("codespan_reporting", &["source", "report"]),
    ("miette", &["report", "cli"]),
    ("petgraph", &["graph"]),
    ("reqwest", &["wire"]),
    ("rusqlite", &["store"]),
    ("axum", &["sandbox"]),
    ("hyper", &["wire", "sandbox"]),
    ("h2", &["wire"]),
    ("flate2", &["wire"]),
    ("hyper_util", &["sandbox"]),
    ("rcgen", &["sandbox"]),
    ("tokio_rustls", &["sandbox"]),
    ("saphyr_parser", &["documents"]),
    ("ed25519_dalek", &["base"]),
    ("clap", &["cli"]),
    ("jsonschema", &["types"]),
    ("regex_syntax", &["types"]),
    ("toml", &["config"]),
    ("sfv", &["wire"]),
    ("indicatif", &["report"]),
    ("comfy_table", &["report"]),
    ("anstream", &["report", "cli"]),
];

/// One thing that a file names.
#[derive(Debug)]
struct Mention {
    line: usize,
    /// Segments of the path, beginning with `crate` or a library's name.
    path: Vec<String>,
    test: bool,
}

/// What one file of a room says.
struct File {
    room: String,
    /// From `src/` on.
    path: String,
    test: bool,
    mentions: Vec<Mention>,
    /// Identifiers and string literals with their lines, outside tests.
    words: Vec<(usize, String)>,
}

/// Collects paths, with `super` and `self` resolved to the crate's root.
struct Collector {
    /// Modules around the present place, the room first.
    modules: Vec<String>,
    test: bool,
    mentions: Vec<Mention>,
    words: Vec<(usize, String)>,
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test")))
    })
}

impl Collector {
    fn mention(&mut self, line: usize, path: &[String]) {
        let mut resolved = Vec::new();
        match path.first().map(String::as_str) {
            Some("self" | "super") => {
                let ups = path.iter().take_while(|segment| *segment == "super").count();
                let rest = path.iter().skip_while(|segment| *segment == "self" || *segment == "super");
                resolved.push("crate".to_owned());
                resolved.extend(self.modules.iter().take(self.modules.len().saturating_sub(ups)).cloned());
                resolved.extend(rest.cloned());
            }
            _ => resolved.extend(path.iter().cloned()),
        }
        self.mentions.push(Mention { line, path: resolved, test: self.test });
    }

    fn use_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let mut path = prefix.to_vec();
        match tree {
            syn::UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                self.use_tree(&path, &inner.tree);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(prefix, tree);
                }
            }
            syn::UseTree::Name(name) => {
                path.push(name.ident.to_string());
                self.mention(name.ident.span().start().line, &path);
            }
            syn::UseTree::Rename(name) => {
                path.push(name.ident.to_string());
                self.mention(name.ident.span().start().line, &path);
            }
            _ => self.mention(tree.span().start().line, &path),
        }
    }

    /// Paths in what a macro is called with: syn leaves it as tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) if path.is_empty() || colons == 2 => {
                    if path.is_empty() {
                        line = ident.span().start().line;
                    }
                    path.push(ident.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() && colons < 2 => {
                    let joint = punct.spacing() == Spacing::Joint;
                    colons = if joint || colons == 1 { colons + 1 } else { 0 };
                    if colons > 0 {
                        continue;
                    }
                }
                _ => {}
            }
            if path.len() > 1 {
                self.mention(line, &path);
            }
            path.clear();
            colons = 0;
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    line = ident.span().start().line;
                    path.push(ident.to_string());
                }
                _ => {}
            }
        }
        if path.len() > 1 {
            self.mention(line, &path);
        }
    }

    fn in_test<T>(&mut self, test: bool, visit: impl FnOnce(&mut Collector) -> T) -> T {
        let outer = self.test;
        self.test |= test;
        let result = visit(self);
        self.test = outer;
        result
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.modules.push(item.ident.to_string());
        self.in_test(is_test(&item.attrs), |inner| visit::visit_item_mod(inner, item));
        self.modules.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.in_test(is_test(&item.attrs), |inner| visit::visit_item_fn(inner, item));
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.in_test(is_test(&item.attrs), |inner| inner.use_tree(&[], &item.tree));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.mention(path.span().start().line, &segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        if let Some(name) = item.path.segments.last()
            && !self.test
        {
            self.words.push((name.ident.span().start().line, format!("{}!", name.ident)));
        }
        self.tokens(item.tokens.clone());
        for token in flatten(item.tokens.clone()) {
            self.word(&token);
        }
        visit::visit_macro(self, item);
    }

    fn visit_meta_list(&mut self, item: &'ast syn::MetaList) {
        self.tokens(item.tokens.clone());
        visit::visit_meta_list(self, item);
    }

    // Documentation is no code.
    fn visit_attribute(&mut self, item: &'ast syn::Attribute) {
        if !item.path().is_ident("doc") {
            visit::visit_attribute(self, item);
        }
    }

    fn visit_ident(&mut self, ident: &'ast proc_macro2::Ident) {
        if !self.test {
            self.words.push((ident.span().start().line, ident.to_string()));
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        if !self.test {
            self.words.push((literal.span().start().line, literal.value()));
        }
    }
}

impl Collector {
    fn word(&mut self, token: &TokenTree) {
        if !self.test && matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_)) {
            self.words.push((token.span().start().line, token.to_string()));
        }
    }
}

fn flatten(tokens: TokenStream) -> Vec<TokenTree> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Group(group) => flatten(group.stream()),
            other => vec![other],
        })
        .collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every file of `src/`, read once.
fn house() -> &'static [File] {
    static HOUSE: OnceLock<Vec<File>> = OnceLock::new();
    HOUSE.get_or_init(read_house)
}

fn read_house() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    rust_files(&root, &mut paths);
    let mut files = Vec::new();
    let mut test_modules: BTreeSet<PathBuf> = BTreeSet::new();
    for path in paths {
        let relative = path.strip_prefix(&root).unwrap().to_owned();
        let syntax = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
        let folder = match path.file_stem().unwrap().to_str().unwrap() {
            "mod" | "lib" | "main" => path.parent().unwrap().to_owned(),
            stem => path.parent().unwrap().join(stem),
        };
        for item in &syntax.items {
            if let syn::Item::Mod(item) = item
                && item.content.is_none()
                && is_test(&item.attrs)
            {
                test_modules.insert(folder.join(item.ident.to_string()));
            }
        }
        let mut modules: Vec<String> =
            relative.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if modules.last().is_some_and(|last| last == "mod") {
            modules.pop();
        }
        let room = modules.first().unwrap().clone();
        if room == "lib" || room == "main" {
            modules.clear();
        }
        let mut collector = Collector { modules, test: false, mentions: vec![], words: vec![] };
        collector.visit_file(&syntax);
        let Collector { mentions, words, .. } = collector;
        let path = relative.to_str().unwrap().replace('\\', "/");
        files.push(File { room, path, test: false, mentions, words });
    }
    for file in &mut files {
        let path = root.join(&file.path).with_extension("");
        file.test = test_modules.iter().any(|module| path.starts_with(module));
    }
    files
}

fn place_of(room: &str) -> Option<usize> {
    ROOMS.iter().position(|known| *known == room)
}

fn report(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// What the collector finds in a text that stands in `src/store/reader.rs`.
fn found(text: &str) -> Vec<(usize, String, bool)> {
    let modules = vec!["store".to_owned(), "reader".to_owned()];
    let mut collector = Collector { modules, test: false, mentions: vec![], words: vec![] };
    collector.visit_file(&syn::parse_str(text).unwrap());
    let mentions = collector.mentions.into_iter();
    mentions.map(|mention| (mention.line, mention.path.join("::"), mention.test)).collect()
}

#[test]
fn every_way_to_name_a_room_is_seen() {
    let lines = "use crate::{base::Digest, wire::{self, Connector as C}};\n\
                 use super::super::host::*;\n\
                 fn f() -> crate::cli::Exit { vec![crate::report::error(e)]; super::super::sandbox::go() }\n\
                 #[derive(clap::Parser)] struct S;\n\
                 mod inner { use super::super::schema; }\n\
                 #[cfg(test)] mod tests { use crate::host::Host; }\n";
    let found = found(lines);
    for (line, path, test) in [
        (1, "crate::base::Digest", false),
        (1, "crate::wire::self", false),
        (1, "crate::wire::Connector", false),
        (2, "crate::host", false),
        (3, "crate::cli::Exit", false),
        (3, "crate::report::error", false),
        (3, "crate::sandbox::go", false),
        (4, "clap::Parser", false),
        (5, "crate::store::schema", false),
        (6, "crate::host::Host", true),
    ] {
        assert!(found.contains(&(line, path.to_owned(), test)), "line {line}: `{path}` in {found:#?}");
    }
}

#[test]
fn the_floor_table_is_that_of_lib_rs_and_of_architecture_md() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let declared: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(declared, ROOMS);
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let described: Vec<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("| `src/")?.split_once('`').map(|(room, _)| room))
        .collect();
    assert_eq!(described, ROOMS, "the code map of ARCHITECTURE.md lists the rooms in their order");
}

#[test]
fn rooms_import_only_rooms_before_them() {
    let mut broken = Vec::new();
    for file in house() {
        let Some(own) = place_of(&file.room) else { continue };
        for mention in &file.mentions {
            let [first, room, ..] = mention.path.as_slice() else { continue };
            // A test may look at a room's effect from above; the house's own code may not.
            if first != "crate" || file.test || mention.test {
                continue;
            }
            let Some(other) = place_of(room) else { continue };
            let towers = RUNTIME.contains(&file.room.as_str()) && COMPILER.contains(&room.as_str());
            if other > own || towers {
                broken.push(format!("src/{}:{}: `{}` names `{room}`", file.path, mention.line, file.room));
            }
        }
    }
    report(&broken);
}

#[test]
fn each_library_has_its_doors() {
    let doors: BTreeMap<&str, &[&str]> = DOORS.iter().copied().collect();
    let mut broken = Vec::new();
    for file in house() {
        for mention in &file.mentions {
            let Some(library) = mention.path.first() else { continue };
            if file.test || mention.test {
                continue;
            }
            if let Some(rooms) = doors.get(library.as_str())
                && !rooms.contains(&file.room.as_str())
            {
                broken.push(format!(
                    "src/{}:{}: `{library}` is named outside {rooms:?}",
                    file.path, mention.line
                ));
            }
        }
    }
    report(&broken);
}

#[test]
fn every_door_leads_to_a_dependency_that_is_used_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let house = house();
    for (library, rooms) in DOORS {
        let listed = manifest.lines().any(|line| {
            line.split([' ', '='])
                .next()
                .is_some_and(|name| !name.is_empty() && name.replace('-', "_") == *library)
        });
        if !listed {
            continue;
        }
        let used = house.iter().any(|file| {
            rooms.contains(&file.room.as_str())
                && file
                    .mentions
                    .iter()
                    .any(|mention| mention.path.first().is_some_and(|first| first == library))
        });
        assert!(used, "`{library}` is a dependency that no room of its door {rooms:?} uses");
    }
}

/// Lines outside tests whose path ends with one of these, in files that a rule is about.
fn paths_ending(ends: &[&[&str]], wanted: impl Fn(&File) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    for file in house().iter().filter(|file| !file.test && wanted(file)) {
        for mention in file.mentions.iter().filter(|mention| !mention.test) {
            for end in ends {
                if mention.path.windows(end.len()).any(|part| part.iter().zip(*end).all(|(a, b)| a == b)) {
                    broken.push(format!("src/{}:{}: `{}`", file.path, mention.line, mention.path.join("::")));
                }
            }
        }
    }
    broken
}

#[test]
fn only_main_rs_exits() {
    report(&paths_ending(&[&["process", "exit"], &["process", "abort"]], |file| file.path != "main.rs"));
}

#[test]
fn only_the_roof_prints() {
    let roof = |file: &File| ["report", "cli", "main"].contains(&file.room.as_str());
    report(&paths_ending(
        &[&["io", "stdout"], &["io", "stderr"], &["io", "Stdout"], &["io", "Stderr"]],
        |file| !roof(file),
    ));
    let macros = ["println!", "print!", "eprintln!", "eprint!", "dbg!"];
    let mut broken = Vec::new();
    for file in house().iter().filter(|file| !file.test) {
        for (line, word) in file.words.iter().filter(|(_, word)| macros.contains(&word.as_str())) {
            broken.push(format!("src/{}:{line}: `{word}`", file.path));
        }
    }
    report(&broken);
}

#[test]
fn only_config_and_cli_read_the_environment() {
    report(&paths_ending(&[&["std", "env"]], |file| !["config", "cli"].contains(&file.room.as_str())));
}

#[test]
fn nothing_below_the_sandbox_knows_of_it() {
    let sandbox = place_of("sandbox").unwrap();
    let mut broken = Vec::new();
    for file in house().iter().filter(|file| !file.test) {
        if place_of(&file.room).is_none_or(|place| place >= sandbox) {
            continue;
        }
        for (line, word) in file.words.iter().filter(|(_, word)| word.to_lowercase().contains("sandbox")) {
            broken.push(format!("src/{}:{line}: `{word}`", file.path));
        }
    }
    report(&broken);
}

/// Operational codes are written once, in the room that defines them, and each has its page.
#[test]
fn every_operational_code_has_its_page_and_every_page_its_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_code = |word: &str| {
        word.len() == 6 && word.starts_with("ER") && word.chars().skip(2).all(|c| c.is_ascii_digit())
    };
    let mut used = BTreeSet::new();
    for file in house().iter().filter(|file| !file.test) {
        used.extend(
            file.words.iter().map(|(_, word)| word.trim_matches('"').to_owned()).filter(|word| is_code(word)),
        );
    }
    let written: BTreeSet<String> = fs::read_dir(root.join("docs/errors"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().file_stem()?.to_str().map(str::to_owned))
        .filter(|stem| is_code(stem))
        .collect();
    assert_eq!(written, used);
}

#[test]
fn no_file_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    rust_files(&root, &mut paths);
    let mut broken = Vec::new();
    for path in paths {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > 800 {
            broken.push(format!("{}: {lines} lines", path.display()));
        }
    }
    report(&broken);
}
