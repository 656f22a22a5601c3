//! `use`, `operator`, `secret`, `api`.

use crate::diagnostics::codes::syntax as codes;
use crate::syntax::ast::{
    Api, Auth, AuthScheme, Classify, ClassifyOf, Cleared, Function, Idempotency, IdempotencySource, Name,
    NoPassport, Operator, Parameter, Pin, Rate, Region, Secret, Spanned, Text, Timeout, TypeDeclaration, Use,
    UseSource,
};
use crate::syntax::grammar::{Node, Rule};

use super::{Lower, child, children, taken};

impl Lower<'_> {
    pub(super) fn use_item(&mut self, node: Node<'_>) -> Option<Use> {
        let span = self.span(&node);
        let mut source = None;
        let mut names = Vec::new();
        for part in node.into_inner() {
            match part.as_rule() {
                Rule::string => source = self.text(part).map(UseSource::File),
                Rule::path => source = Some(UseSource::Standard(self.path(part))),
                Rule::name => names.push(self.name(part)),
                _ => {}
            }
        }
        Some(Use { span, source: source?, names })
    }

    pub(super) fn operator(&mut self, node: Node<'_>) -> Option<Operator> {
        let span = self.span(&node);
        let (mut name, mut passport, mut agent) = (None, None, None);
        for part in node.into_inner() {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::name => name = Some(self.name(part)),
                Rule::passport => {
                    let value = self.ecz_id(part);
                    self.once(&mut passport, value, at, "passport");
                }
                Rule::agent_id => {
                    let value = self.ecz_id(part);
                    self.once(&mut agent, value, at, "agent");
                }
                _ => {}
            }
        }
        Some(Operator { span, name: name?, passport: taken(passport), agent: taken(agent) })
    }

    pub(super) fn ecz_id(&self, node: Node<'_>) -> Option<Text> {
        let id = child(node, Rule::ecz_id)?;
        Some(Spanned { value: id.as_str().to_owned(), span: self.span(&id) })
    }

    pub(super) fn secret(&mut self, node: Node<'_>) -> Option<Secret> {
        let span = self.span(&node);
        let mut names = children(node, Rule::name);
        Some(Secret { span, name: self.name(names.next()?), audience: self.name(names.next()?) })
    }

    pub(super) fn classify(&mut self, node: Node<'_>) -> Option<Classify> {
        let span = self.span(&node);
        let class = self.class(&node)?;
        let of = node
            .into_inner()
            .find(|part| matches!(part.as_rule(), Rule::classified_input | Rule::classified_answer))?;
        let mut path = Vec::new();
        for part in child(of.clone(), Rule::field_path).into_iter().flat_map(Node::into_inner) {
            match part.as_rule() {
                Rule::member => path.push(self.name(part)),
                Rule::plain_string => {
                    path.extend(self.text(part).map(|text| Name { text: text.value, span: text.span }));
                }
                _ => {}
            }
        }
        let name = self.name(child(of.clone(), Rule::name)?);
        let of = match of.as_rule() {
            Rule::classified_input => ClassifyOf::Input { flow: name },
            _ => ClassifyOf::Answer { api: name, operation: self.member_name(of)? },
        };
        Some(Classify { span, of, path, class })
    }

    /// The class that a node names.
    pub(super) fn class(&self, node: &Node<'_>) -> Option<Name> {
        Some(self.name(child(child(node.clone(), Rule::data_class)?, Rule::name)?))
    }

    pub(super) fn cleared(&self, node: Node<'_>) -> Option<Cleared> {
        let span = self.span(&node);
        let class = self.class(&node)?;
        let from = child(node, Rule::name).map(|name| self.name(name));
        Some(Cleared { span, class, from })
    }

    pub(super) fn api(&mut self, node: Node<'_>) -> Option<Api> {
        let span = self.span(&node);
        let (mut name, mut document, mut source_span, mut pin) = (None, None, None, None);
        let mut members = None;
        for part in node.into_inner() {
            match part.as_rule() {
                Rule::name => name = Some(self.name(part)),
                Rule::api_source => {
                    source_span = Some(self.span(&part));
                    document = child(part, Rule::string).and_then(|path| self.text(path));
                }
                Rule::pin => pin = self.pin(part),
                Rule::api_block => members = Some(part),
                _ => {}
            }
        }
        let mut api = Api {
            span,
            name: name?,
            document: document?,
            source_span: source_span?,
            pin,
            operator: None,
            passport: None,
            origin: None,
            no_passport: None,
            server: None,
            region: None,
            auth: Vec::new(),
            idempotency: None,
            timeout: None,
            rate: None,
            concurrency: None,
            retry: None,
            breaker: None,
            handoff: None,
            cleared: Vec::new(),
        };
        if let Some(members) = members {
            self.api_members(members, &mut api);
        }
        Some(api)
    }

    pub(super) fn type_declaration(&mut self, node: Node<'_>) -> Option<TypeDeclaration> {
        let span = self.span(&node);
        let name = self.name(child(node.clone(), Rule::name)?);
        Some(TypeDeclaration { span, name, ty: self.type_expr(child(node, Rule::type_expr)?)? })
    }

    pub(super) fn function(&mut self, node: Node<'_>) -> Option<Function> {
        let span = self.span(&node);
        let name = self.name(child(node.clone(), Rule::name)?);
        let mut parameters = Vec::new();
        for parameter in children(node.clone(), Rule::fn_parameter) {
            let span = self.span(&parameter);
            let name = self.name(child(parameter.clone(), Rule::binding)?);
            let ty = self.type_expr(child(parameter, Rule::type_expr)?)?;
            parameters.push(Parameter { span, name, ty });
        }
        let result = self.type_expr(child(node.clone(), Rule::type_expr)?)?;
        Some(Function { span, name, parameters, result, body: self.expr(child(node, Rule::expr)?)? })
    }

    fn api_members(&mut self, node: Node<'_>, api: &mut Api) {
        let (mut region, mut idempotency, mut timeout) = (None, None, None);
        let (mut operator, mut passport, mut origin) = (None, None, None);
        let (mut no_passport, mut server) = (None, None);
        let (mut rate, mut concurrency) = (None, None);
        let (mut retry, mut breaker, mut handoff) = (None, None, None);
        for part in node.into_inner() {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::region => {
                    let value = self.region(part);
                    self.once(&mut region, value, at, "region");
                }
                Rule::api_operator => {
                    let value = child(part, Rule::name).map(|name| self.name(name));
                    self.once(&mut operator, value, at, "operator");
                }
                Rule::passport => {
                    let value = self.ecz_id(part);
                    self.once(&mut passport, value, at, "passport");
                }
                Rule::origin => {
                    let value = self.text_in(part);
                    self.once(&mut origin, value, at, "origin");
                }
                Rule::no_passport => {
                    let value = self.text_in(part).map(|because| NoPassport { span: at, because });
                    self.once(&mut no_passport, value, at, "no passport");
                }
                Rule::server => {
                    let value = self.text_in(part);
                    self.once(&mut server, value, at, "server");
                }
                Rule::auth => api.auth.extend(self.auth(part)),
                Rule::cleared => api.cleared.extend(self.cleared(part)),
                Rule::idempotency => {
                    let value = self.idempotency(part);
                    self.once(&mut idempotency, value, at, "idempotency");
                }
                Rule::timeout => {
                    let value = self.timeout(part);
                    self.once(&mut timeout, value, at, "timeout");
                }
                Rule::rate => {
                    let value = self.rate(part);
                    self.once(&mut rate, value, at, "rate");
                }
                Rule::concurrency => {
                    let value = self.count_in(part);
                    self.once(&mut concurrency, value, at, "concurrency");
                }
                Rule::use_retry => {
                    let value = self.used_path(part);
                    self.once(&mut retry, value, at, "retry");
                }
                Rule::use_breaker => {
                    let value = self.used_path(part);
                    self.once(&mut breaker, value, at, "breaker");
                }
                Rule::use_handoff | Rule::weaken_handoff => {
                    let value = self.used_handoff(part);
                    self.once(&mut handoff, value, at, "handoff");
                }
                _ => {}
            }
        }
        api.region = taken(region);
        api.operator = taken(operator);
        api.passport = taken(passport);
        api.origin = taken(origin);
        api.no_passport = taken(no_passport);
        api.server = taken(server);
        api.idempotency = taken(idempotency);
        api.timeout = taken(timeout);
        api.rate = taken(rate);
        api.concurrency = taken(concurrency);
        api.retry = taken(retry);
        api.breaker = taken(breaker);
        api.handoff = taken(handoff);
    }

    fn pin(&mut self, node: Node<'_>) -> Option<Pin> {
        let span = self.span(&node);
        let value = child(node, Rule::pin_value)?;
        let value_span = self.span(&value);
        let hex = value.as_str().trim_start_matches("sha256:").to_owned();
        if hex.len() != 64 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            self.report(
                &codes::BAD_LITERAL,
                value_span,
                "a pin is `sha256:` and 64 lower-case hex digits",
                "let `eczflow pin FILE` write it",
            );
        }
        Some(Pin { hex, span, value_span })
    }

    fn region(&mut self, node: Node<'_>) -> Option<Region> {
        let span = self.span(&node);
        let name = child(node.clone(), Rule::name).map(|name| self.name(name));
        let origin = child(node, Rule::string).and_then(|origin| self.text(origin));
        Some(Region { span, name: name?, origin: origin? })
    }

    fn auth(&mut self, node: Node<'_>) -> Option<Auth> {
        let span = self.span(&node);
        let node = node.into_inner().find(|part| part.as_rule() != Rule::kw_auth)?;
        let rule = node.as_rule();
        let mut secrets = children(node.clone(), Rule::secret_ref)
            .filter_map(|secret| child(secret, Rule::name))
            .map(|name| self.name(name))
            .collect::<Vec<Name>>()
            .into_iter();
        let scheme = match rule {
            Rule::auth_bearer => AuthScheme::Bearer(secrets.next()?),
            Rule::auth_basic => AuthScheme::Basic(secrets.next()?, secrets.next()),
            Rule::auth_certificate => AuthScheme::Certificate(secrets.next()?),
            Rule::auth_key => self.auth_key(node, secrets.next()?)?,
            _ => self.auth_oauth2(node, secrets.next()?, secrets.next()?),
        };
        Some(Auth { span, scheme })
    }

    fn auth_key(&mut self, node: Node<'_>, secret: Name) -> Option<AuthScheme> {
        let (mut scheme, mut location, mut name) = (None, None, None);
        let mut seen = false;
        for part in node.into_inner() {
            match part.as_rule() {
                Rule::string if seen => name = Some(self.text(part)?),
                Rule::string => scheme = Some(self.text(part)?),
                Rule::secret_ref => seen = true,
                Rule::kw_header | Rule::kw_query | Rule::kw_cookie => location = Some(self.name(part)),
                _ => {}
            }
        }
        Some(AuthScheme::Key { scheme, secret, place: location.zip(name) })
    }

    fn auth_oauth2(&mut self, node: Node<'_>, client_id: Name, client_secret: Name) -> AuthScheme {
        let (mut token, mut scopes, mut audience) = (None, None, None);
        for part in node.into_inner() {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::oauth2_token => {
                    let value = self.text_in(part);
                    self.once(&mut token, value, at, "token");
                }
                Rule::oauth2_scopes => {
                    let texts: Vec<Node<'_>> = children(part, Rule::string).collect();
                    let value = texts.into_iter().filter_map(|text| self.text(text)).collect::<Vec<Text>>();
                    self.once(&mut scopes, Some(value), at, "scopes");
                }
                Rule::oauth2_audience => {
                    let value = self.text_in(part);
                    self.once(&mut audience, value, at, "audience");
                }
                _ => {}
            }
        }
        AuthScheme::OAuth2 {
            client_id,
            client_secret,
            token: taken(token),
            scopes: taken(scopes).unwrap_or_default(),
            audience: taken(audience),
        }
    }

    pub(super) fn text_in(&mut self, node: Node<'_>) -> Option<Text> {
        child(node, Rule::string).and_then(|text| self.text(text))
    }

    fn idempotency(&mut self, node: Node<'_>) -> Option<Idempotency> {
        let span = self.span(&node);
        let header = self.text_in(node.clone())?;
        let source = match child(node.clone(), Rule::assumed) {
            Some(assumed) => {
                let by = child(assumed.clone(), Rule::name).map(|name| self.name(name));
                IdempotencySource::Assumed { because: self.text_in(assumed)?, by: by? }
            }
            None => {
                let stated = child(node, Rule::stated)?;
                let by = self.ecz_id(stated.clone())?;
                let statement = child(stated.clone(), Rule::stated_in)?;
                let file_span = self.span(&statement);
                let pin = child(stated, Rule::pin).and_then(|pin| self.pin(pin));
                IdempotencySource::Stated { by, file: self.text_in(statement)?, file_span, pin }
            }
        };
        Some(Idempotency { span, header, source })
    }

    fn rate(&mut self, node: Node<'_>) -> Option<Rate> {
        let span = self.span(&node);
        Some(Rate { span, requests: self.count_in(node.clone())?, per: self.millis_in(node)? })
    }

    fn timeout(&mut self, node: Node<'_>) -> Option<Timeout> {
        let span = self.span(&node);
        let (mut connect, mut attempt, mut response) = (None, None, None);
        for part in node.into_inner() {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::timeout_connect => {
                    let value = self.millis_in(part);
                    self.once(&mut connect, value, at, "connect");
                }
                Rule::timeout_attempt => {
                    let value = self.millis_in(part);
                    self.once(&mut attempt, value, at, "attempt");
                }
                Rule::timeout_response => {
                    let value = child(part, Rule::size).map(|size| self.bytes(size));
                    self.once(&mut response, value, at, "response");
                }
                _ => {}
            }
        }
        Some(Timeout { span, connect: taken(connect), attempt: taken(attempt), response: taken(response) })
    }
}
