//! From a request for a token to the reply.

use super::decide::Decision;
use crate::access::Check;
use crate::authn::authenticated::Authenticated;
use crate::authn::credential::{ANONYMOUS, Credential};
use crate::authn::token_context::{self, AuthnError, missing};
use crate::authorizer::Caller;
use crate::authz::{Policy, RequestFacts};
use crate::decision::LocalReply;
use crate::engine::Engine;
use crate::facts::{Facts, Missing, Need, RequestBody};
use crate::login::{LoginAnswer, LoginPurpose};
use crate::reason::Reason;
use crate::reply;
use crate::request::RequestHead;
use crate::scope::Scope;
use crate::token_endpoint::request::{Form, TokenRequest};
use crate::token_endpoint::response::{ANONYMOUS_LIFETIME, TokenResponse};
use crate::token_endpoint::subject::{Source, Subject};

impl Decision<'_> {
    /// The reply with a token: the presented one as it is, or one that is minted for what is
    /// granted.
    ///
    /// # Errors
    /// A [`AuthnError::Need`] for the body of a POST, and for keys; otherwise the refusal.
    pub(super) fn issue(&mut self) -> Result<LocalReply, AuthnError> {
        let (engine, head, facts) = (self.engine, self.head, self.facts);
        let now = facts.now.exact()?;
        let form = if head.method == b"POST" {
            Some(form(head, facts)?)
        } else {
            None
        };
        let passwords = engine.passwords();
        let asked = TokenRequest::read(head.path, &head.authorization, form, passwords)?;
        let (authenticated, credential) = match asked.credential {
            Credential::Password(password) => {
                let login = self.authenticate_password(&password, LoginPurpose::Token)?;
                // The token of the login service stands for the password from here on.
                let Some(LoginAnswer::Token(token)) = &facts.gathered.login else {
                    return Err(Reason::LoginUnavailable.into());
                };
                (Some(login), Credential::Token(token.as_bytes().into()))
            }
            credential => (self.identify(&credential)?, credential),
        };
        let caller = match &authenticated {
            // It could be renewed without end.
            Some(authenticated) if engine.is_minted(authenticated) => {
                return Err(Reason::UnknownIssuer.into());
            }
            Some(authenticated) => Caller::from(&**authenticated),
            None if engine
                .policy
                .as_ref()
                .is_some_and(Policy::opens_to_anonymous) =>
            {
                Caller::anonymous()
            }
            None => return Err(Reason::NoCredential.into()),
        };
        let not_after = authenticated
            .as_ref()
            .map(|authenticated| authenticated.expires);
        let soon = now.after(ANONYMOUS_LIFETIME);
        let request = RequestFacts::new(head, now);
        let authorizer = self.authorizer(&caller, &request);
        let may = |action, repository: &str| {
            authorizer
                .check(&Check {
                    action,
                    repository,
                    reference: "",
                })
                .is_ok()
        };
        let granted = Scope::granted(&asked.scopes, &may, authorizer.sees_all());
        let (token, expires) = match (&engine.mint, &credential) {
            (Some(mint), _) => {
                let source = mint.own.source;
                let unsigned = || missing(source, Missing::Keys, facts);
                let key = facts.keys.signing(source).ok_or_else(unsigned)?;
                let source = Source::of(
                    &credential,
                    not_after,
                    &head.connection,
                    engine.policy.as_ref(),
                )?;
                let subject = Subject::of(
                    &caller,
                    &granted,
                    source,
                    |not_after| mint.end(not_after, now),
                    now,
                );
                let token = mint.token(&subject, key, now);
                // Claims of the credential may make it too long: a token that would not be accepted
                // here is not issued.
                token_context::read(token.as_bytes())?;
                (token, subject.expires)
            }
            (None, Credential::Token(token)) => (
                String::from_utf8_lossy(token).into_owned(),
                not_after.unwrap_or(now),
            ),
            // Also for the holder of a certificate, which every request comes with.
            (None, Credential::Anonymous | Credential::Session(_) | Credential::Password(_)) => (
                ANONYMOUS.to_owned(),
                not_after.map_or(soon, |end| end.min(soon)),
            ),
        };
        let response = TokenResponse {
            token: &token,
            expires,
            granted: &granted,
            is_post: asked.is_post,
        };
        Ok(LocalReply::new(
            reply::TOKEN,
            caller.identity.username(),
            response.reply(now),
        ))
    }
}

impl Engine {
    /// Returns true for the caller with a token that this engine minted.
    fn is_minted(&self, authenticated: &Authenticated) -> bool {
        self.mint.as_ref().is_some_and(|mint| {
            authenticated
                .keys
                .is_some_and(|(source, _)| source == mint.own.source)
        })
    }
}

/// The body of a POST; where bodies cannot be read there is no POST.
fn form<'a>(head: &'a RequestHead<'_>, facts: &Facts<'a>) -> Result<Form<'a>, AuthnError> {
    match &facts.gathered.body {
        None => Err(AuthnError::Need(Need::Body)),
        Some(RequestBody::Whole(body)) => Ok(Form {
            media_types: &head.content_types,
            body,
        }),
        Some(RequestBody::TooLong) => Err(Reason::BodyTooLarge.into()),
        Some(RequestBody::Late) => Err(Reason::MalformedRequest.into()),
        Some(RequestBody::NotRead) => Err(Reason::MethodNotAllowed.into()),
    }
}
