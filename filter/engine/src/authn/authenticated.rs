//! A caller whose credential was verified.

use std::sync::Arc;

use crate::authn::access_claim::AccessClaim;
use crate::authn::identity::Identity;
use crate::authn::login_claims::LoginClaims;
use crate::keys::source::{KeyRing, Keys, SourceId};
use crate::login::{Audience, CallerIdentity};
use crate::time::UnixTime;
use crate::topic::Provider;

/// The method of callers with a token of another issuer, and of those with a certificate.
const TOKEN: &str = "token";
const CERTIFICATE: &str = "certificate";

/// A caller whose token or certificate was verified.
#[derive(Debug)]
pub(crate) struct Authenticated {
    /// Who it is.
    pub(crate) identity: Arc<Identity>,
    /// What a token server granted; absent for OIDC tokens, which carry no such claim.
    pub(crate) access: Option<Arc<AccessClaim>>,
    /// Whose keys verified it, and their version; none for a client certificate, which the host has
    /// verified.
    pub(crate) keys: Option<(SourceId, u64)>,
    /// When the token or the certificate ends.
    pub(crate) expires: UnixTime,
    /// The certificate that the token is bound to (`cnf`, `x5t#S256`).
    pub(crate) bound_to: Option<Box<str>>,
    /// What the login service says of the login, for its tokens.
    pub(crate) login: Option<Arc<LoginClaims>>,
}

impl Authenticated {
    /// Returns true if the caller is still authenticated: the token has not expired, the keys are
    /// the same, and the login was not ended.
    pub(crate) fn holds(&self, keys: &KeyRing, now: UnixTime) -> bool {
        let is_ended = |keys: &Keys| {
            self.login
                .as_ref()
                .is_some_and(|login| login.is_ended(keys.ended.as_deref()))
        };
        let same = |(source, version)| {
            keys.get(source)
                .is_some_and(|keys| keys.version == version && !is_ended(keys))
        };
        now < self.expires && self.keys.is_none_or(same)
    }

    /// Who vouches for the caller.
    pub(crate) fn provider(&self) -> Provider {
        self.keys.map_or(Provider::Certificate, |(source, _)| {
            Provider::Source(source)
        })
    }

    /// The caller as the login service gets to know it; `None` for one without a name.
    pub(crate) fn caller(&self) -> Option<CallerIdentity> {
        let user = self.identity.user()?.name().to_owned();
        let expires = Some(self.expires);
        if let Some(login) = &self.login {
            // A token that was handed out is no login: who has it need not know the password.
            let methods = match login.audience {
                Audience::Login | Audience::Session => login.methods.clone(),
                Audience::Token => vec![TOKEN.to_owned()],
            };
            return Some(CallerIdentity {
                user,
                groups: login.groups.clone(),
                methods,
                id: Some(login.id.clone()),
                parents: login.parents.clone(),
                expires,
            });
        }
        let method = if self.keys.is_some() {
            TOKEN
        } else {
            CERTIFICATE
        };
        Some(CallerIdentity {
            user,
            groups: self.identity.groups().to_vec(),
            methods: vec![method.to_owned()],
            id: None,
            parents: Vec::new(),
            expires,
        })
    }
}
