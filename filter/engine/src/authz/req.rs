//! `req`, which conditions read.

use std::borrow::Cow;
use std::cell::OnceCell;

use registry_auth_cel::{Bindings, Map, Members};
use strum::VariantArray;

use crate::authn::identity::Identity;
use crate::request::RequestHead;
use crate::time::UnixTime;
use crate::trace::{Fact, Recorder};

use super::rule::Permission;

/// What conditions may read of a request in addition to the caller and what is requested.
#[derive(Clone, Debug)]
pub struct RequestFacts<'a> {
    head: &'a RequestHead<'a>,
    now: UnixTime,
    recorder: Recorder<'a>,
}

impl<'a> RequestFacts<'a> {
    /// Facts of a request that is decided at `now`. Nothing is read or copied before a condition
    /// needs it.
    #[must_use]
    pub const fn new(head: &'a RequestHead<'a>, now: UnixTime) -> Self {
        Self {
            head,
            now,
            recorder: Recorder::OFF,
        }
    }

    /// The same with steps recorded.
    #[must_use]
    pub(crate) const fn recorded(self, recorder: Recorder<'a>) -> Self {
        Self { recorder, ..self }
    }

    /// The time that the request is decided at.
    pub(crate) const fn now(&self) -> UnixTime {
        self.now
    }

    pub(super) const fn recorder(&self) -> Recorder<'a> {
        self.recorder
    }
}

/// A member of `req`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub(super) enum Member {
    Time,
    Method,
    UserAgent,
    Action,
    Repository,
    Reference,
    ReferenceType,
    Tag,
    Digest,
    User,
    Auth,
    Client,
    Tls,
    Claims,
}

impl Member {
    /// All, as conditions write them.
    pub(super) fn names() -> Vec<&'static str> {
        Self::VARIANTS.iter().map(|member| member.name()).collect()
    }

    /// As conditions write it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Method => "method",
            Self::UserAgent => "userAgent",
            Self::Action => "action",
            Self::Repository => "repository",
            Self::Reference => "reference",
            Self::ReferenceType => "referenceType",
            Self::Tag => "tag",
            Self::Digest => "digest",
            Self::User => "user",
            Self::Auth => "auth",
            Self::Client => "client",
            Self::Tls => "tls",
            Self::Claims => "claims",
        }
    }
}

/// One check of one request; `req` is made when the first condition needs it, with the members that
/// conditions read.
pub(super) struct Request<'a> {
    pub(super) identity: &'a Identity,
    pub(super) permission: &'a Permission<'a>,
    pub(super) facts: &'a RequestFacts<'a>,
    pub(super) admin: bool,
    pub(super) read: &'a [Member],
    pub(super) made: OnceCell<Bindings>,
}

