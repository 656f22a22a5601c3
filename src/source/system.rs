//! The file system as a trait.

use std::collections::BTreeMap;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};

use crate::base::Explained;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("cannot read `{path}`: {reason}")]
    Io {
        /// The path as asked for.
        path: Utf8PathBuf,
        /// The system's kind of error.
        kind: io::ErrorKind,
        /// The system's words.
        reason: String,
    },
    /// It is a pipe, a socket or a device: reading it may never end.
    #[error("cannot read `{path}`: it is no regular file")]
    Irregular {
        /// The path as asked for.
        path: Utf8PathBuf,
    },
    /// The file is larger than its reader allows.
    #[error("`{path}` is larger than {limit} bytes")]
    TooLarge {
        /// The path as asked for.
        path: Utf8PathBuf,
        /// The limit, bytes.
        limit: usize,
    },
}

impl Explained for ReadError {
    fn code(&self) -> &'static str {
        match self {
            ReadError::Io { .. } | ReadError::Irregular { .. } => "ER1001",
            ReadError::TooLarge { .. } => "ER1002",
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            ReadError::Irregular { .. } => Some(
                "a pipe, a socket or a device is read only where the command line names it: name a file"
                    .into(),
            ),
            ReadError::Io { kind: io::ErrorKind::NotFound, .. } => {
                Some("check the path; relative paths start where the command was run".into())
            }
            ReadError::Io { kind: io::ErrorKind::PermissionDenied, .. } => {
                Some("the file is there, but this user may not read it".into())
            }
            ReadError::Io { kind: io::ErrorKind::IsADirectory, .. } => {
                Some("this is a folder: name a file in it".into())
            }
            ReadError::Io { .. } => None,
            ReadError::TooLarge { .. } => Some("the limit protects the reader; split the file".into()),
        }
    }
}

/// Reads files. The compiler sees no other file system than this.
pub trait FileSystem: Send + Sync {
    /// The bytes of a file, at most `limit` of them.
    fn read(&self, path: &Utf8Path, limit: usize) -> Result<Vec<u8>, ReadError>;

    /// The bytes of a file that another file names, or a convention does: of a regular file alone. Nobody asked to wait for
    /// whoever may write into a pipe.
    fn read_regular(&self, path: &Utf8Path, limit: usize) -> Result<Vec<u8>, ReadError> {
        self.read(path, limit)
    }
}

/// Reads at most `limit` bytes of a reader; one more is an error.
pub fn read_bounded(path: &Utf8Path, reader: impl Read, limit: usize) -> Result<Vec<u8>, ReadError> {
    read_into(Vec::new(), path, reader, limit)
}

fn read_into(
    mut bytes: Vec<u8>,
    path: &Utf8Path,
    reader: impl Read,
    limit: usize,
) -> Result<Vec<u8>, ReadError> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(most).read_to_end(&mut bytes).map_err(|error| io_error(path, &error))?;
    if bytes.len() > limit {
        return Err(ReadError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

fn io_error(path: &Utf8Path, error: &io::Error) -> ReadError {
    ReadError::Io { path: path.to_owned(), kind: error.kind(), reason: error.to_string() }
}

/// The machine's own files.
#[derive(Debug, Default, Clone, Copy)]
pub struct DiskFiles;

impl FileSystem for DiskFiles {
    fn read(&self, path: &Utf8Path, limit: usize) -> Result<Vec<u8>, ReadError> {
        let file = std::fs::File::open(path).map_err(|error| io_error(path, &error))?;
        // What the system says of its size is only a hint.
        let size = file.metadata().ok().and_then(|about| usize::try_from(about.len()).ok());
        read_into(Vec::with_capacity(size.unwrap_or(0).min(limit) + 1), path, file, limit)
    }

    fn read_regular(&self, path: &Utf8Path, limit: usize) -> Result<Vec<u8>, ReadError> {
        // Looked at before it is opened, which may be what waits. What is not there or a folder, `read` says better.
        match std::fs::metadata(path) {
            Ok(about) if !about.is_file() && !about.is_dir() => {
                Err(ReadError::Irregular { path: path.to_owned() })
            }
            _ => self.read(path, limit),
        }
    }
}

/// Files held in memory, for tests and embedding.
#[derive(Debug, Default, Clone)]
pub struct MemoryFiles(BTreeMap<Utf8PathBuf, Vec<u8>>);

impl MemoryFiles {
    /// Adds or replaces a file.
    pub fn insert(&mut self, path: impl Into<Utf8PathBuf>, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), bytes.into());
    }
}

impl FileSystem for MemoryFiles {
    fn read(&self, path: &Utf8Path, limit: usize) -> Result<Vec<u8>, ReadError> {
        let bytes = self.0.get(path).ok_or_else(|| {
            io_error(path, &io::Error::new(io::ErrorKind::NotFound, "no such file in memory"))
        })?;
        read_bounded(path, bytes.as_slice(), limit)
    }
}

/// Files with some of them replaced.
pub struct Overlay<'a> {
    /// Where everything else is read.
    pub under: &'a dyn FileSystem,
    /// What is read instead, by path.
    pub over: BTreeMap<Utf8PathBuf, Vec<u8>>,
}

impl FileSystem for Overlay<'_> {
    fn read(&self, path: &Utf8Path, limit: usize) -> Result<Vec<u8>, ReadError> {
        match self.over.get(path) {
            Some(bytes) => read_bounded(path, bytes.as_slice(), limit),
            None => self.under.read(path, limit),
        }
    }

    fn read_regular(&self, path: &Utf8Path, limit: usize) -> Result<Vec<u8>, ReadError> {
        match self.over.contains_key(path) {
            true => self.read(path, limit),
            false => self.under.read_regular(path, limit),
        }
    }
}
