//! Tokens of the login service: the one issuer that needs no entry in the configuration, with keys
//! that only the native process pushes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::authn::access_claim::AccessClaim;
use crate::authn::cache::Authenticated;
use crate::authn::claims::Claims;
use crate::authn::identity::{Identity, User};
use crate::authn::token::UnverifiedToken;
use crate::authn::token_context::{AuthnError, TokenContext};
use crate::authn::verify::{Expected, KeyIdRule, TokenKind};
use crate::keys::algorithm::Algorithm;
use crate::keys::ended::{Ended, is_id};
use crate::keys::source::SourceId;
use crate::login::scope::{KeyScope, MAX_SCOPES};
use crate::login::{Audience, CallerIdentity, ISSUER, claim};
use crate::reason::Reason;
use crate::time::UnixTime;

/// The most time from `iat` to `exp` of a token that stands for a password or an API key.
const MAX_LIFE: Duration = Duration::from_mins(6);

/// The same of a session, which begins with a login and is never prolonged.
const MAX_SESSION: Duration = Duration::from_mins(121);

/// The method of callers with a token of another issuer, and of those with a certificate.
const TOKEN: &str = "token";
const CERTIFICATE: &str = "certificate";

/// A method of the configuration whose logins name the provider too (`openid:NAME`), and one that
/// logins name otherwise.
const OPENID: &str = "openid";
const API_KEY: &str = "apiKey";
const OF_KEY: &str = "apikey";

/// `http.auth.login`, ready to run.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) source: SourceId,
    /// The methods that are configured, as the configuration names them.
    pub(crate) methods: Vec<String>,
}

/// What a token of the login service says of the login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LoginClaims {
    /// How the user logged in.
    pub(crate) methods: Vec<String>,
    /// The groups of the directory or the provider.
    pub(crate) groups: Vec<String>,
    /// The id of the login.
    pub(crate) id: String,
    /// The ids that it ends with.
    pub(crate) parents: Vec<String>,
    issued: UnixTime,
    /// Where the token came from.
    audience: Audience,
}

impl Login {
    /// Returns true if a token says to be one of the login service. No other provider may take it.
    pub(crate) fn is_named_by(token: &UnverifiedToken<'_>) -> bool {
        token.claims_unverified().issuer() == Ok(Some(ISSUER))
    }

    /// Returns true if a method of a login is configured.
    fn has(&self, method: &str) -> bool {
        let name = match method.split_once(':') {
            Some((OPENID, _)) => OPENID,
            Some(_) => return false,
            None if method == OPENID => return false,
            None if method == OF_KEY => API_KEY,
            None => method,
        };
        self.methods.iter().any(|configured| configured == name)
    }

    /// Authenticates a user with a token of the login service that came from where its audience
    /// says.
    ///
    /// # Errors
    /// A [`AuthnError::Need`] when keys are missing; otherwise the refusal.
    pub(crate) fn authenticate(
        &self,
        context: &TokenContext<'_>,
        audience: Audience,
        groups_of: &dyn Fn(&str) -> Vec<String>,
    ) -> Result<Authenticated, AuthnError> {
        let keys = context.keys_of(self.source)?;
        let expected = Expected {
            kind: TokenKind::Oidc,
            issuer: Some(ISSUER),
            audiences: &[audience.as_str().to_owned()],
            clock_skew: Duration::ZERO,
            key_id: KeyIdRule::Required,
            algorithms: Some(&[Algorithm::EdDsa]),
        };
        let verified = context.verify(self.source, keys, &expected)?;
        let claims = verified.claims();
        let bad = || AuthnError::from(Reason::BadClaim);
        let login = LoginClaims::read(claims, audience).map_err(|_| bad())?;
        let most = match audience {
            Audience::Login | Audience::Token => MAX_LIFE,
            Audience::Session => MAX_SESSION,
        };
        // One audience, so that no token can come from two places.
        let audiences = claims.audiences().ok().flatten().unwrap_or_default();
        if audiences.len() != 1 || verified.expires() > login.issued.after(most) {
            return Err(bad());
        }
        // Whoever logged in by a method that is gone from the configuration is logged out.
        if !login.methods.iter().all(|method| self.has(method))
            || login.is_ended(keys.ended.as_deref())
        {
            return Err(Reason::SessionEnded.into());
        }
        let access = access(claims).map_err(|_| bad())?;
        let name = claims.subject().ok().flatten().unwrap_or_default();
        let mut known = HashSet::new();
        let groups = login.groups.iter().cloned().chain(groups_of(name));
        let groups = groups.filter(|group| known.insert(group.clone())).collect();
        let user = User::new(name.to_owned(), groups, context.kept(claims)).ok_or_else(bad)?;
        Ok(Authenticated {
            identity: Arc::new(Identity::Authenticated(user)),
            access: access.map(Arc::new),
            keys: Some((self.source, keys.version)),
            expires: verified.expires(),
            bound_to: claims.bound_to().map(Into::into),
            login: Some(Arc::new(login)),
        })
    }
}

impl Authenticated {
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

impl LoginClaims {
    /// Reads the claims.
    fn read(claims: &Claims, audience: Audience) -> Result<Self, OtherForm> {
        let methods = texts(claims, claim::METHODS)?.filter(|methods| !methods.is_empty());
        let id = claims.as_map().get(claim::ID).and_then(Value::as_str);
        let id = id.ok_or(OtherForm)?.to_owned();
        let parents = texts(claims, claim::PARENTS)?.unwrap_or_default();
        let ids = std::iter::once(&id).chain(&parents);
        if !ids.into_iter().all(|id| is_id(id)) {
            return Err(OtherForm);
        }
        Ok(Self {
            methods: methods.ok_or(OtherForm)?,
            groups: texts(claims, claim::GROUPS)?.unwrap_or_default(),
            parents,
            issued: claims.issued().ok().flatten().ok_or(OtherForm)?,
            id,
            audience,
        })
    }

    /// Returns true if the login was ended. Where nothing says what has ended, everything has.
    pub(crate) fn is_ended(&self, ended: Option<&Ended>) -> bool {
        let ids = std::iter::once(&self.id).chain(&self.parents);
        ended.is_none_or(|ended| ended.refuses(ids.map(String::as_str), self.issued))
    }
}

/// A claim has another form than the login service gives it.
struct OtherForm;

/// What the scopes of an API key cover; nothing if it has none.
fn access(claims: &Claims) -> Result<Option<AccessClaim>, OtherForm> {
    let Some(scopes) = texts(claims, claim::SCOPE)? else {
        return Ok(None);
    };
    if scopes.is_empty() || scopes.len() > MAX_SCOPES {
        return Err(OtherForm);
    }
    let scopes: Option<Vec<_>> = scopes.iter().map(|scope| KeyScope::parse(scope)).collect();
    scopes.map(AccessClaim::of_key).map(Some).ok_or(OtherForm)
}

/// A claim that is a list of text; nothing if it is absent.
fn texts(claims: &Claims, name: &str) -> Result<Option<Vec<String>>, OtherForm> {
    match claims.as_map().get(name) {
        None => Ok(None),
        Some(Value::Array(texts)) => {
            let texts = texts.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(Some).ok_or(OtherForm)
        }
        Some(_) => Err(OtherForm),
    }
}
