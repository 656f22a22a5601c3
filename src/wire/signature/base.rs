//! The signature base of RFC 9421 section 2.5 and the derived components used here (section 2.2).

use url::Url;

use super::SignatureError;

/// The tag parameter: which profile the signature follows.
pub const TAG: &str = "eczflow-handoff-1";
/// The alg parameter.
pub const ALGORITHM: &str = "ed25519";
/// The label our own signatures stand under.
pub const LABEL: &str = "ecz";
/// How long our own signatures hold, seconds.
pub const LIFETIME_SECONDS: i64 = 120;
/// The longest a signature may hold, seconds.
pub const MAX_LIFETIME_SECONDS: i64 = 300;
/// How far a signer's clock may be ahead of the verifier's, seconds.
pub const SKEW_SECONDS: i64 = 30;

/// The parts of a request's first line and host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Upper-case method.
    pub method: String,
    /// Lower-case host, with the port unless it is 443.
    pub authority: String,
    /// Path as sent, percent-encoded; `/` where empty.
    pub path: String,
    /// Query as sent, without `?`; `None` where there is none.
    pub query: Option<String>,
    /// Names of the query's parameters that are secrets: they are neither signed nor shown. Where there are any, the others
    /// are covered one by one.
    pub hidden: Vec<String>,
}

/// A covered component: its identifier as it stands in `Signature-Input`, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Component {
    /// The field's or derived component's name.
    pub(super) name: String,
    /// The parameter's name, of a `@query-param`.
    pub(super) parameter: Option<String>,
    /// What is signed.
    pub(super) value: String,
}

impl Component {
    pub(super) fn new(name: &str, value: impl Into<String>) -> Component {
        Component { name: name.to_owned(), parameter: None, value: value.into() }
    }

    /// The identifier: `"name"`, or `"name";name="parameter"`.
    pub(super) fn identifier(&self) -> String {
        match &self.parameter {
            Some(parameter) => format!("\"{}\";name=\"{parameter}\"", self.name),
            None => format!("\"{}\"", self.name),
        }
    }
}

impl Target {
    /// The target of a request that is sent to a URL.
    pub fn of(method: &str, url: &Url) -> Target {
        let host = url.host_str().unwrap_or_default();
        Target {
            method: method.to_owned(),
            authority: url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            path: url.path().to_owned(),
            query: url.query().map(str::to_owned),
            hidden: Vec::new(),
        }
    }

    /// The same with secrets among the query's parameters.
    pub fn hiding<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Target {
        self.hidden.extend(names.into_iter().map(str::to_owned));
        self
    }

    /// The target of a request as a server received it: its method, its `Host`, and its request target in origin form.
    pub fn received(method: &str, host: &str, request_target: &str) -> Target {
        let host = host.to_ascii_lowercase();
        let (path, query) = match request_target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (request_target, None),
        };
        Target {
            method: method.to_owned(),
            authority: host.strip_suffix(":443").map(str::to_owned).unwrap_or(host),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            query,
            hidden: Vec::new(),
        }
    }

    /// The components every signature covers, in order.
    pub(super) fn components(&self) -> Vec<Component> {
        let mut components = vec![
            Component::new("@method", &self.method),
            Component::new("@authority", &self.authority),
            Component::new("@path", &self.path),
        ];
        match &self.query {
            Some(query) if !self.hidden.is_empty() => components.extend(self.query_parameters(query)),
            Some(query) => components.push(Component::new("@query", format!("?{query}"))),
            None => {}
        }
        components
    }

    /// The parameters that are no secrets, in their order (RFC 9421 section 2.2.8). One whose name stands there twice has no
    /// identifier, and cannot be covered.
    fn query_parameters(&self, query: &str) -> Vec<Component> {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let once = |name: &str| pairs.iter().filter(|(other, _)| other == name).count() == 1;
        let covered = pairs.iter().filter(|(name, _)| !self.hidden.contains(name) && once(name));
        covered
            .map(|(name, value)| Component {
                name: "@query-param".to_owned(),
                parameter: Some(form_encoded(name)),
                value: form_encoded(value),
            })
            .collect()
    }
}

/// Percent-encoded as section 2.2.8 asks: the set of `application/x-www-form-urlencoded`, and `%20` for a space.
fn form_encoded(text: &str) -> String {
    let mut out = String::new();
    for piece in url::form_urlencoded::byte_serialize(text.as_bytes()) {
        out.push_str(if piece == "+" { "%20" } else { piece });
    }
    out
}

/// The signature base: one line a component, then the parameters as they stand in `Signature-Input`.
pub(super) fn signature_base(components: &[Component], parameters: &str) -> Result<String, SignatureError> {
    let mut base = String::new();
    for component in components {
        // A line end inside a value could forge a further line.
        if component.value.chars().any(|c| c.is_control() || !c.is_ascii()) {
            return Err(SignatureError::Value(component.name.clone()));
        }
        base.push_str(&format!("{}: {}\n", component.identifier(), component.value));
    }
    base.push_str(&format!("\"@signature-params\": {parameters}"));
    Ok(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second example of RFC 9421 section 2.2.8, with a secret and a repeated parameter among the others.
    #[test]
    fn beside_a_secret_each_parameter_is_covered_by_itself() {
        let query = "/x?var=this%20is%20a%20big%0Amultiline%20value&key=s3cret&bar=with+plus+whitespace\
            &fa%C3%A7ade%22%3A%20=something&two=1&two=2";
        let target = Target::received("GET", "a.example", query).hiding(["key"]);
        let lines: Vec<String> = target
            .components()
            .iter()
            .skip(3)
            .map(|component| format!("{}: {}", component.identifier(), component.value))
            .collect();
        assert_eq!(
            lines,
            [
                r#""@query-param";name="var": this%20is%20a%20big%0Amultiline%20value"#,
                r#""@query-param";name="bar": with%20plus%20whitespace"#,
                r#""@query-param";name="fa%C3%A7ade%22%3A%20": something"#,
            ]
        );
        let only = Target::received("GET", "a.example", "/x?key=s3cret").hiding(["key"]);
        assert_eq!(only.components().len(), 3);
    }
}
