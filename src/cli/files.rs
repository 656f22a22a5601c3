//! Writing files: new ones only, or whole replacements of ones that were read before.

use std::io::Write as _;

use camino::Utf8Path;

use super::error::CliError;

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner: mode 0600.
    Owner,
    /// As the process's mask says.
    Usual,
}

/// Writes a file that does not exist yet.
pub(crate) fn create(path: &Utf8Path, bytes: &[u8], readers: Readers) -> Result<(), CliError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let failed = |error: std::io::Error| CliError::Write {
        path: path.to_owned(),
        kind: error.kind(),
        reason: match error.kind() {
            std::io::ErrorKind::AlreadyExists => "it exists already".into(),
            _ => error.to_string(),
        },
    };
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| {
        // Half of it is none, and would stand in the way of the next try.
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}

/// Replaces a file as a whole: a reader sees the old text or the new one. A device or a pipe is written to.
pub(crate) fn replace(path: &Utf8Path, bytes: &[u8]) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::Write {
        path: path.to_owned(),
        kind: error.kind(),
        reason: error.to_string(),
    };
    // A link stays one: what it leads to is replaced.
    let target = path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
    if std::fs::metadata(&target).is_ok_and(|there| !there.is_file()) {
        let written = std::fs::OpenOptions::new().write(true).open(&target).and_then(|mut there| {
            there.write_all(bytes)?;
            there.flush()
        });
        return written.map_err(failed);
    }
    let folder = target.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let name = target.file_name().unwrap_or("file");
    let new = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = std::fs::File::create(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    // A file keeps its permissions; a new one gets the usual ones.
    let kept = written.and_then(|()| match std::fs::metadata(&target) {
        Ok(old) => std::fs::set_permissions(&new, old.permissions()),
        Err(_) => Ok(()),
    });
    kept.and_then(|()| std::fs::rename(&new, &target)).map_err(|error| {
        let _ = std::fs::remove_file(&new);
        failed(error)
    })
}

/// Makes a folder, where there is none yet.
pub(crate) fn folder(path: &Utf8Path) -> Result<(), CliError> {
    std::fs::create_dir_all(path).map_err(|error| CliError::Write {
        path: path.to_owned(),
        kind: error.kind(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Explained as _;

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_stays() {
        use std::os::unix::fs::FileTypeExt as _;
        let device = Utf8Path::new("/dev/null");
        replace(device, b"text").unwrap();
        assert!(std::fs::metadata(device).unwrap().file_type().is_char_device());
        assert!(replace(Utf8Path::new("/dev"), b"text").is_err());
    }

    #[test]
    fn files_are_created_once_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("a");
        create(&path, b"1", Readers::Owner).unwrap();
        assert_eq!(create(&path, b"2", Readers::Owner).unwrap_err().code(), "ER1073");
        replace(&path, b"3").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"3");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            let link = path.with_file_name("link");
            std::os::unix::fs::symlink("a", &link).unwrap();
            replace(&link, b"4").unwrap();
            assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(std::fs::read(&path).unwrap(), b"4");
        }
        assert!(replace(&path.join("b"), b"").is_err());
    }
}
