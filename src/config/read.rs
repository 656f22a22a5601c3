//! A file's text to a [`Config`].

use camino::Utf8Path;

use super::ConfigError;
use super::model::{
    ApiConfig, Config, EndpointKind, ResolverConfig, RuleLevel, SPEC_HASH_PROFILE, SecretSource, Template,
};
use super::table::{Entry, File, Table};
use crate::base::PublicKey;
use crate::ecz::EczId;

pub(super) const TABLES: [&str; 13] = [
    "secrets",
    "agent",
    "log",
    "resolver",
    "allow",
    "store",
    "origins",
    "tls",
    "verify",
    "statements",
    "environment",
    "apis",
    "rules",
];

/// Reads the runner's own file into a configuration.
pub(super) fn own(path: &Utf8Path, bytes: &[u8]) -> Result<Config, ConfigError> {
    let file = File::new(path, bytes)?;
    let parsed = file.parse()?;
    let top = file.top(parsed.get_ref()).only(&TABLES)?;
    let mut config = Config::default();
    for (name, entry) in top.entries() {
        let table = entry.table(name)?;
        match name {
            "secrets" => secrets(table, &mut config)?,
            "agent" => agents(table, &mut config)?,
            "log" => config.log_key = one_path(table, "key")?,
            "resolver" => config.resolver = resolver(table)?,
            "allow" => allow(table, &mut config)?,
            "store" => config.store = one_path(table, "path")?,
            "origins" => origins(table, &mut config)?,
            "tls" => config.tls_ca = one_path(table, "ca")?,
            "verify" => verify(table, &mut config)?,
            "statements" => statements(table, &mut config)?,
            "environment" => environment(table, &mut config)?,
            "apis" => apis(table, &mut config)?,
            _ => rules(table, &mut config)?,
        }
    }
    Ok(config)
}

/// Adds what a file beside the flow may say.
pub(super) fn beside_flow(path: &Utf8Path, bytes: &[u8], config: &mut Config) -> Result<(), ConfigError> {
    let file = File::new(path, bytes)?;
    let parsed = file.parse()?;
    let top = file.top(parsed.get_ref()).only(&TABLES)?;
    for (name, entry) in top.entries() {
        match name {
            "rules" => rules(entry.table(name)?, config)?,
            // The runner's own choice of a store stands.
            "store" => {
                let path = one_path(entry.table(name)?, "path")?;
                config.store = config.store.take().or(path);
            }
            _ => {
                return Err(ConfigError::NotHere { place: top.key_place(name), key: name.to_owned() });
            }
        }
    }
    Ok(())
}

fn one_path(table: Table<'_>, key: &str) -> Result<Option<camino::Utf8PathBuf>, ConfigError> {
    table.only(&[key])?.get(key).map(|entry| entry.string().map(Entry::path)).transpose()
}

fn secrets(table: Table<'_>, config: &mut Config) -> Result<(), ConfigError> {
    for (name, entry) in table.entries() {
        let dotted = format!("secrets.{name}");
        let source = entry.table(&dotted)?.only(&["env", "file", "command"])?;
        if source.len() != 1 {
            return Err(table.refuse(name, "must have exactly one of `env`, `file` and `command`"));
        }
        let source = if let Some(entry) = source.get("env") {
            SecretSource::Env(entry.string()?.value.to_owned())
        } else if let Some(entry) = source.get("file") {
            SecretSource::File(entry.string()?.path())
        } else if let Some(entry) = source.get("command") {
            let words = entry.strings()?;
            if words.is_empty() {
                return Err(entry.refuse("must name a program, then its arguments"));
            }
            SecretSource::Command(words.iter().map(|word| word.value.to_owned()).collect())
        } else {
            continue;
        };
        config.secrets.insert(name.to_owned(), source);
    }
    Ok(())
}

fn agents(table: Table<'_>, config: &mut Config) -> Result<(), ConfigError> {
    for (name, entry) in table.entries() {
        let id: EczId = name.parse().map_err(|_| {
            table.refuse(
                name,
                "must be an Agent Credential ID in quotes, such as `\"ECZ-GB-A1B2C3::AGENT-7QK2M9\"`",
            )
        })?;
        let dotted = format!("agent.\"{name}\"");
        let inner = entry.table(&dotted)?.only(&["key"])?;
        let Some(key) = inner.get("key") else { return Err(table.refuse(name, "must have a `key`")) };
        config.agents.insert(id, key.string()?.path());
    }
    Ok(())
}

fn allow(table: Table<'_>, config: &mut Config) -> Result<(), ConfigError> {
    if let Some(entry) = table.only(&["private"])?.get("private") {
        for item in entry.strings()? {
            let address = item.value.parse().map_err(|()| {
                item.refuse(
                    "must be an IP address, or one with a port, such as `127.0.0.1:4433` or `[::1]:4433`",
                )
            })?;
            config.allow_private.push(address);
        }
    }
    Ok(())
}

fn origins(table: Table<'_>, config: &mut Config) -> Result<(), ConfigError> {
    for (name, entry) in table.entries() {
        let origin = origin(name).ok_or_else(|| {
            table.refuse(name, "must be an origin with a host name, such as `\"https://payments.example\"`")
        })?;
        if origin.host_is_address {
            return Err(table.refuse(name, "must name a host: an address needs no other address"));
        }
        let item = entry.string()?;
        let address = item
            .value
            .parse()
            .map_err(|_| item.refuse("must be an address and a port, such as `127.0.0.1:4433`"))?;
        config.origins.insert(origin.text, address);
    }
    Ok(())
}

struct Origin {
    text: String,
    host: String,
    host_is_address: bool,
}

