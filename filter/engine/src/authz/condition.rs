//! Conditions of policy entries, and `req`, which they read.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::authn::identity::Identity;
use crate::cel::{Bindings, Expression, Map, Scope};
use crate::config::{Diagnostics, raw};
use crate::request::RequestHead;
use crate::time::UnixTime;

use super::rule::Permission;

/// What conditions may know of a request beside who asks for what.
#[derive(Clone, Debug)]
pub struct RequestFacts<'a> {
    head: &'a RequestHead<'a>,
    now: UnixTime,
}

impl<'a> RequestFacts<'a> {
    /// Facts of a request that is decided at `now`. Nothing is read or copied before a condition needs it.
    #[must_use]
    pub const fn new(head: &'a RequestHead<'a>, now: UnixTime) -> Self {
        Self { head, now }
    }
}

/// One condition.
#[derive(Clone, Debug)]
struct Condition {
    expression: Arc<Expression>,
    message: Option<Arc<str>>,
}

/// The conditions of one entry: all must be true.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions(Vec<Condition>);

/// What an entry's conditions say.
pub(super) enum Answer {
    /// All are true.
    Hold,
    /// One is false, with its message.
    Fail(Option<Arc<str>>),
    /// One could not be evaluated, or gave no bool.
    Broken,
}

impl Conditions {
    pub(super) fn compile(
        raw: &[raw::Condition],
        path: &str,
        expressions: &mut Expressions,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut conditions = Vec::new();
        for (index, condition) in raw.iter().enumerate() {
            let place = format!("{path}[{index}].expression");
            let Some(expression) = expressions.compile(&condition.expression, place, diagnostics) else { continue };
            let message = Some(condition.message.as_str()).filter(|message| !message.is_empty()).map(Arc::from);
            conditions.push(Condition { expression, message });
        }
        Self(conditions)
    }

    pub(super) fn check(&self, request: &Request<'_>) -> Answer {
        for condition in &self.0 {
            match condition.expression.evaluate_bool(request.bindings()) {
                Ok(true) => {}
                Ok(false) => return Answer::Fail(condition.message.clone()),
                Err(_) => return Answer::Broken,
            }
        }
        Answer::Hold
    }

    pub(super) fn reads_connection(&self) -> bool {
        self.0.iter().any(|condition| condition.expression.may_read(&["client", "tls"]))
    }
}

/// The compiled expressions of one policy; the same text is compiled once.
#[derive(Default)]
pub(super) struct Expressions(HashMap<String, Arc<Expression>>);

impl Expressions {
    fn compile(&mut self, source: &str, place: String, diagnostics: &mut Diagnostics) -> Option<Arc<Expression>> {
        if let Some(known) = self.0.get(source) {
            return Some(Arc::clone(known));
        }
        match Expression::compile(source, Scope::Conditions) {
            Ok(expression) => {
                let expression = Arc::new(expression);
                self.0.insert(source.to_owned(), Arc::clone(&expression));
                Some(expression)
            }
            Err(error) => {
                diagnostics.error(place, error.to_string());
                None
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// `req`, made when the first condition asks for it.
pub(super) struct Request<'a> {
    pub(super) identity: &'a Identity,
    pub(super) permission: &'a Permission<'a>,
    pub(super) facts: &'a RequestFacts<'a>,
    pub(super) admin: bool,
    made: OnceCell<Bindings>,
}

impl<'a> Request<'a> {
    pub(super) const fn new(
        identity: &'a Identity,
        permission: &'a Permission<'a>,
        facts: &'a RequestFacts<'a>,
        admin: bool,
    ) -> Self {
        Self { identity, permission, facts, admin, made: OnceCell::new() }
    }

    fn bindings(&self) -> &Bindings {
        self.made.get_or_init(|| Bindings::conditions(&self.document().build()))
    }

    fn document(&self) -> Map {
        let head = self.facts.head;
        let reference = self.permission.reference;
        let kind = if reference.contains(':') {
            "digest"
        } else if reference.is_empty() {
            ""
        } else {
            "tag"
        };
        let of_kind = |wanted: &str| if kind == wanted { reference } else { "" };
        Map::default()
            .time("time", self.facts.now)
            .text("method", text(head.method))
            .text("userAgent", text(head.user_agent))
            .text("action", self.permission.action.name())
            .text("repository", self.permission.repository)
            .text("reference", reference)
            .text("referenceType", kind)
            .text("tag", of_kind("tag"))
            .text("digest", of_kind("digest"))
            .map("user", self.user())
            .map("auth", Map::default().bool("anonymous", self.identity.is_anonymous()).bool("admin", self.admin))
            .map("client", client(head))
            .map("tls", tls(head.connection.tls_version))
            .document("claims", self.identity.claims())
    }

    fn user(&self) -> Map {
        Map::default()
            .text("username", self.identity.username())
            .texts("groups", self.identity.groups().iter().cloned())
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn client(head: &RequestHead<'_>) -> Map {
    let forwarded = head.forwarded_for.iter().flat_map(|value| value.split(|byte| *byte == b','));
    let forwarded = forwarded.map(|address| text(address).trim().to_owned()).filter(|address| !address.is_empty());
    let peer = text(head.connection.peer);
    Map::default().text("ip", address(&peer)).texts("forwardedFor", forwarded)
}

/// The host part of `host:port` or `[host]:port`; the whole text when it has no port.
fn address(peer: &str) -> &str {
    let Some((host, _port)) = peer.rsplit_once(':') else { return peer };
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return inner;
    }
    if host.contains(':') { peer } else { host }
}

fn tls(version: &[u8]) -> Map {
    let number = match version {
        b"TLSv1" | b"TLSv1.0" => "1.0",
        b"TLSv1.1" => "1.1",
        b"TLSv1.2" => "1.2",
        b"TLSv1.3" => "1.3",
        _ => "",
    };
    Map::default().bool("enabled", !version.is_empty()).text("version", number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_peer_has_no_port() {
        let rows = [
            ("10.0.0.5:54321", "10.0.0.5"),
            ("[::1]:443", "::1"),
            ("::1", "::1"),
            ("10.0.0.5", "10.0.0.5"),
            ("no-port-here", "no-port-here"),
            ("", ""),
        ];
        for (peer, expected) in rows {
            assert_eq!(address(peer), expected, "{peer}");
        }
    }
}
