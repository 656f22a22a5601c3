//! Secrets: read from their source, held in memory that is wiped, never shown.

use std::fmt;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use camino::Utf8Path;
use zeroize::Zeroizing;

use super::{ConfigError, Environment, SecretSource};
use crate::source::ReadError;

/// The largest secret, bytes.
const SECRET_BYTES: usize = 64 << 10;
/// Room that reading wants beyond what it reads, bytes.
const ROOM: usize = 128;
/// How long a command may take.
const COMMAND_TIME: Duration = Duration::from_secs(10);

/// What a secret's text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One line; a line end at its end is dropped.
    Line,
    /// Any lines, as they are: PEM.
    Lines,
}

/// A secret's value. Wiped when dropped; shows nothing of itself.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value.
    pub fn new(value: String) -> Secret {
        Secret(Zeroizing::new(value))
    }

    /// Some texts in a row, put together without leaving a copy behind.
    pub fn join(parts: &[&str]) -> Secret {
        // All room at once: a string that grows leaves its old bytes where they were.
        let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| text.push_str(part));
        Secret::new(text)
    }

    /// The value, to be put into a request and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl SecretSource {
    /// Reads the secret called `name`. `folder`: where the configuration lies, to say what a relative path starts from.
    pub(super) fn read(
        &self,
        name: &str,
        shape: Shape,
        folder: Option<&Utf8Path>,
        environment: &dyn Environment,
    ) -> Result<Secret, ConfigError> {
        let failed = |reason: String| ConfigError::SecretSource {
            name: name.to_owned(),
            reason,
            help: self.help(name, folder),
        };
        let mut bytes = match self {
            SecretSource::Env(variable) => {
                let value = environment.var(variable);
                Zeroizing::new(
                    value
                        .ok_or_else(|| failed(format!("the environment variable `{variable}` is not set")))?
                        .into_bytes(),
                )
            }
            SecretSource::File(path) => read_private(path, SECRET_BYTES).map_err(|error| match error {
                ConfigError::Read(error) => failed(error.to_string()),
                other => other,
            })?,
            SecretSource::Command(command) => run(command, COMMAND_TIME).map_err(failed)?,
        };
        if shape == Shape::Line && bytes.ends_with(b"\n") {
            bytes.pop();
            if bytes.ends_with(b"\r") {
                bytes.pop();
            }
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| failed("it is not UTF-8".into()))?;
        if text.is_empty() {
            return Err(failed("it is empty".into()));
        }
        let lawful = |c: char| shape == Shape::Lines && matches!(c, '\n' | '\r' | '\t');
        if text.chars().any(|c| c.is_control() && !lawful(c)) {
            return Err(failed("it holds a line end or another control character".into()));
        }
        Ok(Secret::join(&[text]))
    }

    /// What to do where it yields nothing.
    fn help(&self, name: &str, folder: Option<&Utf8Path>) -> String {
        let entry = format!("`[secrets.{name}]` in eczflow.toml");
        match self {
            SecretSource::Env(variable) => {
                format!("set `{variable}` where eczflow is started, or name another source under {entry}")
            }
            SecretSource::File(_) => {
                let folder = folder.filter(|folder| !folder.as_str().is_empty()).unwrap_or(".".into());
                format!(
                    "put the secret there, or name another source under {entry}; a relative `file` starts where \
                     eczflow.toml lies, in `{folder}`"
                )
            }
            SecretSource::Command(_) => {
                format!("run it by hand where eczflow is started, or name another source under {entry}")
            }
        }
    }
}

/// Reads a file that only its owner may read.
pub(super) fn read_private(path: &Utf8Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let io = |error: std::io::Error| ReadError::Io {
        path: path.to_owned(),
        kind: error.kind(),
        reason: error.to_string(),
    };
    let file = std::fs::File::open(path).map_err(io)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Asked of the open file: the name could be another file a moment later.
        let mode = file.metadata().map_err(io)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(ConfigError::OpenMode { path: path.to_owned(), mode });
        }
    }
    let bytes = read_wiped(file, limit).map_err(io)?;
    if bytes.len() > limit {
        return Err(ReadError::TooLarge { path: path.to_owned(), limit }.into());
    }
    Ok(bytes)
}

