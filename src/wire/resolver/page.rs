//! A document's `resolver_url`: compared, never fetched.

use crate::base::Explained;
use crate::config::{EndpointKind, ResolverConfig};
use crate::ecz::EczId;

/// A `resolver_url` that is not the configured human page of its ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolverUrlError {
    /// It names another page.
    #[error("the document's `resolver_url` is not the configured page of `{id}`, `{page}`")]
    Another {
        /// The passport.
        id: EczId,
        /// The page by configuration.
        page: String,
    },
    /// There is nothing to compare it with.
    #[error("no human page is configured for `{id}`, so the document's `resolver_url` cannot be compared")]
    NoTemplate {
        /// The passport.
        id: EczId,
    },
}

impl Explained for ResolverUrlError {
    fn code(&self) -> &'static str {
        "ER6018"
    }

    fn help(&self) -> Option<String> {
        Some(
            "a document does not choose its resolver: ask its publisher, or set `[resolver.templates.human]` in eczflow.toml if you trust that resolver"
                .into(),
        )
    }
}

/// Whether a document's `resolver_url` is the human-page template of the configuration filled with the ID.
pub fn check_resolver_url(
    config: &ResolverConfig,
    id: &EczId,
    resolver_url: &str,
) -> Result<(), ResolverUrlError> {
    let template = config.human.get(&EndpointKind::of(id));
    let page = template.ok_or_else(|| ResolverUrlError::NoTemplate { id: id.clone() })?.fill(id);
    if page == resolver_url { Ok(()) } else { Err(ResolverUrlError::Another { id: id.clone(), page }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_filled_template_fits() {
        let id: EczId = "ECZ-GB-A1B2C3::API-000001".parse().unwrap();
        let mut config = ResolverConfig::default();
        let check = |config: &ResolverConfig, url: &str| check_resolver_url(config, &id, url);
        check(&config, "https://resolver.ecocitizenz.org/p/ECZ-GB-A1B2C3/API/000001").unwrap();
        for other in [
            "https://evil.example/p/ECZ-GB-A1B2C3/API/000001",
            "https://resolver.ecocitizenz.org/p/ECZ-GB-A1B2C3/API/000002",
            "https://resolver.ecocitizenz.org/p/ECZ-GB-A1B2C3",
            "http://resolver.ecocitizenz.org/p/ECZ-GB-A1B2C3/API/000001",
            "",
        ] {
            assert!(matches!(check(&config, other), Err(ResolverUrlError::Another { .. })), "{other}");
        }
        config.human.clear();
        assert!(matches!(check(&config, ""), Err(ResolverUrlError::NoTemplate { .. })));
    }
}
