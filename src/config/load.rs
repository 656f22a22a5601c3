//! Which files make up the configuration.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Config, ConfigError, Environment, read};
use crate::base::limits;
use crate::source::{DiskCache, FileSystem, ReadError};

/// The name of a configuration file, in the runner's folder and beside a flow.
pub const FILE_NAME: &str = "eczflow.toml";

/// Reads the runner's own file (`explicit`, else `$XDG_CONFIG_HOME/eczflow/eczflow.toml`, else the same under
/// `$HOME/.config`) and adds what the file in the flow's folder may say. A named file must exist; the others may not.
/// Paths inside a file are relative to the folder it is in.
pub fn load(
    explicit: Option<&Utf8Path>,
    flow_folder: Option<&Utf8Path>,
    environment: &dyn Environment,
    files: &dyn FileSystem,
) -> Result<Config, ConfigError> {
    let standard = standard_folder(environment).map(|folder| folder.join(FILE_NAME));
    let own = explicit.map(Utf8Path::to_owned).or(standard);
    let mut config = match &own {
        Some(path) if explicit.is_some() => read::own(path, &files.read(path, limits::CONFIG_BYTES)?)?,
        Some(path) => match optional(files, path)? {
            Some(bytes) => read::own(path, &bytes)?,
            None => Config::default(),
        },
        None => Config::default(),
    };
    config.folder = own.as_deref().and_then(Utf8Path::parent).map(Utf8Path::to_owned);
    if let Some(folder) = flow_folder {
        let beside = folder.join(FILE_NAME);
        if own.as_deref().is_none_or(|own| !same(own, &beside))
            && let Some(bytes) = optional(files, &beside)?
        {
            read::beside_flow(&beside, &bytes, &mut config)?;
        }
    }
    Ok(config)
}

fn standard_folder(environment: &dyn Environment) -> Option<Utf8PathBuf> {
    own_folder(environment, "XDG_CONFIG_HOME", ".config")
}

/// The folder of this program's below the one that a variable names, else below one in the user's own.
fn own_folder(environment: &dyn Environment, variable: &str, otherwise: &str) -> Option<Utf8PathBuf> {
    // The XDG specification: a relative path there is to be ignored.
    let absolute =
        |name: &str| environment.var(name).map(Utf8PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(otherwise)))?;
    Some(base.join("eczflow"))
}

/// The cache of documents: in `folder`, else in `$XDG_CACHE_HOME/eczflow` or `$HOME/.cache/eczflow`; its key always lies in
/// `$XDG_STATE_HOME/eczflow` or `$HOME/.local/state/eczflow`. `None` where there is no such place: then nothing is kept.
pub fn cache(folder: Option<&Utf8Path>, environment: &dyn Environment) -> Option<DiskCache> {
    let standard = || own_folder(environment, "XDG_CACHE_HOME", ".cache").map(|own| own.join("documents"));
    let folder = folder.map(Utf8Path::to_owned).or_else(standard)?;
    let key = own_folder(environment, "XDG_STATE_HOME", ".local/state")?.join("cache.key");
    Some(DiskCache::new(folder, key))
}