/// An `https` origin in its one spelling: lower case, no default port, no slash at the end.
fn origin(text: &str) -> Option<Origin> {
    let url = url::Url::parse(text).ok()?;
    let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if url.scheme() != "https" || !plain || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    Some(Origin {
        text: url.origin().ascii_serialization(),
        host: url.host_str()?.to_owned(),
        host_is_address: !matches!(url.host(), Some(url::Host::Domain(_))),
    })
}

fn verify(table: Table<'_>, config: &mut Config) -> Result<(), ConfigError> {
    if let Some(entry) = table.only(&["logs"])?.get("logs") {
        config.verify_logs = entry.strings()?.iter().map(|item| item.value.to_owned()).collect();
    }
    Ok(())
}

fn statements(table: Table<'_>, config: &mut Config) -> Result<(), ConfigError> {
    for (name, entry) in table.entries() {
        let issuer: EczId = name.parse().map_err(|_| {
            table.refuse(name, "must be the issuer's ECZ-ID in quotes, such as `\"ECZ-GB-A1B2C3\"`")
        })?;
        let mut keys = Vec::new();
        for item in entry.strings()? {
            let key = PublicKey::from_jwk_x(item.value).ok_or_else(|| {
                item.refuse("must be an Ed25519 public key in base64url: the `x` of its JWK, 43 characters")
            })?;
            keys.push(key);
        }
        config.statements.insert(issuer, keys);
    }
    Ok(())
}

fn environment(table: Table<'_>, config: &mut Config) -> Result<(), ConfigError> {
    if let Some(entry) = table.only(&["name"])?.get("name") {
        let name = entry.string()?;
        if name.value.len() > 64 || !name.value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(name.refuse("must be at most 64 visible ASCII characters without spaces"));
        }
        config.environment = name.value.to_owned();
    }
    Ok(())
}

fn apis(table: Table<'_>, config: &mut Config) -> Result<(), ConfigError> {
    for (name, entry) in table.entries() {
        let dotted = format!("apis.{name}");
        let inner = entry.table(&dotted)?.only(&["spec_hash_profile"])?;
        let mut api = ApiConfig::default();
        if let Some(entry) = inner.get("spec_hash_profile") {
            let profile = entry.string()?;
            if profile.value != SPEC_HASH_PROFILE {
                return Err(
                    profile.refuse(format!("must be `{SPEC_HASH_PROFILE}`, the only hash known here"))
                );
            }
            api.spec_hash_profile = Some(profile.value.to_owned());
        }
        config.apis.insert(name.to_owned(), api);
    }
    Ok(())
}

fn rules(table: Table<'_>, config: &mut Config) -> Result<(), ConfigError> {
    for (name, entry) in table.entries() {
        let word = entry.string()?;
        let level = [RuleLevel::Error, RuleLevel::Warning, RuleLevel::Off]
            .into_iter()
            .find(|level| level.as_str() == word.value)
            .ok_or_else(|| word.refuse("must be `error`, `warning` or `off`"))?;
        config.rules.insert(name.to_owned(), level);
    }
    Ok(())
}

fn resolver(table: Table<'_>) -> Result<ResolverConfig, ConfigError> {
    table.only(&["base", "adapter", "hosts", "templates"])?;
    let mut resolver = ResolverConfig::default();
    if let Some(entry) = table.get("base") {
        let base = entry.string()?;
        let origin = origin(base.value).ok_or_else(|| {
            base.refuse("must be an origin, such as `https://resolver.example`, without a path")
        })?;
        resolver.base = origin.text;
        resolver.hosts = vec![origin.host];
    }
    if let Some(entry) = table.get("hosts") {
        let hosts = entry.strings()?;
        let host = origin(&resolver.base).map(|origin| origin.host).unwrap_or_default();
        resolver.hosts = hosts.iter().map(|item| item.value.to_ascii_lowercase()).collect();
        if !resolver.hosts.contains(&host) {
            return Err(entry.refuse(format!("must name the host of the resolver's base, `{host}`")));
        }
    }
    if let Some(entry) = table.get("adapter") {
        let adapter = entry.string()?;
        if adapter.value != ResolverConfig::ADAPTER {
            return Err(
                adapter.refuse(format!("must be `{}`, the only adapter there is", ResolverConfig::ADAPTER))
            );
        }
    }
    if let Some(entry) = table.get("templates") {
        let templates = entry.table("resolver.templates")?.only(&["machine", "human"])?;
        if let Some(entry) = templates.get("machine") {
            resolver.machine = kinds(entry.table("resolver.templates.machine")?, |text| {
                (!text.starts_with('/') || text.starts_with("//"))
                    .then_some("must be a path that begins with one `/`")
            })?;
        }
        if let Some(entry) = templates.get("human") {
            resolver.human = kinds(entry.table("resolver.templates.human")?, |text| {
                (!text.starts_with("https://")).then_some("must be a whole `https` address")
            })?;
        }
    }
    Ok(resolver)
}

fn kinds(
    table: Table<'_>,
    fault: impl Fn(&str) -> Option<&'static str>,
) -> Result<std::collections::BTreeMap<EndpointKind, Template>, ConfigError> {
    table.only(&EndpointKind::ALL.map(|(word, _)| word))?;
    let mut templates = std::collections::BTreeMap::new();
    for (word, kind) in EndpointKind::ALL {
        let Some(entry) = table.get(word) else { continue };
        let text = entry.string()?;
        if let Some(fault) = fault(text.value) {
            return Err(text.refuse(fault));
        }
        templates.insert(kind, Template::new(text.value, kind).map_err(|reason| text.refuse(reason))?);
    }
    Ok(templates)
}
