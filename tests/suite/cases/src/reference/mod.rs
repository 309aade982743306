//! A second, deliberately naive evaluator of access control, to compare the engine with.
//!
//! It is written from what is promised (zot's rules and the deviations from them), not from the
//! engine, and shares no code with it: patterns are matched by trying everything, policies are read
//! from the configuration's JSON for every question, and conditions are a few expressions whose
//! meaning is written down in Rust. Slow and plain is what it is for.

mod condition;
mod glob;
mod policy;
mod request;

use std::collections::BTreeSet;

use serde_json::Value;

pub use condition::conditions;
pub use glob::matches;
pub use request::Ask;

/// What a configuration and the registry behind it are like.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// `http.accessControl`, as written; `None`: there is none.
    pub access_control: Option<Value>,
    /// `http.auth.bearer.bypassAccessControl`.
    pub bypass: bool,
    /// The registry can be asked (`proxy.upstreamCluster`).
    pub asks: bool,
    /// Mounts are forwarded where their sources may be read (`proxy.mounts`).
    pub mounts: bool,
    /// Tags that exist, as `team/app:v1`. About the tag `broken` the registry says nothing.
    pub tags: BTreeSet<String>,
    /// The registry's catalog.
    pub catalog: Vec<String>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody in particular.
    Anonymous,
    /// With a token of an OIDC issuer.
    Person {
        /// `claims.sub`.
        user: String,
        /// `claims.groups`.
        groups: Vec<String>,
        /// `claims.team`.
        team: Option<String>,
    },
    /// With a token of a token server.
    Server {
        /// `sub`.
        user: String,
        /// `access`.
        access: Vec<Entry>,
    },
}

/// An entry of an `access` claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The repository; `None`: the catalog.
    pub repository: Option<String>,
    /// Docker's actions.
    pub actions: Vec<String>,
    /// It has expired, though the token has not.
    pub expired: bool,
}

/// What must come of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It is forwarded with this target.
    Forwarded(String),
    /// It is answered with these names of the catalog.
    Listed(Vec<String>),
    /// It is refused, for one of these reasons.
    Refused(Vec<Refusal>),
}

/// A reason to refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 401: nobody asks, and it is not open to everybody.
    NoCredential,
    /// 401 `insufficient_scope`: the `access` claim does not cover it.
    InsufficientScope,
    /// 403: the policy says no, with a condition's message.
    Denied(Option<String>),
}

/// One action on one repository, and on a tag or digest.
#[derive(Clone, Copy, Debug)]
struct Check<'a> {
    action: &'static str,
    repository: &'a str,
    reference: &'a str,
}

impl Caller {
    fn user(&self) -> &str {
        match self {
            Self::Anonymous => "",
            Self::Person { user, .. } | Self::Server { user, .. } => user,
        }
    }

    /// Returns true for a caller without a name, whatever the token says besides.
    fn is_anonymous(&self) -> bool {
        self.user().is_empty()
    }

    fn groups(&self) -> &[String] {
        match self {
            Self::Person { groups, .. } => groups,
            Self::Anonymous | Self::Server { .. } => &[],
        }
    }

    /// Docker's scopes: a push is `push`, whether it creates or updates; `*` is every action.
    fn is_covered(&self, repository: Option<&str>, action: &str) -> bool {
        let wanted = match action {
            "read" => "pull",
            "create" | "update" => "push",
            other => other,
        };
        let Self::Server { access, .. } = self else {
            return true;
        };
        access.iter().any(|entry| {
            let has = |wanted: &str| entry.actions.iter().any(|action| action == wanted);
            !entry.expired && entry.repository.as_deref() == repository && (has(wanted) || has("*"))
        })
    }
}
