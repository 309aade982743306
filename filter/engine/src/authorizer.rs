//! What one caller may do: first by the token's own `access` claim, if it has one, then by the
//! policy.

use std::sync::Arc;

use crate::access::{Check, Sources, TagPush};
use crate::authn::access_claim::AccessClaim;
use crate::authn::authenticated::Authenticated;
use crate::authn::identity::Identity;
use crate::authz::{self, Permission, Policy, RequestFacts};
use crate::decision::GrantRule;
use crate::facts::{Facts, Need, TagAnswer, TagName};
use crate::trace::{Recorder, Step};

/// The caller of a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) identity: Arc<Identity>,
    /// What the token server granted, for its tokens.
    pub(crate) claim: Option<Arc<AccessClaim>>,
}

impl Caller {
    /// The caller without a credential.
    pub(crate) fn anonymous() -> Self {
        Self {
            identity: Arc::new(Identity::Anonymous),
            claim: None,
        }
    }
}

impl From<&Authenticated> for Caller {
    fn from(authenticated: &Authenticated) -> Self {
        Self {
            identity: Arc::clone(&authenticated.identity),
            claim: authenticated.access.clone(),
        }
    }
}

/// Applies the rules to one caller and one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authorizer<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) policy: Option<&'a Policy>,
    /// The `access` claim alone decides (`bypassAccessControl`).
    pub(crate) bypass: bool,
    pub(crate) request: &'a RequestFacts<'a>,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) recorder: Recorder<'a>,
}

/// Why something is not granted. It becomes a [`Denied`](crate::decision::Denied) once the scopes
/// of the challenge are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuthzError {
    /// The caller is anonymous, and anonymous callers may not do it.
    NoCredential,
    /// The `access` claim does not cover it.
    InsufficientScope,
    /// The policy does not allow it; the message of the condition that was false.
    Policy(Option<Arc<str>>),
    /// A fact is missing.
    Need(Need),
}

/// What lets a caller do something, or why nothing does.
type AuthzResult = Result<GrantRule, AuthzError>;

