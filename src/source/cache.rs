//! What was made of a file's bytes, kept by their digest: a trait, and its folder on disk.
//!
//! An entry is given back only where this user's key says that it was put there: the key lies elsewhere, so a folder that
//! was copied, restored or written by somebody else holds nothing. Whatever goes wrong is a miss, never an error.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};

use crate::base::{Clock as _, Digest, OsRandom, Random as _, SystemClock};

/// Keeps entries by a digest.
pub trait Cache: Send + Sync {
    /// The entry of a key, exactly as it was put.
    fn get(&self, key: &Digest) -> Option<Vec<u8>>;
    /// Keeps an entry, or does not.
    fn put(&self, key: &Digest, entry: &[u8]);
}

/// The largest entry that is read or written.
const ENTRY_BYTES: u64 = 32 << 20;

/// A folder keeps at most so many bytes: what was used longest ago goes.
const FOLDER_BYTES: u64 = 256 << 20;

/// A folder of entries, for its owner alone. Nothing is made, and nothing looked at, before there is something to keep.
#[derive(Debug)]
pub struct DiskCache {
    folder: Utf8PathBuf,
    key_file: Utf8PathBuf,
    key: OnceLock<Option<[u8; 32]>>,
}

impl DiskCache {
    /// The cache of a folder, with the key of a file outside of it.
    pub fn new(folder: Utf8PathBuf, key_file: Utf8PathBuf) -> DiskCache {
        DiskCache { folder, key_file, key: OnceLock::new() }
    }

    /// The key. Folder and file are made where they are missing; `None` where that cannot be, or others may read or write one of them.
    fn key(&self) -> Option<&[u8; 32]> {
        self.key.get_or_init(|| self.open()).as_ref()
    }

    fn open(&self) -> Option<[u8; 32]> {
        if self.key_file.starts_with(&self.folder) {
            return None;
        }
        for folder in [Some(self.folder.as_path()), self.key_file.parent()].into_iter().flatten() {
            private_folder(folder)?;
        }
        if !is_private(&std::fs::metadata(&self.folder).ok()?) {
            return None;
        }
        read_key(&self.key_file).or_else(|| {
            let mut key = [0; 32];
            OsRandom.fill(&mut key);
            // Of two processes at once the second finds the first one's file.
            match private_file(&self.key_file).and_then(|mut file| file.write_all(&key)) {
                Ok(()) => Some(key),
                Err(_) => read_key(&self.key_file),
            }
        })
    }

    fn path(&self, key: &Digest) -> Utf8PathBuf {
        self.folder.join(key.hex())
    }

    fn seal(&self, key: &Digest, entry: &[u8]) -> Option<Digest> {
        Some(Digest::keyed(self.key()?, &[&key.0, entry]))
    }

    /// Takes away what was used longest ago until the rest fits.
    fn prune(&self) {
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().filter_map(|file| {
            let about = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((about.modified().ok()?, about.len(), file.path()))
        });
        let mut files: Vec<_> = files.collect();
        files.sort();
        let mut all: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if all <= FOLDER_BYTES {
                break;
            }
            if std::fs::remove_file(path).is_ok() {
                all -= size;
            }
        }
    }
}

impl Cache for DiskCache {
    fn get(&self, key: &Digest) -> Option<Vec<u8>> {
        self.key()?;
        let file = File::open(self.path(key)).ok()?;
        let about = file.metadata().ok()?;
        if !about.is_file() || about.len() > ENTRY_BYTES {
            return None;
        }
        let (mut seal, mut payload) = ([0; 32], Vec::with_capacity(usize::try_from(about.len()).ok()?));
        (&file).read_exact(&mut seal).ok()?;
        (&file).take(ENTRY_BYTES).read_to_end(&mut payload).ok()?;
        if seal != self.seal(key, &payload)?.0 {
            return None;
        }
        // When it was used last is what pruning goes by; where that cannot be noted, it goes a little early.
        let _ = file.set_modified(moment());
        Some(payload)
    }

