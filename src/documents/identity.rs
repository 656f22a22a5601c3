//! The eight fields of `info.x-ecz-id`, read strictly and with places.

use std::collections::BTreeMap;

use super::document::Document;
use super::json::shown;
use super::tree::Node;
use crate::base::did_you_mean;
use crate::diagnostics::{Code, Diagnostic, Sink, codes::documents as codes};
use crate::ecz::{DocumentIdentity, EczId, Kind};
use crate::source::Span;

/// The names of the fields.
pub const IDENTITY_FIELDS: [&str; 8] = [
    "operator_ecz_id",
    "api_passport_id",
    "api_origin",
    "spec_hash",
    "resolver_url",
    "agent_credential_id",
    "recheck_before_reliance",
    "policy_mode",
];

/// An `x-ecz-id` object that was read without an error.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The fields.
    pub fields: DocumentIdentity,
    /// Where the object's key stands.
    pub span: Span,
    /// Where the value of each field that is given stands.
    pub spans: BTreeMap<&'static str, Span>,
}

impl Identity {
    /// Where a field's value stands; the object's key where the field is not given.
    pub fn place(&self, field: &str) -> Span {
        self.spans.get(field).copied().unwrap_or(self.span)
    }
}

impl Document {
    /// Whether the document has `info.x-ecz-id` at all, well-formed or not.
    pub fn has_identity(&self) -> bool {
        self.root().at("/info/x-ecz-id").is_some()
    }

    /// Reads `info.x-ecz-id`. `None` exactly where an error was reported.
    pub fn identity(&self, sink: &mut Sink) -> Option<Identity> {
        let Some(node) = self.root().at("/info/x-ecz-id") else {
            let top = self.root().span();
            let span = self.place("/info").unwrap_or(Span { end: top.start, ..top });
            let finding = Diagnostic::new(
                &codes::IDENTITY_MISSING,
                span,
                "this document has no `info.x-ecz-id`",
            )
            .note("without it nothing says which passport and origin this API stands for")
            .help(
                "ask its publisher to add it; or state `operator`, `passport` and `origin` in the `api` block; or write `no passport because \"…\"` there",
            );
            sink.push(finding);
            return None;
        };
        let span = self.place("/info/x-ecz-id").unwrap_or(node.span());
        let mut reader = Reader { node, span, sink, failed: false };
        let fields = reader.fields();
        let spans = IDENTITY_FIELDS
            .into_iter()
            .filter_map(|field| node.get(field).map(|value| (field, value.span())))
            .collect();
        let failed = reader.failed;
        fields.filter(|_| !failed).map(|fields| Identity { fields, span, spans })
    }
}

struct Reader<'n, 's> {
    node: Node<'n>,
    span: Span,
    sink: &'s mut Sink,
    failed: bool,
}

impl Reader<'_, '_> {
    fn fail(&mut self, diagnostic: Diagnostic) {
        self.failed = true;
        self.sink.push(diagnostic);
    }

    fn fields(&mut self) -> Option<DocumentIdentity> {
        if !self.node.is_object() {
            let message = format!("`x-ecz-id` is an object, not {}", self.node.kind());
            self.fail(Diagnostic::new(&codes::IDENTITY_FIELD, self.node.span(), message));
            return None;
        }
        for (key, value) in self.node.members() {
            let name = key.as_str().unwrap_or("");
            let known = IDENTITY_FIELDS.contains(&name);
            if (!known && names_a_secret(name)) || holds_a_secret(value) {
                let message = format!("`{}` looks like a secret", shown(name));
                let finding = Diagnostic::new(&codes::IDENTITY_SECRET, key.span(), message)
                    .note("documents are public, and `x-ecz-id` is read by everybody")
                    .help("remove it, and replace the secret if it was one");
                self.fail(finding);
            } else if !known {
                let message = format!("`{}` is none of the eight fields of `x-ecz-id`", shown(name));
                let mut finding = Diagnostic::new(&codes::IDENTITY_UNKNOWN, key.span(), message);
                if let Some(meant) = did_you_mean(name, IDENTITY_FIELDS) {
                    finding = finding.help(format!("did you mean `{meant}`?"));
                }
                self.sink.push(finding);
            }
        }
        let operator =
            self.id("operator_ecz_id", true, Kind::Parent, "a parent ECZ-ID, such as `ECZ-GB-A1B2C3`");
        let passport =
            self.id("api_passport_id", true, Kind::Api, "the ID of an API Passport, with `::API-`");
        let agent = self.id(
            "agent_credential_id",
            false,
            Kind::Agent,
            "the ID of an Agent Credential, with `::AGENT-`",
        );
        if let (Some(operator), Some(passport)) = (&operator, &passport)
            && passport.parent() != *operator
        {
            let message = format!("`{passport}` is not a child of `{operator}`");
            let finding = self.about(&codes::IDENTITY_CONTRADICTION, "api_passport_id", message);
            let finding = finding.and(self.place("operator_ecz_id"), "the operator stands here");
            self.fail(
                finding.help("correct the one that is wrong: a passport begins with its operator's ID"),
            );
        }
        let origin = self.text("api_origin", true);
        if origin.as_deref().is_some_and(|origin| !is_origin(origin)) {
            let finding =
                self.about(&codes::IDENTITY_ORIGIN, "api_origin", "this is not an origin".into()).help(
                    "write `https://host` or `https://host:port`: lower case, no path, no slash at the end",
                );
            self.fail(finding);
        }
        let spec_hash = self.text("spec_hash", true);
        if spec_hash.as_deref() == Some("") {
            let finding = self.about(&codes::IDENTITY_FIELD, "spec_hash", "`spec_hash` is empty".into());
            self.fail(
                finding
                    .help("ask the publisher for it; `eczflow hash` prints that of a document of your own"),
            );
        }
        let resolver_url = self.text("resolver_url", true);
        if let (Some(url), Some(passport)) = (&resolver_url, &passport)
            && !names_passport(url, passport)
        {
            let finding = self
                .about(
                    &codes::IDENTITY_RESOLVER,
                    "resolver_url",
                    "this URL does not name this passport".into(),
                )
                .help(format!(
                    "it is https, and its path ends in `{}` or `/passport/{passport}`",
                    page_path(passport)
                ));
            self.fail(finding);
        }
        let recheck = self.flag("recheck_before_reliance");
        let policy_mode = self.text("policy_mode", false);
        Some(DocumentIdentity {
            operator_ecz_id: operator?,
            api_passport_id: passport?,
            api_origin: origin?,
            spec_hash: Some(spec_hash?),
            resolver_url: Some(resolver_url?),
            agent_credential_id: agent,
            recheck_before_reliance: recheck,
            policy_mode,
        })
    }