impl Authorizer<'_> {
    /// Any identity is enough. Anonymous callers pass only if every grant is anonymous.
    pub(crate) fn enter(&self) -> AuthzResult {
        let open = self.policy.is_some_and(Policy::is_anonymous_only);
        if self.caller.identity.is_anonymous() && !open {
            Err(AuthzError::NoCredential)
        } else {
            Ok(GrantRule::Identity)
        }
    }

    /// Any credential is enough, also the token that an anonymous caller got: clients check their
    /// token with this request.
    pub(crate) fn ping(&self) -> AuthzResult {
        if self.caller.claim.is_some() {
            Ok(GrantRule::Identity)
        } else {
            self.enter()
        }
    }

    /// One action on one repository.
    pub(crate) fn check(&self, check: &Check<'_>) -> AuthzResult {
        self.recorder.record(|| Step::Check {
            action: check.action.name(),
            repository: check.repository.to_owned(),
            reference: check.reference.to_owned(),
        });
        if let Some(claim) = &self.caller.claim {
            let covers = claim.covers(check, self.request.now());
            self.recorder.record(|| Step::AccessClaim { covers });
            if !covers {
                return Err(AuthzError::InsufficientScope);
            }
            if self.bypass && claim.is_of_token_server() {
                return Ok(GrantRule::AccessClaim);
            }
        }
        let Some(policy) = self.policy else {
            return self.without_policy();
        };
        match self.ask(policy, check) {
            authz::Decision::Granted(rule) => Ok(GrantRule::Policy(rule)),
            authz::Decision::Refused { message } => Err(self.refusal(message)),
        }
    }

    /// All of them. Returns the rule of the last one.
    pub(crate) fn all(&self, checks: &[Check<'_>]) -> AuthzResult {
        let mut result = Err(self.refusal(None));
        for check in checks {
            result = Ok(self.check(check)?);
        }
        result
    }

    /// All of them. The upstream is asked about a tag only if the result depends on it and no other
    /// check fails.
    pub(crate) fn push(&self, pushes: &[TagPush<'_>], may_ask: bool) -> AuthzResult {
        let mut result = Err(self.refusal(None));
        let mut open = None;
        for push in pushes {
            let stricter = |missing: AuthzResult, existing: AuthzResult| missing.and(existing);
            result = Ok(match (self.all(&push.missing), self.all(&push.existing)) {
                (Ok(_), Ok(rule)) => rule,
                (Err(missing), Err(AuthzError::Policy(None))) => return Err(missing),
                (Err(_), Err(existing)) => return Err(existing),
                (missing, existing) => match self.tag(push) {
                    Some(TagAnswer::Missing) => missing?,
                    Some(TagAnswer::Exists) => existing?,
                    None if may_ask => {
                        let name = TagName {
                            repository: push.repository.to_owned(),
                            tag: push.tag.to_owned(),
                        };
                        open.get_or_insert(Need::Tag(name));
                        continue;
                    }
                    Some(TagAnswer::Unknown) | None => stricter(missing, existing)?,
                },
            });
        }
        open.map_or(result, |need| Err(AuthzError::Need(need)))
    }

    /// What the registry has said of a tag.
    fn tag(&self, push: &TagPush<'_>) -> Option<TagAnswer> {
        let answer = self.facts.gathered.tag(push.repository, push.tag);
        self.recorder.record(|| Step::Tag {
            repository: push.repository.to_owned(),
            tag: push.tag.to_owned(),
            exists: match answer {
                Some(TagAnswer::Exists) => Some(true),
                Some(TagAnswer::Missing) => Some(false),
                Some(TagAnswer::Unknown) | None => None,
            },
        });
        answer
    }

    /// Returns true if the caller may read the blob in the repositories that the mount may take it
    /// from.
    pub(crate) fn may_mount(&self, sources: &Sources<'_>) -> bool {
        match sources {
            Sources::Any => self.policy.is_none() && self.caller.claim.is_none(),
            Sources::Each(checks) => checks.iter().all(|check| self.check(check).is_ok()),
        }
    }

    /// The catalog, before any of its names is read: [`GrantRule::Identity`] if each name has to be
    /// checked. Where the upstream cannot be asked for the names, only administrators may read the
    /// catalog.
    pub(crate) fn list(&self, may_ask: bool) -> AuthzResult {
        if let Some(claim) = &self.caller.claim {
            if !claim.covers_catalog(self.request.now()) {
                return Err(AuthzError::InsufficientScope);
            }
            if self.bypass && claim.is_of_token_server() {
                return Ok(GrantRule::AccessClaim);
            }
        }
        match self.policy {
            None => self.without_policy(),
            Some(policy) if !may_ask && policy.is_admin(&self.caller.identity) => {
                Ok(GrantRule::Policy(policy.admin_rule()))
            }
            Some(_) if may_ask => self.enter(),
            Some(_) => Err(self.refusal(None)),
        }
    }

    /// Returns true if the caller may see the catalog of a registry that does not filter it.
    pub(crate) fn sees_all(&self) -> bool {
        let covered = self
            .caller
            .claim
            .as_ref()
            .is_none_or(|claim| claim.covers_catalog(self.request.now()));
        let named = self
            .policy
            .is_none_or(|policy| policy.is_admin(&self.caller.identity));
        let bypasses = self
            .caller
            .claim
            .as_ref()
            .is_some_and(|claim| self.bypass && claim.is_of_token_server());
        covered && !self.caller.identity.is_anonymous() && (bypasses || named)
    }

    /// Returns true if the policy lets the caller read a repository; the `access` claim was checked
    /// for the whole catalog before.
    pub(crate) fn may_list(&self, repository: &str) -> bool {
        let check = Check {
            action: crate::access::Action::Read,
            repository,
            reference: "",
        };
        // One of thousands of names: why it is left out is not recorded.
        let request = self.request.clone().recorded(Recorder::OFF);
        let quiet = Authorizer {
            request: &request,
            ..*self
        };
        self.policy
            .is_some_and(|policy| quiet.ask(policy, &check).is_granted())
    }

    fn ask(&self, policy: &Policy, check: &Check<'_>) -> authz::Decision {
        let permission = Permission {
            action: check.action,
            repository: check.repository,
            reference: check.reference,
        };
        policy.decide(&self.caller.identity, &permission, self.request)
    }

    /// Every authenticated caller may do everything. A token server's token may have no `sub`: its
    /// claim, which was checked before, decides then.
    fn without_policy(&self) -> AuthzResult {
        let granted = self
            .caller
            .claim
            .as_ref()
            .is_some_and(|claim| claim.is_of_token_server());
        let anonymous = self.caller.identity.is_anonymous() && !granted;
        if anonymous {
            Err(AuthzError::NoCredential)
        } else {
            Ok(GrantRule::NoAccessControl)
        }
    }

    fn refusal(&self, message: Option<Arc<str>>) -> AuthzError {
        if self.caller.identity.is_anonymous() {
            AuthzError::NoCredential
        } else {
            AuthzError::Policy(message)
        }
    }
}
