//! What the pages need: passwords, sessions and keys.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use registry_auth_engine::UnixTime;
use registry_auth_engine::login::CallerIdentity;

use super::methods::clock;
use super::{LoginService, audit};
use crate::apikey::{ApiKeys, KeyError, Wanted, read_time};
use crate::ended::{EndError, EndedLogins};
use crate::login::Login;
use crate::pages::{KeyDetails, KeyRefused, MadeKey, NewKey, NotEnded, PagesApi};
use crate::person::{LoginError, Person, Unavailable};
use crate::secret::Secret;
use crate::session::LiveSessions;
use crate::social::http::Answer;
use crate::store::{LoginRecord, Store, StoreError};
use crate::token::{Audience, longest};

/// How long after its end an id has to be known: the longest token of a key, and as much again for
/// clocks that differ.
const KEY_LIFE: Duration = Duration::from_mins(15);

/// The service, for the pages.
pub(super) struct PageApi {
    pub(super) login: Arc<Login>,
    pub(super) keys: Option<ApiKeys>,
    pub(super) ended: Arc<EndedLogins>,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) sessions: Arc<LiveSessions>,
}

impl LoginService {
    /// Ends what an API key has made.
    pub(super) async fn end_key(
        &self,
        user: &str,
        id: String,
        now: UnixTime,
    ) -> Result<(), EndError> {
        end_key(&self.ended, user, id, now).await
    }
}

async fn end_key(
    ended: &EndedLogins,
    user: &str,
    id: String,
    now: UnixTime,
) -> Result<(), EndError> {
    let life = KEY_LIFE.max(longest(Audience::Token));
    ended.end_of(user, id, now.after(life), now).await
}

impl PagesApi for PageApi {
    fn password<'a>(
        &'a self,
        user: &'a str,
        password: Secret,
        client: Option<&'a str>,
    ) -> Answer<'a, Result<Person, LoginError>> {
        Box::pin(async move {
            let address: Option<IpAddr> = client.and_then(|client| client.parse().ok());
            let result = if crate::apikey::is_key_text(password.expose()) {
                // A key begins no session: none outlives it.
                Err(LoginError::WrongPassword)
            } else {
                self.login.authenticate(user, password, address).await
            };
            audit::login(user, &result, client, "session");
            result
        })
    }

    fn is_local(&self, user: &str) -> bool {
        self.login.is_reserved(user)
    }

    fn logged_in<'a>(&'a self, person: &'a Person) -> Answer<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            audit::login(&person.user, &Ok(person.clone()), None, "session");
            let Some(store) = &self.store else {
                return Ok(());
            };
            let login = LoginRecord {
                method: person.method.to_string(),
                user: person.user.clone(),
                groups: person.groups.clone(),
                at: clock().secs(),
            };
            store
                .put_login(login)
                .await
                .map_err(|error| missing(&error))
        })
    }

    fn end<'a>(
        &'a self,
        user: &'a str,
        id: &'a str,
        until: UnixTime,
    ) -> Answer<'a, Result<(), NotEnded>> {
        Box::pin(async move {
            let ended = self.ended.end_of(user, id.to_owned(), until, clock()).await;
            ended.map_err(not_ended)?;
            self.sessions.end(id);
            Ok(())
        })
    }

    fn keys<'a>(&'a self, user: &'a str) -> Answer<'a, Result<Vec<KeyDetails>, Unavailable>> {
        Box::pin(async move {
            let Some(keys) = &self.keys else {
                return Ok(Vec::new());
            };
            let listed = keys.list(user, clock()).await;
            let listed = listed.map_err(|error| missing(&error))?;
            Ok(listed.iter().map(shown).collect())
        })
    }

    fn make_key<'a>(
        &'a self,
        owner: &'a CallerIdentity,
        key: NewKey,
    ) -> Answer<'a, Result<MadeKey, KeyRefused>> {
        Box::pin(async move {
            let keys = self.keys.as_ref().ok_or(KeyRefused::NotByThis)?;
            let wanted = Wanted {
                label: key.label,
                scopes: key.scopes,
                expires: key.expires,
                user_agent: key.user_agent,
            };
            let made = keys.make(owner, &wanted, clock()).await.map_err(refused)?;
            Ok(MadeKey {
                details: shown(&made.details),
                secret: made.secret,
                warning: made.warning,
            })
        })
    }

    fn delete_key<'a>(
        &'a self,
        owner: &'a CallerIdentity,
        id: &'a str,
    ) -> Answer<'a, Result<(), KeyRefused>> {
        Box::pin(async move {
            let keys = self.keys.as_ref().ok_or(KeyRefused::NotByThis)?;
            let room = self.ended.check(&owner.user, clock());
            room.map_err(|error| KeyRefused::from(NotEnded::from(error)))?;
            if let Some(id) = keys.delete(owner, id).await.map_err(refused)? {
                let ended = end_key(&self.ended, &owner.user, id, clock()).await;
                ended.map_err(not_ended)?;
            }
            Ok(())
        })
    }
}

fn shown(details: &crate::store::KeyDetails) -> KeyDetails {
    KeyDetails {
        id: details.uuid.clone(),
        label: details.label.clone(),
        scopes: details.scopes.clone(),
        created: read_time(&details.created_at).flatten().unwrap_or_default(),
        last_used: read_time(&details.last_used).flatten(),
        expires: read_time(&details.expiration_date).flatten(),
        is_expired: details.is_expired,
    }
}

fn refused(error: KeyError) -> KeyRefused {
    match error {
        KeyError::NotByThis => KeyRefused::NotByThis,
        KeyError::Invalid(error) => KeyRefused::Invalid(error.0),
        KeyError::TooMany => KeyRefused::Invalid(KeyError::TooMany.to_string()),
        KeyError::Store(error) => KeyRefused::Unavailable(missing(&error)),
        KeyError::NoRandomBytes(_) => KeyRefused::Unavailable(Unavailable::Busy),
    }
}

fn not_ended(error: EndError) -> NotEnded {
    match error {
        EndError::TooMany(error) => error.into(),
        EndError::Store(error) => missing(&error).into(),
    }
}

fn missing(error: &StoreError) -> Unavailable {
    tracing::warn!(%error, "the store of logins does not answer");
    Unavailable::Store
}