/// Reads up to one byte more than a limit into one piece of memory that is wiped in the end.
fn read_wiped(reader: impl Read, limit: usize) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // More room than is ever read: memory that grows leaves its old bytes where they were.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit.saturating_add(ROOM)));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The standard output of a command that ends well within its time; words about it never quote what it wrote.
fn run(command: &[String], time: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
    let Some((program, arguments)) = command.split_first() else { return Err("the command is empty".into()) };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("`{program}` could not be started: {error}"))?;
    let Some(stdout) = child.stdout.take() else { return Err(format!("`{program}` has no output")) };
    let (sender, receiver) = mpsc::channel();
    // A thread of its own, because a pipe has no read with a time limit.
    std::thread::spawn(move || {
        let read = read_wiped(stdout, SECRET_BYTES);
        // Nobody listens any more where the time is over.
        drop(sender.send(read));
    });
    let Ok(read) = receiver.recv_timeout(time) else {
        stop(&mut child);
        return Err(format!("`{program}` took longer than {} s", time.as_secs()));
    };
    let bytes = read.map_err(|error| format!("the output of `{program}` could not be read: {error}"))?;
    if bytes.len() > SECRET_BYTES {
        stop(&mut child);
        return Err(format!("`{program}` wrote more than {SECRET_BYTES} bytes"));
    }
    match ended(&mut child) {
        Some(true) => Ok(bytes),
        Some(false) => Err(format!("`{program}` failed")),
        None => {
            stop(&mut child);
            Err(format!("`{program}` closed its output and did not end"))
        }
    }
}

/// Whether a command whose output is closed ended well; `None` where it does not end within a second.
fn ended(child: &mut Child) -> Option<bool> {
    for _ in 0..100 {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Err(_) => return Some(false),
        }
    }
    None
}

fn stop(child: &mut Child) {
    // It may have ended by itself meanwhile, which is as good.
    drop(child.kill());
    drop(child.wait());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Explained as _;
    use crate::config::{Config, NoEnvironment};
    use std::collections::BTreeMap;

    fn config(source: SecretSource) -> Config {
        Config { secrets: BTreeMap::from([("token".to_owned(), source)]), ..Config::default() }
    }

    fn sh(script: &str) -> SecretSource {
        SecretSource::Command(vec!["sh".into(), "-c".into(), script.into()])
    }

    #[test]
    fn secrets_come_from_environment_file_and_command() {
        let environment = BTreeMap::from([("TOKEN".to_owned(), "s3cret".to_owned())]);
        let secret = config(SecretSource::Env("TOKEN".into())).secret("token", &environment).unwrap();
        assert_eq!(secret.expose(), "s3cret");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        let secret = config(sh("echo from-a-command")).secret("token", &NoEnvironment).unwrap();
        assert_eq!(secret.expose(), "from-a-command");
        let error = Config::default().secret("token", &NoEnvironment).unwrap_err();
        assert_eq!(error.code(), "ER1014");
        assert!(error.help().unwrap().contains("[secrets.token]"));
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_file_must_be_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(folder.path().join("token")).unwrap();
        std::fs::write(&path, "s3cret\n").unwrap();
        let config = config(SecretSource::File(path.clone()));
        for (mode, fits) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = config.secret("token", &NoEnvironment);
            assert_eq!(read.is_ok(), fits, "{mode:o}");
            if let Err(error) = read {
                assert_eq!(error.code(), "ER1016");
            }
        }
    }

    #[test]
    fn failing_sources_tell_what_happened_and_nothing_of_the_value() {
        for (source, word) in [
            (SecretSource::Env("TOKEN".into()), "not set"),
            (sh("echo s3cret; exit 3"), "failed"),
            (sh("printf ''"), "empty"),
            (sh("printf 's3cret\\nmore'"), "control character"),
            (sh("printf 's3cret\\377'"), "not UTF-8"),
            (sh("yes s3cret"), "more than"),
            (SecretSource::Command(vec!["/nonexistent/program".into()]), "could not be started"),
            (SecretSource::File("/nonexistent/token".into()), "cannot read `/nonexistent/token`"),
        ] {
            let error = config(source).secret("token", &NoEnvironment).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(word) && !text.contains("s3cret"), "{text}");
            assert_eq!(error.code(), "ER1015");
        }
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let hanging = ["tail", "-f", "/dev/null"].map(str::to_owned);
        assert!(run(&hanging, Duration::from_millis(20)).unwrap_err().contains("took longer"));
    }
}