impl Request<'_> {
    pub(super) fn bindings(&self) -> &Bindings {
        self.made
            .get_or_init(|| Bindings::conditions(&self.document().build()))
    }

    fn document(&self) -> Map {
        self.read
            .iter()
            .fold(Map::default(), |map, member| self.with(map, *member))
    }

    fn with(&self, map: Map, member: Member) -> Map {
        let (head, name) = (self.facts.head, member.name());
        let reference = self.permission.reference;
        let kind = kind(reference);
        let of_kind = |wanted: &str| if kind == wanted { reference } else { "" };
        match member {
            Member::Time => map.time(name, self.facts.now.millis()),
            Member::Method => map.text(name, text(head.method)),
            Member::UserAgent => map.text(name, text(head.user_agent)),
            Member::Action => map.text(name, self.permission.action.name()),
            Member::Repository => map.text(name, self.permission.repository),
            Member::Reference => map.text(name, reference),
            Member::ReferenceType => map.text(name, kind),
            Member::Tag => map.text(name, of_kind("tag")),
            Member::Digest => map.text(name, of_kind("digest")),
            Member::User => map.map(name, self.user()),
            Member::Auth => map.map(
                name,
                Map::default()
                    .bool("anonymous", self.identity.is_anonymous())
                    .bool("admin", self.admin),
            ),
            Member::Client => match client(head) {
                Some(client) => map.map(name, client),
                None => map,
            },
            Member::Tls => map.map(name, tls(head.connection.tls_version)),
            Member::Claims => map.document(name, self.identity.claims()),
        }
    }

    /// Returns the members with one short value that an expression reads, for people.
    pub(super) fn shown(&self, reads: &Members) -> Vec<Fact> {
        let (head, reference) = (self.facts.head, self.permission.reference);
        let kind = kind(reference);
        let of_kind = |wanted: &str| if kind == wanted { reference } else { "" };
        let value = |member: Member| match member {
            Member::Time => Some(self.facts.now.rfc3339()),
            Member::Method => Some(text(head.method).into_owned()),
            Member::UserAgent => Some(text(head.user_agent).into_owned()),
            Member::Action => Some(self.permission.action.name().to_owned()),
            Member::Repository => Some(self.permission.repository.to_owned()),
            Member::Reference => Some(reference.to_owned()),
            Member::ReferenceType => Some(kind.to_owned()),
            Member::Tag => Some(of_kind("tag").to_owned()),
            Member::Digest => Some(of_kind("digest").to_owned()),
            Member::Client => Some(address(&text(head.connection.peer)).to_owned()),
            // The caller has a step of its own, and claims are not shown.
            Member::User | Member::Auth | Member::Tls | Member::Claims => None,
        };
        let read = Member::VARIANTS.iter().copied();
        let read = read.filter(|member| reads.contains(member.name()));
        read.filter_map(|member| {
            Some(Fact {
                name: format!("req.{}", member.name()),
                value: Some(value(member)?),
            })
        })
        .collect()
    }

    fn user(&self) -> Map {
        Map::default()
            .text("username", self.identity.username())
            .texts("groups", self.identity.groups().iter().cloned())
    }
}

fn kind(reference: &str) -> &'static str {
    if reference.contains(':') {
        "digest"
    } else if reference.is_empty() {
        ""
    } else {
        "tag"
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// What the proxy reports of the client; `None` unless the proxy is known to report it. A proxy
/// that sets the address adds it to `x-forwarded-for`. Where that is missing there is no member
/// `client`, so that a condition on it cannot be evaluated and grants nothing.
fn client(head: &RequestHead<'_>) -> Option<Map> {
    let forwarded = head
        .forwarded_for
        .iter()
        .flat_map(|value| value.split(|byte| *byte == b','));
    let forwarded = forwarded
        .map(|address| text(address).trim().to_owned())
        .filter(|address| !address.is_empty());
    let forwarded: Vec<String> = forwarded.collect();
    let peer = text(head.connection.peer);
    let ip = address(&peer);
    let known = !ip.is_empty() && !forwarded.is_empty();
    known.then(|| {
        Map::default()
            .text("ip", ip)
            .texts("forwardedFor", forwarded)
    })
}

/// The host part of `host:port` or `[host]:port`; the whole text when it has no port.
#[must_use]
pub fn address(peer: &str) -> &str {
    let Some((host, _port)) = peer.rsplit_once(':') else {
        return peer;
    };
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
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
    Map::default()
        .bool("enabled", !version.is_empty())
        .text("version", number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Connection;

    #[test]
    fn a_client_is_known_where_the_proxy_says_who_it_is() {
        let connection = |peer: &'static str| Connection {
            peer: peer.as_bytes(),
            ..Connection::default()
        };
        // (attribute of the connection, x-forwarded-for, known)
        let rows: &[(&str, &[&str], bool)] = &[
            ("10.0.0.5:1", &["10.0.0.5"], true),
            ("10.0.0.5:1", &["192.0.2.7, 10.0.0.5"], true),
            ("10.0.0.5:1", &["192.0.2.7", "10.0.0.5"], true),
            ("10.0.0.5:1", &["", "10.0.0.5"], true),
            ("10.0.0.5:1", &[], false),
            ("10.0.0.5:1", &[""], false),
            ("10.0.0.5:1", &[" , ,", ""], false),
            ("", &["10.0.0.5"], false),
        ];
        for (peer, forwarded, known) in rows {
            let forwarded_for = forwarded.iter().map(|value| value.as_bytes()).collect();
            let head = RequestHead {
                forwarded_for,
                connection: connection(peer),
                ..RequestHead::default()
            };
            assert_eq!(client(&head).is_some(), *known, "{peer} {forwarded:?}");
        }
    }

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
