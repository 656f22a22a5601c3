//! Servers: URL templates as the document writes them, and what absolute URLs they stand for.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

/// A server. Its URL may be templated, and relative to wherever the API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerView {
    /// The URL template as written.
    pub url: String,
    /// Its variables, in the order they are declared.
    pub variables: Vec<ServerVariable>,
    /// Where it is declared.
    pub pointer: String,
}

/// A variable of a server's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVariable {
    /// Its name.
    pub name: String,
    /// What stands for it where nothing else is chosen.
    pub default: String,
    /// The values it may have. Empty: any.
    pub values: Vec<String>,
}

/// A piece of a template.
enum Piece<'s> {
    Literal(&'s str),
    Variable(&'s str),
}

impl ServerView {
    /// The absolute URL with every variable replaced by its default, no slash at the end. `None` where the server is
    /// relative, where a variable is not declared, or where what comes out is not a URL of scheme, host and path alone.
    pub fn default_url(&self) -> Option<String> {
        plain_url(&self.with_defaults()?).map(|_| ())?;
        Some(self.with_defaults()?.trim_end_matches('/').to_owned())
    }

    /// Whether the server names no origin of its own, so that only a path is known: `/v1`.
    pub fn is_relative(&self) -> bool {
        let defaults = self.with_defaults();
        let url = defaults.as_deref().unwrap_or(&self.url);
        // What begins with a variable that is not declared may be anything.
        !url.starts_with('{')
            && !url.starts_with("//")
            && matches!(Url::parse(url), Err(url::ParseError::RelativeUrlWithoutBase))
    }

    /// Whether an absolute URL is one this server stands for: each variable has one of its values, or, where any value will
    /// do, some without a slash. A relative server stands for its path at every https origin.
    pub fn matches(&self, absolute_url: &str) -> bool {
        let Some(url) = plain_url(absolute_url) else { return false };
        let Some(written) = normal(&url) else { return false };
        if written != absolute_url.trim_end_matches('/') {
            return false;
        }
        if !self.is_relative() {
            let template = self.url.trim_end_matches('/');
            return self.fits(template, &written)
                || self.default_url().and_then(|own| normal(&Url::parse(&own).ok()?)) == Some(written);
        }
        let path = url.path().trim_end_matches('/');
        url.scheme() == "https"
            && (self.fits(&self.relative_path(), path) || self.default_path() == Some(path.to_owned()))
    }

    /// The absolute URL of this server at an origin (`https://host[:port]`), no slash at the end: variables of the path
    /// have their defaults. `None` where the server is not to be had there.
    pub fn at_origin(&self, origin: &str) -> Option<String> {
        let url = if self.is_relative() {
            format!("{origin}{}", self.default_path()?)
        } else {
            let after = self.url.find("://").map_or(0, |at| at + "://".len());
            let path =
                self.url.get(after..)?.find('/').map_or("", |at| self.url.get(after + at..).unwrap_or(""));
            format!("{origin}{}", self.substituted(path)?)
        };
        let url = normal(&plain_url(&url)?)?;
        self.matches(&url).then_some(url)
    }

    fn with_defaults(&self) -> Option<String> {
        self.substituted(&self.url)
    }

    fn substituted(&self, template: &str) -> Option<String> {
        let mut text = String::new();
        for piece in pieces(template) {
            match piece {
                Piece::Literal(literal) if literal.contains(['{', '}']) => return None,
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Variable(name) => text.push_str(&self.variable(name)?.default),
            }
        }
        Some(text)
    }

    fn variable(&self, name: &str) -> Option<&ServerVariable> {
        self.variables.iter().find(|variable| variable.name == name)
    }

    /// The path of a relative server as a template, from the root on.
    fn relative_path(&self) -> String {
        let path = self.url.trim_start_matches("./").trim_end_matches('/');
        if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
    }

    /// The path of a relative server, dots resolved; empty for the root.
    fn default_path(&self) -> Option<String> {
        let base = Url::parse("https://relative.invalid/").ok()?;
        let url = base.join(&self.with_defaults()?).ok()?;
        let plain = url.query().is_none() && url.fragment().is_none();
        plain.then(|| url.path().trim_end_matches('/').to_owned())
    }

    /// Whether a text is one that a template stands for. Keeps the set of places reached, so that it ends soon whatever
    /// the template.
    fn fits(&self, template: &str, text: &str) -> bool {
        let mut reached = BTreeSet::from([0]);
        for piece in pieces(template) {
            let mut next = BTreeSet::new();
            for start in reached {
                let rest = text.get(start..).unwrap_or("");
                match piece {
                    Piece::Literal(literal) => {
                        // Scheme and host are written without regard to case, and normalised in the URL at hand.
                        let same = rest
                            .get(..literal.len())
                            .is_some_and(|own| own == literal || own == literal.to_ascii_lowercase());
                        next.extend(same.then_some(start + literal.len()));
                    }
                    Piece::Variable(name) => {
                        let values = self.variable(name).map_or(&[][..], |variable| &variable.values);
                        if values.is_empty() {
                            let end = rest.find('/').unwrap_or(rest.len());
                            let ends = rest.char_indices().map(|(at, character)| at + character.len_utf8());
                            next.extend(ends.take_while(|at| *at <= end).map(|at| start + at));
                        }
                        let fitting = values.iter().filter(|value| rest.starts_with(value.as_str()));
                        next.extend(fitting.map(|value| start + value.len()));
                    }
                }
            }
            reached = next;
        }
        reached.contains(&text.len())
    }
}

/// Reads a list of servers. An entry without a URL stands for nothing and is left out.
pub(super) fn read(servers: &Value, at: &str) -> Vec<ServerView> {
    let entries = servers.as_array().into_iter().flatten().enumerate();
    entries
        .filter_map(|(index, server)| {
            let url = server.get("url")?.as_str()?.to_owned();
            let variables = server.get("variables").and_then(Value::as_object).into_iter().flatten();
            let variables = variables.filter_map(|(name, variable)| {
                let values = variable.get("enum").and_then(Value::as_array).into_iter().flatten();
                Some(ServerVariable {
                    name: name.clone(),
                    default: text_of(variable.get("default")?)?,
                    values: values.filter_map(text_of).collect(),
                })
            });
            Some(ServerView { url, variables: variables.collect(), pointer: format!("{at}/{index}") })
        })
        .collect()
}

/// Values of variables are strings; a port or version written as a number is what it is written as.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((literal, (name, after))) =
        rest.split_once('{').and_then(|(literal, after)| Some((literal, after.split_once('}')?)))
    {
        pieces.extend([Piece::Literal(literal), Piece::Variable(name)]);
        rest = after;
    }
    pieces.push(Piece::Literal(rest));
    pieces
}

