//! Who asks for a page or the API of the login service, as the filter knows it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::claim;
use crate::keys::envelope::exchange::{ExchangeError, check_clock, text_of, time_of, verify};
use crate::keys::envelope::jws::sign;
use crate::keys::envelope::{Purpose, PushKey, VERSION};
use crate::time::UnixTime;

/// The longest text of a caller that is read, in bytes: proxies allow 60 KiB for all fields of a
/// head.
pub const MAX_CALLER: usize = 48 * 1024;

/// How old it may be: a request goes from the filter to the service at once.
const MAX_AGE: Duration = Duration::from_mins(1);

const TYPE: &str = "registry-auth-caller+jws";

/// The caller of one request, as the value of the header
/// [`CALLER_HEADER`](super::CALLER_HEADER): a compact JWS with HS256.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// When it was made, in whole seconds.
    pub at: UnixTime,
    /// `:method` of the request.
    pub method: String,
    /// The raw `:path` of the request.
    pub path: String,
    /// The address of the client, without port, if the proxy knows it.
    pub client: Option<String>,
    /// Who it is; `None` for the anonymous caller.
    pub identity: Option<CallerIdentity>,
}

/// A caller who is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The user name.
    pub user: String,
    /// The groups, without those of the configuration.
    pub groups: Vec<String>,
    /// How the user logged in; `["token"]` for tokens of other issuers, `["certificate"]`.
    pub methods: Vec<String>,
    /// The id of the login.
    pub id: Option<String>,
    /// The ids of the logins that it was made with.
    pub parents: Vec<String>,
    /// When it ends.
    pub expires: Option<UnixTime>,
}

impl Caller {
    /// The value of the header.
    #[must_use]
    pub fn sign(&self, key: &PushKey) -> String {
        let mut payload = json!({
            "v": VERSION,
            "at": self.at.secs(),
            "method": self.method,
            "path": self.path,
        });
        if let Some(members) = payload.as_object_mut() {
            if let Some(client) = &self.client {
                members.insert("client".to_owned(), client.as_str().into());
            }
            if let Some(identity) = &self.identity {
                identity.write(members);
            }
        }
        sign(TYPE, &payload, key, Purpose::Caller)
    }

    /// Reads the value of the header that came with a request.
    ///
    /// # Errors
    /// Not made with this push key for this method and path, or more than a minute from now.
    pub fn verify(
        text: &[u8],
        method: &str,
        path: &str,
        key: &PushKey,
        now: UnixTime,
    ) -> Result<Self, ExchangeError> {
        let payload = verify(text, key, Purpose::Caller, TYPE, MAX_CALLER)?;
        let caller = Self {
            at: time_of(&payload, "at")?,
            method: text_of(&payload, "method")?.to_owned(),
            path: text_of(&payload, "path")?.to_owned(),
            client: optional(&payload, "client")?,
            identity: CallerIdentity::read(&payload)?,
        };
        if caller.method != method || caller.path != path {
            return Err(ExchangeError::Unproven);
        }
        check_clock(caller.at, now, MAX_AGE)?;
        Ok(caller)
    }
}

impl CallerIdentity {
    fn write(&self, members: &mut Map<String, Value>) {
        let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
        add("user", self.user.as_str().into());
        add(claim::GROUPS, self.groups.as_slice().into());
        add(claim::METHODS, self.methods.as_slice().into());
        add(claim::PARENTS, self.parents.as_slice().into());
        if let Some(id) = &self.id {
            add(claim::ID, id.as_str().into());
        }
        if let Some(expires) = self.expires {
            add("exp", expires.secs().into());
        }
    }

    fn read(payload: &Map<String, Value>) -> Result<Option<Self>, ExchangeError> {
        let Some(user) = optional(payload, "user")? else {
            return Ok(None);
        };
        let expires = payload.get("exp").map(|_| time_of(payload, "exp"));
        Ok(Some(Self {
            user,
            groups: texts(payload, claim::GROUPS)?,
            methods: texts(payload, claim::METHODS)?,
            id: optional(payload, claim::ID)?,
            parents: texts(payload, claim::PARENTS)?,
            expires: expires.transpose()?,
        }))
    }
}

fn optional(payload: &Map<String, Value>, name: &str) -> Result<Option<String>, ExchangeError> {
    let text = payload.get(name).map(|_| text_of(payload, name));
    Ok(text.transpose()?.map(str::to_owned))
}

fn texts(payload: &Map<String, Value>, name: &str) -> Result<Vec<String>, ExchangeError> {
    let list = payload.get(name).and_then(Value::as_array);
    let list = list.ok_or(ExchangeError::Unproven)?.iter();
    list.map(|text| text.as_str().map(str::to_owned))
        .collect::<Option<_>>()
        .ok_or(ExchangeError::Unproven)
}
