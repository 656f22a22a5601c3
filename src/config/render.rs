//! A [`Config`] back to the text of a file: what the program writes when it makes an environment of its own.

use toml::{Table, Value};

use super::{Config, EndpointKind, SecretSource, Template};
use crate::base::PublicKey;

impl Config {
    /// The configuration as a file that reads back the same. Paths stand as they are, so they should be absolute.
    pub fn to_toml(&self) -> String {
        let mut top = Table::new();
        put(&mut top, "environment", [("name", Some(self.environment.as_str().into()))]);
        let mut secrets = Table::new();
        for (name, source) in &self.secrets {
            let (key, value) = match source {
                SecretSource::Env(variable) => ("env", variable.as_str().into()),
                SecretSource::File(path) => ("file", path.as_str().into()),
                SecretSource::Command(words) => ("command", Value::from(words.clone())),
            };
            put(&mut secrets, name, [(key, Some(value))]);
        }
        put_table(&mut top, "secrets", secrets);
        let mut agents = Table::new();
        for (agent, path) in &self.agents {
            put(&mut agents, agent.as_str(), [("key", Some(path.as_str().into()))]);
        }
        put_table(&mut top, "agent", agents);
        put(&mut top, "log", [("key", self.log_key.as_ref().map(|path| path.as_str().into()))]);
        put_table(&mut top, "resolver", self.resolver_table());
        let private: Vec<String> = self.allow_private.iter().map(ToString::to_string).collect();
        put(&mut top, "allow", [("private", (!private.is_empty()).then(|| Value::from(private)))]);
        put(&mut top, "store", [("path", self.store.as_ref().map(|path| path.as_str().into()))]);
        let origins =
            self.origins.iter().map(|(origin, address)| (origin.clone(), address.to_string().into()));
        put_table(&mut top, "origins", origins.collect());
        put(&mut top, "tls", [("ca", self.tls_ca.as_ref().map(|path| path.as_str().into()))]);
        let logs = (!self.verify_logs.is_empty()).then(|| Value::from(self.verify_logs.clone()));
        put(&mut top, "verify", [("logs", logs)]);
        let statements = self.statements.iter().map(|(issuer, keys)| {
            let keys: Vec<String> = keys.iter().map(PublicKey::jwk_x).collect();
            (issuer.as_str().to_owned(), Value::from(keys))
        });
        put_table(&mut top, "statements", statements.collect());
        let mut apis = Table::new();
        for (name, api) in &self.apis {
            let profile = api.spec_hash_profile.as_ref().map(|profile| profile.as_str().into());
            put(&mut apis, name, [("spec_hash_profile", profile)]);
        }
        put_table(&mut top, "apis", apis);
        let rules = self.rules.iter().map(|(name, level)| (name.clone(), level.as_str().into()));
        put_table(&mut top, "rules", rules.collect());
        top.to_string()
    }

    fn resolver_table(&self) -> Table {
        let kinds = |templates: &std::collections::BTreeMap<EndpointKind, Template>| {
            let known = EndpointKind::ALL.into_iter();
            let table: Table = known
                .filter_map(|(word, kind)| Some((word.to_owned(), templates.get(&kind)?.as_str().into())))
                .collect();
            Value::Table(table)
        };
        let mut templates = Table::new();
        // An empty table is written too: it says that there is no endpoint at all.
        templates.insert("machine".into(), kinds(&self.resolver.machine));
        templates.insert("human".into(), kinds(&self.resolver.human));
        let mut resolver = Table::new();
        resolver.insert("base".into(), self.resolver.base.as_str().into());
        resolver.insert("adapter".into(), self.resolver.adapter.as_str().into());
        resolver.insert("hosts".into(), Value::from(self.resolver.hosts.clone()));
        resolver.insert("templates".into(), Value::Table(templates));
        resolver
    }
}

/// Puts a table of the members that have a value, unless there is none.
fn put<const N: usize>(into: &mut Table, name: &str, members: [(&str, Option<Value>); N]) {
    let table = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    put_table(into, name, table);
}

fn put_table(into: &mut Table, name: &str, table: Table) {
    if !table.is_empty() {
        into.insert(name.to_owned(), Value::Table(table));
    }
}