/// An http or https URL of scheme, host and path alone.
fn plain_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.has_host()
        && matches!(url.scheme(), "https" | "http")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    plain.then_some(url)
}

/// Origin and path, no slash at the end.
fn normal(url: &Url) -> Option<String> {
    let origin = url.origin();
    origin.is_tuple().then(|| format!("{}{}", origin.ascii_serialization(), url.path().trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn server(url: &str, variables: Value) -> ServerView {
        let mut all = read(&json!([{"url": url, "variables": variables}]), "/servers");
        all.remove(0)
    }

    #[test]
    fn absolute_servers_stand_for_themselves() {
        let plain = server("https://API.example/v1/", json!({}));
        assert_eq!(plain.default_url().as_deref(), Some("https://API.example/v1"));
        assert!(plain.matches("https://api.example/v1") && plain.matches("https://api.example/v1/"));
        for other in [
            "https://api.example",
            "https://api.example/v1/x",
            "http://api.example/v1",
            "https://api.example/v1?a",
            "x",
        ] {
            assert!(!plain.matches(other), "{other}");
        }
        assert_eq!(plain.at_origin("https://api.example").as_deref(), Some("https://api.example/v1"));
        assert_eq!(plain.at_origin("https://else.example"), None);
        assert!(!plain.is_relative());
    }

    #[test]
    fn variables_have_their_values() {
        let region = json!({"region": {"default": "eu", "enum": ["eu", "us-1"]}, "version": {"default": 2}});
        let region = server("https://{region}.api.example/v{version}", region);
        assert_eq!(region.default_url().as_deref(), Some("https://eu.api.example/v2"));
        assert!(
            region.matches("https://us-1.api.example/v2") && region.matches("https://us-1.api.example/v33")
        );
        for other in
            ["https://us-2.api.example/v2", "https://eu.api.example/v2/3", "https://eu.api.example/v"]
        {
            assert!(!region.matches(other), "{other}");
        }
        assert_eq!(
            region.at_origin("https://us-1.api.example").as_deref(),
            Some("https://us-1.api.example/v2")
        );
        assert_eq!(region.at_origin("https://evil.example"), None);
        let tenant = server("https://{tenant}.api.example", json!({"tenant": {"default": "demo"}}));
        assert!(tenant.matches("https://acme.api.example"));
        for other in [
            "https://evil.example/.api.example",
            "https://evil.example#.api.example",
            "https://a@evil.example",
        ] {
            assert!(!tenant.matches(other), "{other}");
        }
        let undeclared = server("https://{tenant}.api.example", json!({}));
        assert_eq!(undeclared.default_url(), None);
        assert!(undeclared.matches("https://acme.api.example") && !undeclared.is_relative());
        let whole = server("{base}/v1", json!({"base": {"default": "https://a.example"}}));
        assert_eq!(whole.default_url().as_deref(), Some("https://a.example/v1"));
        assert!(whole.matches("https://a.example/v1") && !whole.matches("https://b.example/v1"));
    }

    #[test]
    fn relative_servers_stand_for_a_path() {
        for (url, path) in
            [("/", ""), ("", ""), ("/v1/", "/v1"), ("v1", "/v1"), ("./v1", "/v1"), ("../v1", "/v1")]
        {
            let relative = server(url, json!({}));
            assert!(relative.is_relative() && relative.default_url().is_none(), "{url}");
            assert!(relative.matches(&format!("https://any.example:8443{path}")), "{url}");
            assert!(!relative.matches(&format!("https://any.example{path}/x")), "{url}");
            assert!(!relative.matches(&format!("http://any.example{path}")), "{url}");
            assert_eq!(
                relative.at_origin("https://a.example"),
                Some(format!("https://a.example{path}")),
                "{url}"
            );
        }
        let templated = server("/{version}/api", json!({"version": {"default": "v2"}}));
        assert!(templated.matches("https://a.example/v3/api") && !templated.matches("https://a.example/api"));
        assert_eq!(templated.at_origin("https://a.example").as_deref(), Some("https://a.example/v2/api"));
    }

    #[test]
    fn odd_servers_end_soon_and_stand_for_nothing() {
        assert_eq!(read(&json!([{}, 1, {"url": 2}, {"url": "https://a.example"}]), "").len(), 1);
        assert_eq!(read(&json!({"url": "https://a.example"}), "").len(), 0);
        let bomb = server(&format!("https://a{}.example", "{a}".repeat(200)), json!({}));
        assert!(!bomb.matches(&format!("https://a{}.example", "é".repeat(100))));
        for url in ["ftp://a.example", "https://a.example?x=1", "mailto:a", "https://{", "//"] {
            let odd = server(url, json!({}));
            assert!(odd.default_url().is_none() && !odd.matches("https://a.example"), "{url}");
        }
    }
}
