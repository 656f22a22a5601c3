//! What a configuration says, with its defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};

use super::secret::Shape;
use super::{ConfigError, Environment, Secret, read_key};
use crate::base::{Ed25519Key, PublicKey};
use crate::ecz::{EczId, Kind};

/// The one canonical hash that `[apis.NAME] spec_hash_profile` may name.
pub const SPEC_HASH_PROFILE: &str = "eczflow-c14n-1";

/// A whole configuration. [`Config::default`] is what holds without any file.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[environment] name`: stands first in every audit log.
    pub environment: String,
    /// `[secrets.NAME]`.
    pub secrets: BTreeMap<String, SecretSource>,
    /// `[agent."ECZ-…"] key`: the private key file of each agent that may be presented.
    pub agents: BTreeMap<EczId, Utf8PathBuf>,
    /// `[log] key`: the private key file of the store's log; without one the store keeps its own.
    pub log_key: Option<Utf8PathBuf>,
    /// `[resolver]`.
    pub resolver: ResolverConfig,
    /// `[allow] private`: addresses that are not public and may be connected to all the same.
    pub allow_private: Vec<AllowedAddress>,
    /// `[store] path`.
    pub store: Option<Utf8PathBuf>,
    /// `[origins]`: addresses connected to instead of what DNS says, by origin. TLS still checks the origin's name.
    pub origins: BTreeMap<String, SocketAddr>,
    /// `[tls] ca`: a PEM file; only these authorities are then trusted.
    pub tls_ca: Option<Utf8PathBuf>,
    /// `[verify] logs`: verifier keys of logs that are trusted, beside those in the file [`Config::trusted_logs`].
    pub verify_logs: Vec<String>,
    /// `[statements]`: the keys that an issuer's statements may be signed with.
    pub statements: BTreeMap<EczId, Vec<PublicKey>>,
    /// `[apis.NAME]`.
    pub apis: BTreeMap<String, ApiConfig>,
    /// `[rules]`: levels by rule name.
    pub rules: BTreeMap<String, RuleLevel>,
    /// The folder of the runner's own file, or where it would lie; `None` where that is not known.
    pub folder: Option<Utf8PathBuf>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            environment: "default".into(),
            secrets: BTreeMap::new(),
            agents: BTreeMap::new(),
            log_key: None,
            resolver: ResolverConfig::default(),
            allow_private: Vec::new(),
            store: None,
            origins: BTreeMap::new(),
            tls_ca: None,
            verify_logs: Vec::new(),
            statements: BTreeMap::new(),
            apis: BTreeMap::new(),
            rules: BTreeMap::new(),
            folder: None,
        }
    }
}

impl Config {
    /// The store's folder: the flag, else `[store] path`, else `.eczflow`.
    pub fn store_path(&self, flag: Option<&Utf8Path>) -> Utf8PathBuf {
        flag.map(Utf8Path::to_owned).or_else(|| self.store.clone()).unwrap_or_else(|| ".eczflow".into())
    }

    /// The file of trusted logs, beside the configuration.
    pub fn trusted_logs(&self) -> Option<Utf8PathBuf> {
        self.folder.as_ref().map(|folder| folder.join("trusted-logs"))
    }

    /// Reads a secret from its source: blocks for as long as a command runs (at most 10 s).
    pub fn secret(&self, name: &str, environment: &dyn Environment) -> Result<Secret, ConfigError> {
        self.source(name)?.read(name, Shape::Line, self.folder.as_deref(), environment)
    }

    /// Reads a secret that has lines: a certificate chain and its key in PEM.
    pub fn pem_secret(&self, name: &str, environment: &dyn Environment) -> Result<Secret, ConfigError> {
        self.source(name)?.read(name, Shape::Lines, self.folder.as_deref(), environment)
    }

    fn source(&self, name: &str) -> Result<&SecretSource, ConfigError> {
        self.secrets.get(name).ok_or_else(|| ConfigError::SecretUnmapped { name: name.to_owned() })
    }

    /// Reads an agent's private key.
    pub fn agent_key(&self, agent: &EczId) -> Result<Ed25519Key, ConfigError> {
        let path =
            self.agents.get(agent).ok_or_else(|| ConfigError::AgentUnmapped { agent: agent.clone() })?;
        read_key(path)
    }

    /// Reads the log's private key, where one is configured.
    pub fn log_key(&self) -> Result<Option<Ed25519Key>, ConfigError> {
        self.log_key.as_deref().map(read_key).transpose()
    }
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file of mode 0600; one trailing line end is dropped.
    File(Utf8PathBuf),
    /// A program and its arguments, run without a shell; its standard output is the secret.
    Command(Vec<String>),
}

/// One `[apis.NAME]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiConfig {
    /// How the issuer hashes the document, where that is known: [`SPEC_HASH_PROFILE`].
    pub spec_hash_profile: Option<String>,
}

