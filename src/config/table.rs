//! TOML with places: tables whose keys and values know their line and column.

use camino::{Utf8Path, Utf8PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use crate::base::did_you_mean;

/// A configuration file's name and text.
pub(super) struct File<'a> {
    path: &'a Utf8Path,
    text: &'a str,
}

/// One table of a file.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    file: &'a File<'a>,
    /// Its dotted name; empty at the top.
    name: &'a str,
    table: &'a DeTable<'a>,
}

/// A value with its place.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a, T> {
    file: &'a File<'a>,
    table: &'a str,
    key: &'a str,
    offset: usize,
    /// The value.
    pub(super) value: T,
}

impl<'a> File<'a> {
    /// A file; its bytes must be UTF-8.
    pub(super) fn new(path: &'a Utf8Path, bytes: &'a [u8]) -> Result<File<'a>, ConfigError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(File { path, text }),
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let text = std::str::from_utf8(valid).unwrap_or_default();
                let place = File { path, text }.place(text.len());
                Err(ConfigError::Syntax { place, reason: "this is not UTF-8".into() })
            }
        }
    }

    /// Parses it as TOML.
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'_>>, ConfigError> {
        DeTable::parse(self.text).map_err(|error| ConfigError::Syntax {
            place: self.place(error.span().map_or(0, |span| span.start)),
            reason: error.message().lines().next().unwrap_or_default().to_owned(),
        })
    }

    /// The table at the top.
    pub(super) fn top(&'a self, table: &'a DeTable<'a>) -> Table<'a> {
        Table { file: self, name: "", table }
    }

    fn place(&self, offset: usize) -> String {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}", self.path)
    }

    /// A path of the file, taken relative to the folder the file is in.
    pub(super) fn relative(&self, path: &str) -> Utf8PathBuf {
        self.path.parent().map_or_else(|| path.into(), |folder| folder.join(path))
    }
}

impl<'a> Table<'a> {
    /// Refuses keys that are not in the list.
    pub(super) fn only(self, known: &[&str]) -> Result<Table<'a>, ConfigError> {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                return Err(ConfigError::UnknownKey {
                    place: self.file.place(key.span().start),
                    key: name.to_owned(),
                    table: (!self.name.is_empty()).then(|| self.name.to_owned()),
                    nearest: did_you_mean(name, known.iter().copied()).map(str::to_owned),
                    known: known.join(", "),
                });
            }
        }
        Ok(self)
    }

    /// Every key with its value, in the order of the keys.
    pub(super) fn entries(self) -> impl Iterator<Item = (&'a str, Entry<'a, &'a DeValue<'a>>)> {
        self.table.iter().map(move |(key, value)| {
            let key: &'a str = key.get_ref();
            let entry = Entry {
                file: self.file,
                table: self.name,
                key,
                offset: value.span().start,
                value: value.get_ref(),
            };
            (key, entry)
        })
    }

    /// The value of a key.
    pub(super) fn get(self, key: &str) -> Option<Entry<'a, &'a DeValue<'a>>> {
        self.entries().find(|(name, _)| *name == key).map(|(_, entry)| entry)
    }

    /// The place of a key itself.
    pub(super) fn key_place(self, key: &str) -> String {
        let found = self.table.keys().find(|name| name.get_ref() == key);
        self.file.place(found.map_or(0, |name| name.span().start))
    }

    /// Its number of keys.
    pub(super) fn len(self) -> usize {
        self.table.len()
    }

    /// An error about a key.
    pub(super) fn refuse(self, key: &str, reason: impl Into<String>) -> ConfigError {
        let dotted = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        ConfigError::Value { place: self.key_place(key), key: dotted, reason: reason.into() }
    }
}

impl<'a> Entry<'a, &'a DeValue<'a>> {
    /// The table that stands here, under the dotted name it is to have.
    pub(super) fn table(self, name: &'a str) -> Result<Table<'a>, ConfigError> {
        match self.value {
            DeValue::Table(table) => Ok(Table { file: self.file, name, table }),
            _ => Err(self.refuse("must be a table")),
        }
    }

    /// The string that stands here, not empty.
    pub(super) fn string(self) -> Result<Entry<'a, &'a str>, ConfigError> {
        match self.value {
            DeValue::String(text) if !text.is_empty() => Ok(Entry {
                file: self.file,
                table: self.table,
                key: self.key,
                offset: self.offset,
                value: text,
            }),
            DeValue::String(_) => Err(self.refuse("must not be empty")),
            _ => Err(self.refuse("must be a string")),
        }
    }

    /// The array of strings that stands here.
    pub(super) fn strings(self) -> Result<Vec<Entry<'a, &'a str>>, ConfigError> {
        let DeValue::Array(items) = self.value else {
            return Err(self.refuse("must be an array of strings"));
        };
        let entry = |item: &'a Spanned<DeValue<'a>>| Entry {
            file: self.file,
            table: self.table,
            key: self.key,
            offset: item.span().start,
            value: item.get_ref(),
        };
        items.iter().map(|item| entry(item).string()).collect()
    }
}

impl<'a> Entry<'a, &'a str> {
    /// The string as a path relative to the file.
    pub(super) fn path(self) -> Utf8PathBuf {
        self.file.relative(self.value)
    }
}

impl<T> Entry<'_, T> {
    /// An error about the value.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> ConfigError {
        let key =
            if self.table.is_empty() { self.key.to_owned() } else { format!("{}.{}", self.table, self.key) };
        ConfigError::Value { place: self.file.place(self.offset), key, reason: reason.into() }
    }
}
