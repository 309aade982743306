//! Users who log in: by a password or an API key, which the login service is asked about, or by the
//! session that a login began.

use std::sync::Arc;
use std::time::Duration;

use super::decide::Decision;
use crate::authn::authenticated::Authenticated;
use crate::authn::cache::CacheKey;
use crate::authn::credential::{self, Credential, Password, Passwords};
use crate::authn::login::Login;
use crate::authn::token_context::{self, AuthnError, TokenContext};
use crate::facts::Need;
use crate::login::{Audience, LoginAnswer, LoginPurpose, LoginQuestion, UI_HEADER};
use crate::reason::Reason;
use crate::topic::Provider;

impl<'a> Decision<'a> {
    /// Reads what the client presents. A session is presented to the pages of the login service
    /// (`is_page`) and by the user interface only, where no other credential is.
    pub(super) fn presented(&self, is_page: bool) -> Result<Credential<'a>, Reason> {
        let head = self.head;
        let read = Credential::read(&head.authorization, self.engine.passwords())?;
        if read != Credential::Anonymous || !(is_page || self.is_ui()) {
            return Ok(read);
        }
        let session = self
            .engine
            .login
            .as_ref()
            .and(credential::session(&head.cookies));
        Ok(session.map_or(read, |session| Credential::Session(session.into())))
    }

    /// Returns true for a request of a user interface, where people log in.
    pub(super) fn is_ui(&self) -> bool {
        self.engine.login.is_some() && self.head.api_client == UI_HEADER.1.as_bytes()
    }

    /// The user of a session; `None` if it is none any more, which is as none for everybody: the
    /// browser sends the cookie until it is removed.
    pub(super) fn authenticate_session(
        &mut self,
        compact: &[u8],
    ) -> Result<Option<Arc<Authenticated>>, AuthnError> {
        let key = CacheKey::Session(compact);
        let known = self.known(key);
        if known.is_some() {
            return Ok(known);
        }
        // Not before: everything else depends on it.
        self.facts.now.exact()?;
        match self.verify_login(compact, Audience::Session) {
            Ok(authenticated) => {
                self.cache.put(key, Arc::clone(&authenticated));
                Ok(Some(authenticated))
            }
            Err(error @ (AuthnError::Need(_) | AuthnError::Deny(Reason::KeysUnavailable))) => {
                Err(error)
            }
            Err(AuthnError::Deny(_)) => Ok(None),
        }
    }

    /// The user of a password or an API key: from the cache, or as the login service says. Where
    /// the token in its answer is for the client, it is asked each time.
    pub(super) fn authenticate_password(
        &mut self,
        password: &Password,
        purpose: LoginPurpose,
    ) -> Result<Arc<Authenticated>, AuthnError> {
        let (facts, now) = (self.facts, self.facts.now.exact()?);
        let client = self.head.client;
        if let Some(login) = &self.engine.login {
            self.topic.set_provider(Provider::Source(login.source));
        }
        let guesser = self.cache.guesser(&password.user, client);
        // Before the cache is asked: the right password would have another answer than wrong ones otherwise.
        if facts.gathered.login.is_none() {
            self.wait = guesser.and_then(|guesser| self.cache.limited(&guesser, now));
            if self.wait.is_some() {
                return Err(Reason::TooManyAttempts.into());
            }
        }
        let hash = self
            .cache
            .password(&password.user, &password.secret, client);
        let is_kept = purpose == LoginPurpose::Login;
        if let Some(hash) = &hash {
            let key = CacheKey::Password(hash);
            if let Some(known) = self.cache.get(key, facts.keys, now).filter(|_| is_kept) {
                return Ok(known);
            }
            if facts.gathered.login.is_none() && self.cache.is_wrong(hash, now) {
                return Err(Reason::WrongPassword.into());
            }
        }
        let audience = match purpose {
            LoginPurpose::Login => Audience::Login,
            LoginPurpose::Token => Audience::Token,
        };
        match &facts.gathered.login {
            None => Err(AuthnError::Need(Need::Login(LoginQuestion {
                user: password.user.clone(),
                secret: password.secret.clone(),
                purpose,
                client: (!client.is_empty()).then(|| client.to_owned()),
            }))),
            Some(LoginAnswer::Token(token)) => {
                let verified = self.verify_login(token.as_bytes(), audience);
                let authenticated = verified.map_err(|error| match error {
                    // The login ended while it was asked about.
                    AuthnError::Need(_) | AuthnError::Deny(Reason::SessionEnded) => error,
                    // It is not the client's fault.
                    AuthnError::Deny(_) => Reason::LoginUnavailable.into(),
                })?;
                if let Some(hash) = hash.filter(|_| is_kept) {
                    let key = CacheKey::Password(&hash);
                    self.cache.put(key, Arc::clone(&authenticated));
                }
                Ok(authenticated)
            }
            Some(LoginAnswer::WrongPassword) => {
                if let Some(hash) = hash {
                    self.cache.put_wrong(hash, now);
                }
                Err(Reason::WrongPassword.into())
            }
            Some(LoginAnswer::TooManyAttempts { retry_after }) => {
                if let Some(guesser) = guesser {
                    let wait = Duration::from_secs((*retry_after).into());
                    self.cache.put_limited(guesser, wait, now);
                }
                Err(Reason::TooManyAttempts.into())
            }
            Some(LoginAnswer::Unavailable { .. }) => Err(Reason::LoginUnavailable.into()),
        }
    }

    fn verify_login(
        &self,
        compact: &[u8],
        audience: Audience,
    ) -> Result<Arc<Authenticated>, AuthnError> {
        let engine = self.engine;
        let token = &token_context::read(compact)?;
        let login = engine.login.as_ref().filter(|_| Login::is_named_by(token));
        let groups_of = |user: &str| engine.groups_of(user);
        let context = TokenContext {
            token,
            facts: self.facts,
            verifier: self.verifier,
            policy: engine.view(&groups_of),
            shown: &engine.shown_claims,
            recorder: self.recorder,
        };
        let login = login.ok_or(Reason::UnknownIssuer)?;
        login
            .authenticate(&context, audience, &groups_of)
            .map(Arc::new)
    }
}

impl super::Engine {
    /// How passwords are read.
    #[must_use]
    pub const fn passwords(&self) -> Passwords {
        if self.login.is_some() {
            Passwords::OfUsers
        } else {
            Passwords::Tokens
        }
    }
}