/// How a rule is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleLevel {
    /// Stops compilation.
    Error,
    /// Is shown.
    Warning,
    /// Is not shown.
    Off,
}

impl RuleLevel {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleLevel::Error => "error",
            RuleLevel::Warning => "warning",
            RuleLevel::Off => "off",
        }
    }
}

/// An address, or an address and a port, that is not public and may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowedAddress {
    /// The address.
    pub ip: IpAddr,
    /// The port; `None` for every port.
    pub port: Option<u16>,
}

impl AllowedAddress {
    /// Whether it covers an address and port.
    pub fn covers(&self, address: SocketAddr) -> bool {
        self.ip == address.ip() && self.port.is_none_or(|port| port == address.port())
    }
}

impl FromStr for AllowedAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<AllowedAddress, ()> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(AllowedAddress { ip, port: None });
        }
        let address = text.parse::<SocketAddr>().map_err(|_| ())?;
        Ok(AllowedAddress { ip: address.ip(), port: Some(address.port()) })
    }
}

impl fmt::Display for AllowedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

/// The kinds of ECZ-ID that a resolver may have different endpoints for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointKind {
    /// A Business Passport.
    Parent,
    /// An Agent Credential.
    Agent,
    /// An API Passport.
    Api,
    /// Any other child.
    Other,
}

impl EndpointKind {
    /// All kinds with the words used in the file.
    pub const ALL: [(&'static str, EndpointKind); 4] = [
        ("parent", EndpointKind::Parent),
        ("agent", EndpointKind::Agent),
        ("api", EndpointKind::Api),
        ("other", EndpointKind::Other),
    ];

    /// The kind of an ID.
    pub fn of(id: &EczId) -> EndpointKind {
        match id.kind() {
            Kind::Parent => EndpointKind::Parent,
            Kind::Agent => EndpointKind::Agent,
            Kind::Api => EndpointKind::Api,
            Kind::Other => EndpointKind::Other,
        }
    }
}

/// Text with `{PARENT}`, `{CODE}`, `{SUFFIX}` and `{ID}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// A template, or why it is none: an unknown or unclosed placeholder, or one that this kind of ID lacks.
    pub fn new(text: &str, kind: EndpointKind) -> Result<Template, String> {
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else {
                return Err("has a `{` that is never closed".into());
            };
            match name {
                "PARENT" | "ID" => {}
                "CODE" | "SUFFIX" if kind != EndpointKind::Parent => {}
                "CODE" | "SUFFIX" => return Err(format!("uses `{{{name}}}`, which a parent does not have")),
                _ => {
                    return Err(format!(
                        "has an unknown placeholder `{{{name}}}`; known are `{{PARENT}}`, `{{CODE}}`, `{{SUFFIX}}` and `{{ID}}`"
                    ));
                }
            }
            rest = tail;
        }
        Ok(Template(text.to_owned()))
    }

    /// The template as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The template filled with an ID.
    pub fn fill(&self, id: &EczId) -> String {
        self.0
            .replace("{PARENT}", id.parent().as_str())
            .replace("{CODE}", id.child_code().unwrap_or_default())
            .replace("{SUFFIX}", id.child_suffix().unwrap_or_default())
            .replace("{ID}", id.as_str())
    }
}

/// Where the resolver is and how it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolverConfig {
    /// `https://host[:port]`, no path.
    pub base: String,
    /// The adapter's name: `binding-projection`.
    pub adapter: String,
    /// Hosts the resolver may be at.
    pub hosts: Vec<String>,
    /// Paths of machine-readable answers by kind; a kind that is missing has no proven endpoint.
    pub machine: BTreeMap<EndpointKind, Template>,
    /// Human pages by kind: whole URLs. Never fetched; a document's `resolver_url` must equal the filled one.
    pub human: BTreeMap<EndpointKind, Template>,
}

impl ResolverConfig {
    /// The only adapter there is.
    pub const ADAPTER: &'static str = "binding-projection";
}

impl Default for ResolverConfig {
    /// The public resolver. For children no machine endpoint has been shown to be live, so none is configured.
    fn default() -> ResolverConfig {
        let template = |text: &str| Template(text.to_owned());
        let page = "https://resolver.ecocitizenz.org/p/{PARENT}";
        let child = format!("{page}/{{CODE}}/{{SUFFIX}}");
        ResolverConfig {
            base: "https://api.ecocitizenz.com".into(),
            adapter: ResolverConfig::ADAPTER.into(),
            hosts: vec!["api.ecocitizenz.com".into()],
            machine: BTreeMap::from([(EndpointKind::Parent, template("/api/p/{PARENT}.json"))]),
            human: EndpointKind::ALL
                .into_iter()
                .map(|(_, kind)| {
                    (kind, template(if kind == EndpointKind::Parent { page } else { child.as_str() }))
                })
                .collect(),
        }
    }
}
