//! The result of a decision: a verdict.

mod denied;

use std::fmt;
use std::sync::Arc;

use crate::authn::identity::Identity;
use crate::authz::Rule;
use crate::facts::Need;
use crate::login::{Caller, CallerIdentity};
use crate::reply::Reply;
use crate::request::RequestHead;
use crate::route::Payload;
use crate::time::UnixTime;
use crate::topic::Topic;

pub use denied::Denied;

/// What to do with a request.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Let it through.
    Allow(Grant),
    /// The filter answers it in place of the upstream.
    Reply(LocalReply),
    /// Refuse it.
    Deny(Denied),
    /// A fact is missing: get it, then decide again.
    Need(Need),
}

/// The reply to a request that is granted and not forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    /// What to send.
    pub reply: Reply,
    /// Value of the metric's label and of the log's `answer` field.
    pub label: &'static str,
    /// The user name, empty for the anonymous caller; for the log.
    pub username: Arc<str>,
    /// What the request is about.
    pub topic: Topic,
}

impl LocalReply {
    pub(crate) fn new(label: &'static str, username: &str, reply: Reply) -> Self {
        Self {
            reply,
            label,
            username: username.into(),
            topic: Topic::default(),
        }
    }
}

/// The proof that a request may pass. Only the engine makes one.
#[derive(Clone, Debug)]
pub struct Grant {
    identity: Arc<Identity>,
    rule: GrantRule,
    payload: Payload,
    target: Option<String>,
    destination: Destination,
    topic: Topic,
}

/// Where a request goes.
#[derive(Clone, Debug)]
enum Destination {
    Registry,
    /// To the login service, which gets to know who asks, if it is somebody.
    LoginService(Option<Box<CallerIdentity>>),
}

/// Which rule let a request through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantRule {
    /// The path is public.
    Public,
    /// The route asks for an identity only.
    Identity,
    /// The route is one of the login service, which decides itself.
    Login,
    /// There is no `accessControl`.
    NoAccessControl,
    /// The token's `access` claim alone (`bypassAccessControl`).
    AccessClaim,
    /// A rule of `accessControl`; for several checks, the last one.
    Policy(Rule),
}

impl GrantRule {
    /// Returns true if the rule is about repositories: about one, or (for the catalog) about all of
    /// them.
    pub(crate) const fn is_of_repositories(&self) -> bool {
        match self {
            Self::Public | Self::Identity | Self::Login => false,
            Self::NoAccessControl | Self::AccessClaim | Self::Policy(_) => true,
        }
    }
}

/// For the log.
impl fmt::Display for GrantRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => formatter.write_str("publicPaths"),
            Self::Identity => formatter.write_str("identity"),
            Self::Login => formatter.write_str("login service"),
            Self::NoAccessControl => formatter.write_str("no accessControl"),
            Self::AccessClaim => formatter.write_str("access claim"),
            Self::Policy(rule) => rule.fmt(formatter),
        }
    }
}

impl Grant {
    pub(crate) const fn new(identity: Arc<Identity>, rule: GrantRule, payload: Payload) -> Self {
        Self {
            identity,
            rule,
            payload,
            target: None,
            destination: Destination::Registry,
            topic: Topic::NONE,
        }
    }

    /// Sets what the request is about.
    pub(crate) const fn set_topic(&mut self, topic: Topic) {
        self.topic = topic;
    }

    /// What the request is about.
    #[must_use]
    pub const fn topic(&self) -> Topic {
        self.topic
    }

    /// The same for the login service, which gets to know who asks.
    pub(crate) fn for_page(self, caller: Option<CallerIdentity>) -> Self {
        Self {
            destination: Destination::LoginService(caller.map(Box::new)),
            ..self
        }
    }

    /// What the login service gets to know of a request that is for it, and `None` of any other
    /// request. `client` is the address of the client, if the proxy knows it.
    #[must_use]
    pub fn caller(
        &self,
        head: &RequestHead<'_>,
        client: impl FnOnce() -> Option<String>,
        now: UnixTime,
    ) -> Option<Caller> {
        let Destination::LoginService(identity) = &self.destination else {
            return None;
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(Caller {
            at: now,
            method: text(head.method),
            path: text(head.path),
            client: client(),
            identity: identity.as_deref().cloned(),
        })
    }

    /// Returns true if the request is for the login service, which gets to know who asks.
    #[must_use]
    pub const fn is_page(&self) -> bool {
        matches!(self.destination, Destination::LoginService(_))
    }

    /// The same for another target than the client's.
    pub(crate) fn redirected(self, target: String) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }

    /// Who passes.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Why.
    #[must_use]
    pub const fn rule(&self) -> &GrantRule {
        &self.rule
    }

    /// Which media types it is forwarded with.
    pub(crate) const fn payload(&self) -> Payload {
        self.payload
    }

    /// The target to forward instead of the client's: an upload without the mount that is not
    /// granted.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }
}