fn optional(files: &dyn FileSystem, path: &Utf8Path) -> Result<Option<Vec<u8>>, ConfigError> {
    match files.read(path, limits::CONFIG_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReadError::Io {
            kind: std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory, ..
        }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether two paths name one file: a file named with `--config` may well lie beside the flow.
fn same(a: &Utf8Path, b: &Utf8Path) -> bool {
    a == b || matches!((a.canonicalize_utf8(), b.canonicalize_utf8()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Explained as _;
    use crate::config::{EndpointKind, NoEnvironment, RuleLevel, SecretSource};
    use crate::source::MemoryFiles;
    use std::collections::BTreeMap;

    const WHOLE: &str = r#"
[environment]
name = "staging"
[secrets]
token.env = "TOKEN"
file.file = "secrets/token"
vault.command = ["vault", "read"]
[agent."ECZ-GB-A1B2C3::AGENT-7QK2M9"]
key = "agent.pem"
[log]
key = "/etc/log.pem"
[resolver]
base = "https://Resolver.Example:443"
adapter = "binding-projection"
[resolver.templates.machine]
api = "/m/{PARENT}/{CODE}/{SUFFIX}"
[resolver.templates.human]
api = "https://resolver.example/p/{ID}"
[allow]
private = ["127.0.0.1:4433", "::1"]
[store]
path = "runs"
[origins]
"https://payments.example" = "127.0.0.1:4433"
"https://other.example:8443" = "[::1]:1"
[tls]
ca = "ca.pem"
[verify]
logs = ["log.example+00000000+AQ=="]
[apis.payments]
spec_hash_profile = "eczflow-c14n-1"
[rules]
unused-name = "off"
"#;

    fn load_text(text: &str) -> Result<Config, ConfigError> {
        let mut files = MemoryFiles::default();
        files.insert("/c/eczflow.toml", text);
        load(Some("/c/eczflow.toml".into()), None, &NoEnvironment, &files)
    }

    #[test]
    fn a_whole_file_is_read_with_paths_beside_it() {
        let config = load_text(WHOLE).unwrap();
        assert_eq!(config.environment, "staging");
        assert_eq!(config.secrets["file"], SecretSource::File("/c/secrets/token".into()));
        assert_eq!(config.secrets["vault"], SecretSource::Command(vec!["vault".into(), "read".into()]));
        assert_eq!(config.agents.values().next().unwrap(), "/c/agent.pem");
        assert_eq!(config.log_key.as_deref(), Some("/etc/log.pem".into()));
        assert_eq!(
            (config.resolver.base.as_str(), config.resolver.machine.len()),
            ("https://resolver.example", 1)
        );
        let id = "ECZ-GB-A1B2C3::API-000001".parse().unwrap();
        assert_eq!(config.resolver.machine[&EndpointKind::Api].fill(&id), "/m/ECZ-GB-A1B2C3/API/000001");
        assert_eq!(config.origins["https://other.example:8443"].to_string(), "[::1]:1");
        assert_eq!(config.store_path(None), "/c/runs");
        assert_eq!(config.store_path(Some("x".into())), "x");
        assert_eq!(config.rules["unused-name"], RuleLevel::Off);
        assert_eq!(config.trusted_logs().as_deref(), Some("/c/trusted-logs".into()));
        assert!(config.allow_private[0].covers("127.0.0.1:4433".parse().unwrap()));
        assert!(!config.allow_private[0].covers("127.0.0.1:4434".parse().unwrap()));
        assert!(config.allow_private[1].covers("[::1]:9".parse().unwrap()));
    }

    fn toml_of(page: &str) -> &str {
        page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0
    }

    #[test]
    fn the_files_of_the_documentation_are_read() {
        let config = load_text(toml_of(include_str!("../../docs/configuration.md"))).unwrap();
        assert_eq!((config.secrets.len(), config.environment.as_str()), (3, "production"));
        let config = load_text(toml_of(include_str!("../../docs/formats/resolver.md"))).unwrap();
        assert_eq!(config.resolver.machine.len(), 3);
        load_text(toml_of(include_str!("../../docs/errors/ER1014.md"))).unwrap();
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, text in "[\\[\\]a-z=.\"'{}\n,1 ]{0,60}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                drop(read::own("c".into(), bytes));
                drop(read::beside_flow("c".into(), bytes, &mut Config::default()));
            }
        }
    }

    #[test]
    fn what_is_rendered_reads_the_same() {
        for text in [WHOLE, ""] {
            let config = load_text(text).unwrap();
            assert_eq!(load_text(&config.to_toml()).unwrap(), config);
        }
    }

    #[test]
    fn without_a_file_the_public_resolver_is_asked_for_parents_only() {
        let config = load(None, None, &NoEnvironment, &MemoryFiles::default()).unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.store_path(None), ".eczflow");
        assert_eq!(config.resolver.machine.keys().collect::<Vec<_>>(), [&EndpointKind::Parent]);
        let id = "ECZ-GB-A1B2C3::API-000001".parse().unwrap();
        assert_eq!(
            config.resolver.human[&EndpointKind::Api].fill(&id),
            "https://resolver.ecocitizenz.org/p/ECZ-GB-A1B2C3/API/000001"
        );
    }

    #[test]
    fn the_standard_folder_is_xdg_then_home() {
        let mut files = MemoryFiles::default();
        files.insert("/xdg/eczflow/eczflow.toml", "[environment]\nname = \"xdg\"");
        files.insert("/home/.config/eczflow/eczflow.toml", "[environment]\nname = \"home\"");
        let mut environment = BTreeMap::from([("HOME".to_owned(), "/home".to_owned())]);
        assert_eq!(load(None, None, &environment, &files).unwrap().environment, "home");
        environment.insert("XDG_CONFIG_HOME".into(), "relative".into());
        assert_eq!(load(None, None, &environment, &files).unwrap().environment, "home");
        environment.insert("XDG_CONFIG_HOME".into(), "/xdg".into());
        assert_eq!(load(None, None, &environment, &files).unwrap().environment, "xdg");
        let missing = load(Some("/none.toml".into()), None, &environment, &files).unwrap_err();
        assert_eq!(missing.code(), "ER1001");
    }

    #[test]
    fn a_file_beside_the_flow_may_set_rules_and_store_only() {
        let beside = |text: &str| {
            let mut files = MemoryFiles::default();
            files.insert("/flow/eczflow.toml", text);
            load(None, Some("/flow".into()), &NoEnvironment, &files)
        };
        let config = beside("[rules]\nunused-name = \"error\"\n[store]\npath = \"s\"").unwrap();
        assert_eq!(
            (config.rules["unused-name"], config.store_path(None)),
            (RuleLevel::Error, "/flow/s".into())
        );
        for table in super::super::read::TABLES {
            let refused = beside(&format!("\n[{table}]")).map_err(|error| (error.code(), error.to_string()));
            match table {
                "rules" | "store" => assert!(refused.is_ok()),
                _ => {
                    let words = format!("/flow/eczflow.toml:2:2: a file beside a flow may not set `{table}`");
                    assert_eq!(refused, Err(("ER1013", words)));
                }
            }
        }
        // Named as the runner's own, the same file may say everything.
        let mut files = MemoryFiles::default();
        files.insert("/flow/eczflow.toml", "[environment]\nname = \"own\"");
        let own = load(Some("/flow/eczflow.toml".into()), Some("/flow".into()), &NoEnvironment, &files);
        assert_eq!(own.unwrap().environment, "own");
    }

    #[test]
    fn faults_have_a_place_a_code_and_often_a_hint() {
        for (text, code, place, word) in [
            ("[secret]", "ER1011", "1:2", "`secret`"),
            ("[secrets.a]\nvalue = \"s3cret\"", "ER1011", "2:1", "`[secrets.a]`"),
            ("[secrets.a]", "ER1012", "1:10", "exactly one"),
            ("[secrets.a]\ncommand = \"x\"", "ER1012", "2:11", "array"),
            ("[agent.x]\nkey = \"k\"", "ER1012", "1:8", "Agent Credential"),
            ("[log]\nkey = 3", "ER1012", "2:7", "string"),
            ("[allow]\nprivate = [\"localhost\"]", "ER1012", "2:12", "IP address"),
            ("[origins]\n\"http://a.example\" = \"127.0.0.1:1\"", "ER1012", "2:1", "origin"),
            ("[origins]\n\"https://127.0.0.1\" = \"127.0.0.1:1\"", "ER1012", "2:1", "address"),
            ("[origins]\n\"https://a.example\" = \"127.0.0.1\"", "ER1012", "2:23", "port"),
            ("[resolver]\nbase = \"https://a.example/p\"", "ER1012", "2:8", "without a path"),
            ("[resolver]\nadapter = \"other\"", "ER1012", "2:11", "binding-projection"),
            ("[resolver]\nhosts = [\"b.example\"]", "ER1012", "2:9", "api.ecocitizenz.com"),
            ("[resolver.templates.machine]\napi = \"/{PASSPORT}\"", "ER1012", "2:7", "{PASSPORT}"),
            ("[resolver.templates.machine]\nparent = \"/{CODE}\"", "ER1012", "2:10", "parent"),
            ("[resolver.templates.machine]\napi = \"https://a.example\"", "ER1012", "2:7", "path"),
            ("[rules]\nx = \"loud\"", "ER1012", "2:5", "warning"),
            ("[store]\npath = \"a\"\npath = \"b\"", "ER1010", "3:1", "duplicate"),
            ("[store", "ER1010", "1:7", ""),
        ] {
            let error = load_text(text).unwrap_err();
            let words = error.to_string();
            assert_eq!(error.code(), code, "{text}: {words}");
            assert!(words.starts_with(&format!("/c/eczflow.toml:{place}: ")), "{text}: {words}");
            assert!(words.contains(word) && !words.contains("s3cret"), "{text}: {words}");
        }
        let hint = load_text("[secret]").unwrap_err().help();
        assert_eq!(hint.as_deref(), Some("did you mean `secrets`?"));
        let deep = format!("a = {}", "[".repeat(100_000));
        assert_eq!(load_text(&deep).unwrap_err().code(), "ER1010");
        let mut files = MemoryFiles::default();
        files.insert("/c", b"[a]\n\xff".to_vec());
        let error = load(Some("/c".into()), None, &NoEnvironment, &files).unwrap_err();
        assert_eq!(error.to_string(), "/c:2:1: this is not UTF-8");
    }
}
