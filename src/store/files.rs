//! The store's folder, its lock and its log key.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use crate::base::{Ed25519Key, Random, limits};

/// The lock's name in the store's folder.
const LOCK: &str = "lock";
/// The log key's name in the store's folder.
const KEY: &str = "log.key";

/// Makes the folder, for its owner only. A folder that is there already is taken as it is.
pub(crate) fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => StoreError::NotAFolder { path: folder.to_owned() },
        _ => StoreError::file(folder, &error),
    })
}

fn options_for_owner() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The one writer's lock; given back when dropped, or when the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    /// How many writers there have been: this one included.
    pub(crate) epoch: u64,
    _file: File,
}

/// Takes the lock, and writes into it who holds it.
pub(crate) fn lock(folder: &Path) -> Result<Lock, StoreError> {
    let path = folder.join(LOCK);
    let failed = |error: &std::io::Error| StoreError::file(&path, error);
    let mut file = options_for_owner()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = holder(&mut file).and_then(|(_, pid)| u32::try_from(pid).ok());
            return Err(StoreError::InUse { path: folder.to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(failed(&error)),
    }
    let epoch = holder(&mut file).map_or(0, |(epoch, _)| epoch).saturating_add(1);
    let text = format!("epoch {epoch}\npid {}\n", std::process::id());
    // Written over what stands there: on a full disk the old text needs no more room, and is not lost first.
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
    file.rewind()
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| file.set_len(length))
        .and_then(|()| file.sync_all())
        .map_err(|error| failed(&error))?;
    Ok(Lock { epoch, _file: file })
}

/// Whether another one writes to the store at a folder right now. What cannot be told is left to who takes the lock.
pub fn held(folder: &Path) -> Option<StoreError> {
    let mut file = File::open(folder.join(LOCK)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let pid = holder(&mut file).and_then(|(_, pid)| u32::try_from(pid).ok());
            Some(StoreError::InUse { path: folder.to_owned(), pid })
        }
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// Epoch and process number in the lock file; `None` where a crash left it half written.
fn holder(file: &mut File) -> Option<(u64, u64)> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(64).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    let epoch = lines.next()?.strip_prefix("epoch ")?.parse().ok()?;
    let pid = lines.next()?.strip_prefix("pid ")?.parse().ok()?;
    Some((epoch, pid))
}

/// Where the log key is kept unless configuration names another file.
pub(crate) fn default_key(folder: &Path) -> PathBuf {
    folder.join(KEY)
}

/// Reads a log key; `None` where there is no such file.
pub(crate) fn read_key(path: &Path) -> Result<Option<Ed25519Key>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::unread(path, &error)),
    };
    #[cfg(unix)]
    {
        let metadata = file.metadata().map_err(|error| StoreError::file(path, &error))?;
        let mode = std::os::unix::fs::MetadataExt::mode(&metadata) & 0o7777;
        if mode & 0o077 != 0 {
            return Err(StoreError::KeyMode { path: path.to_owned(), mode });
        }
    }
    let mut pem = zeroize::Zeroizing::new(String::new());
    file.take(u64::try_from(limits::CONFIG_BYTES).unwrap_or(u64::MAX))
        .read_to_string(&mut pem)
        .map_err(|error| StoreError::unread(path, &error))?;
    let key = Ed25519Key::from_pem(&pem)
        .map_err(|error| StoreError::Key { path: path.to_owned(), reason: error.to_string() })?;
    Ok(Some(key))
}

/// Makes a log key in a new file, for its owner only.
pub(crate) fn create_key(path: &Path, random: &dyn Random) -> Result<Ed25519Key, StoreError> {
    let key = Ed25519Key::generate(random);
    let pem =
        key.to_pem().map_err(|error| StoreError::Key { path: path.to_owned(), reason: error.to_string() })?;
    // Whole or not at all: half a key would be neither used nor replaced.
    let draft = path.with_extension("key.new");
    let made = options_for_owner()
        .create(true)
        .truncate(true)
        .write(true)
        .open(&draft)
        .and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&draft, path));
    if let Err(error) = made {
        // What cannot be removed either is overwritten by the next attempt.
        let _ = std::fs::remove_file(&draft);
        return Err(StoreError::file(path, &error));
    }
    Ok(key)
}

/// Makes an empty file for its owner only, where there is none: SQLite gives its side files the same mode.
pub(crate) fn make_private(path: &Path) -> Result<(), StoreError> {
    options_for_owner()
        .create(true)
        .append(true)
        .open(path)
        .map(drop)
        .map_err(|error| StoreError::file(path, &error))
}
