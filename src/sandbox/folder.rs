//! The folder with a sandbox's configuration: nobody but its owner may look into it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};

use camino::{Utf8Path, Utf8PathBuf};

use super::SandboxError;

/// A folder of mode 0700.
pub(crate) struct Folder(Utf8PathBuf);

fn failed(path: &Utf8Path) -> impl Fn(io::Error) -> SandboxError + '_ {
    move |error| SandboxError::Write { path: path.to_owned(), reason: error.to_string() }
}

impl Folder {
    /// Makes the folder, or takes it over where it is there.
    pub(crate) fn open(path: &Utf8Path) -> Result<Folder, SandboxError> {
        fs::create_dir_all(path).map_err(failed(path))?;
        close(path, 0o700).map_err(failed(path))?;
        // The configuration names its files, and a run may start elsewhere.
        let path = path.canonicalize_utf8().map_err(failed(path))?;
        Ok(Folder(path))
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        self.0.join(name)
    }

    /// Writes a file of mode 0600 and says where.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<Utf8PathBuf, SandboxError> {
        let path = self.path(name);
        // A file of an earlier sandbox may have other rights: it is replaced, not written into.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&path)(error)),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(failed(&path))?;
        Ok(path)
    }
}

#[cfg(unix)]
fn close(path: &Utf8Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn close(_: &Utf8Path, _: u32) -> io::Result<()> {
    Ok(())
}