    fn put(&self, key: &Digest, entry: &[u8]) {
        if u64::try_from(entry.len()).is_ok_and(|length| length + 32 > ENTRY_BYTES) {
            return;
        }
        let Some(seal) = self.seal(key, entry) else { return };
        let path = self.path(key);
        // A name of its own for each process; a reader sees a whole entry or none.
        let new = self.folder.join(format!(".{}.{}", key.hex(), std::process::id()));
        let written = private_file(&new).and_then(|mut file| {
            file.write_all(&seal.0)?;
            file.write_all(entry)
        });
        if written.and_then(|()| std::fs::rename(&new, &path)).is_err() {
            let _ = std::fs::remove_file(&new);
        }
        self.prune();
    }
}

fn private_folder(path: &Utf8Path) -> Option<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).ok()
}

/// A file that did not exist, for its owner alone.
fn private_file(path: &Utf8Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether nobody but the owner may do anything with it.
fn is_private(about: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::mode(about) & 0o077 == 0;
    #[cfg(not(unix))]
    return !about.permissions().readonly();
}

fn read_key(path: &Utf8Path) -> Option<[u8; 32]> {
    let file = File::open(path).ok()?;
    if !is_private(&file.metadata().ok()?) {
        return None;
    }
    let mut key = Vec::new();
    file.take(33).read_to_end(&mut key).ok()?;
    key.try_into().ok()
}

/// The current moment, as files keep it.
fn moment() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(SystemClock.now().0.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Utf8PathBuf, Utf8PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(place.path()).unwrap().to_owned();
        (place, path.join("cache"), path.join("state/key"))
    }

    #[test]
    fn only_what_was_put_comes_back() {
        let (_keep, folder, key_file) = place();
        let cache = DiskCache::new(folder.clone(), key_file.clone());
        let (one, other) = (Digest::of("1"), Digest::of("2"));
        assert_eq!(cache.get(&one), None);
        cache.put(&one, b"entry");
        assert_eq!(cache.get(&one).unwrap(), b"entry");
        assert_eq!(DiskCache::new(folder.clone(), key_file.clone()).get(&one).unwrap(), b"entry");

        // Another name, another byte, less of it, nothing of it.
        let written = std::fs::read(cache.path(&one)).unwrap();
        std::fs::write(cache.path(&other), &written).unwrap();
        assert_eq!(cache.get(&other), None);
        for at in 0..written.len() {
            let mut changed = written.clone();
            changed[at] ^= 1;
            std::fs::write(cache.path(&one), &changed).unwrap();
            assert_eq!(cache.get(&one), None, "{at}");
            std::fs::write(cache.path(&one), &written[..at]).unwrap();
            assert_eq!(cache.get(&one), None, "{at}");
        }
        std::fs::write(cache.path(&one), &written).unwrap();
        assert_eq!(cache.get(&one).unwrap(), b"entry");

        // Another user's key, or no place of one's own.
        let elsewhere = key_file.with_file_name("other");
        assert_eq!(DiskCache::new(folder.clone(), elsewhere.clone()).get(&one), None);
        assert!(DiskCache::new(folder.clone(), folder.join("key")).key().is_none());
        assert!(DiskCache::new(key_file, elsewhere).key().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_keep, folder, key_file) = place();
        let cache = DiskCache::new(folder.clone(), key_file.clone());
        cache.put(&Digest::of("1"), b"entry");
        let mode = |path: &Utf8Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!((mode(&cache.path(&Digest::of("1"))), mode(&key_file)), (0o600, 0o600));
        for (path, open, closed) in [(&folder, 0o750, 0o700), (&key_file, 0o640, 0o600)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(open)).unwrap();
            assert!(DiskCache::new(folder.clone(), key_file.clone()).key().is_none(), "{path}");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(closed)).unwrap();
        }
        assert!(DiskCache::new(folder.clone(), key_file.clone()).key().is_some());
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let (_keep, folder, key_file) = place();
        let cache = DiskCache::new(folder.clone(), key_file.clone());
        let keys = ["1", "2", "3"].map(Digest::of);
        for (age, key) in keys.iter().enumerate() {
            cache.put(key, b"entry");
            // Sparse: none of it is on the disk.
            let file = OpenOptions::new().write(true).open(cache.path(key)).unwrap();
            file.set_len(100 << 20).unwrap();
            let old = moment() - Duration::from_secs(1_000 - u64::try_from(age).unwrap());
            file.set_modified(old).unwrap();
        }
        cache.prune();
        let there = keys.map(|key| cache.path(&key).exists());
        assert_eq!(there, [false, true, true]);
    }
}