    fn place(&self, field: &str) -> Span {
        self.node.get(field).map_or(self.span, Node::span)
    }

    fn about(&self, code: &'static Code, field: &str, message: String) -> Diagnostic {
        Diagnostic::new(code, self.place(field), message)
    }

    fn text(&mut self, field: &str, required: bool) -> Option<String> {
        match self.node.get(field) {
            None if required => {
                let message = format!("`x-ecz-id` has no `{field}`");
                self.fail(
                    Diagnostic::new(&codes::IDENTITY_FIELD_MISSING, self.span, message)
                        .help("ask the publisher to complete the object"),
                );
                None
            }
            None => None,
            Some(value) => {
                let text = value.as_str().map(str::to_owned);
                if text.is_none() {
                    let message = format!("`{field}` is a string, not {}", value.kind());
                    let finding = Diagnostic::new(&codes::IDENTITY_FIELD, value.span(), message);
                    self.fail(finding.help("write it as a string"));
                }
                text
            }
        }
    }

    fn flag(&mut self, field: &str) -> bool {
        match self.node.get(field) {
            None => false,
            Some(value) => value.as_bool().unwrap_or_else(|| {
                let message = format!("`{field}` is true or false, not {}", value.kind());
                let finding = Diagnostic::new(&codes::IDENTITY_FIELD, value.span(), message);
                self.fail(finding.help("write `true` or `false`, without quotes"));
                false
            }),
        }
    }

    fn id(&mut self, field: &str, required: bool, kind: Kind, wanted: &str) -> Option<EczId> {
        let text = self.text(field, required)?;
        let Ok(id) = text.parse::<EczId>() else {
            let finding = self.about(&codes::IDENTITY_FIELD, field, format!("`{field}` is not an ECZ-ID"));
            self.fail(finding.help(format!("it is {wanted}")));
            return None;
        };
        if id.is_placeholder() {
            let message = format!("`{id}` is a placeholder of the documentation");
            let finding = self.about(&codes::IDENTITY_PLACEHOLDER, field, message);
            self.fail(finding.help("write the ID that was issued"));
        }
        if id.kind() != kind {
            let finding = self.about(
                &codes::IDENTITY_CONTRADICTION,
                field,
                format!("`{id}` does not belong in `{field}`"),
            );
            self.fail(finding.help(format!("it is {wanted}")));
        }
        Some(id)
    }
}

/// `https://host[:port]`, exactly as the URL standard writes an origin.
fn is_origin(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| url.scheme() == "https" && url.origin().ascii_serialization() == text)
}

/// The path of a passport's human page: `/p/PARENT/CODE/SUFFIX`.
fn page_path(id: &EczId) -> String {
    match (id.child_code(), id.child_suffix()) {
        (Some(code), Some(suffix)) => format!("/p/{}/{code}/{suffix}", id.parent()),
        _ => format!("/p/{id}"),
    }
}

fn names_passport(text: &str, passport: &EczId) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let plain = url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let path = url.path().replace("%3A", ":").replace("%3a", ":");
    plain && (path.ends_with(&page_path(passport)) || path.ends_with(&format!("/passport/{passport}")))
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '.', ' '], "_");
    let words =
        ["secret", "password", "passwd", "token", "api_key", "apikey", "private_key", "authorization"];
    words.iter().any(|word| name.contains(word))
}

fn holds_a_secret(value: Node<'_>) -> bool {
    let Some(text) = value.as_str() else { return false };
    let text = text.trim_start();
    let jwt = text.starts_with("eyJ") && text.split('.').count() == 3;
    let starts =
        ["-----BEGIN", "sk_live_", "sk_test_", "ghp_", "github_pat_", "xoxb-", "AKIA", "Bearer ", "Basic "];
    jwt || starts.iter().any(|start| text.starts_with(start))
}
