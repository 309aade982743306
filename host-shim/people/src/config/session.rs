//! API keys and sessions: `http.auth.{apiKey, apiKeyMaxAge, sessionKeysFile, sessionDriver,
//! secureSession, sessionMaxAge}`.

use std::path::PathBuf;
use std::time::Duration;

use registry_auth_engine::config::duration;

use super::reader::Object;
use crate::secret::Secret;

/// What zot's keys in Redis begin with.
const KEY_PREFIX: &str = "zotsession";

/// People may make API keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeys {
    /// The longest life of a key, whatever its maker asks for (`apiKeyMaxAge`, D41).
    pub max_age: Option<Duration>,
}

/// Sessions of browsers.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// The file with the keys that all replicas share.
    pub keys_file: Option<PathBuf>,
    /// Where sessions are kept.
    pub driver: Driver,
    /// Cookies are for TLS only, although the connection has none here.
    pub secure: Option<bool>,
    /// How long after a social login its API keys are valid without another login (`sessionMaxAge`,
    /// D28).
    pub max_age: Option<Duration>,
}

/// Where sessions and keys are kept.
#[derive(Clone, Debug, Default)]
pub enum Driver {
    /// In a file of this process.
    #[default]
    Local,
    /// In Redis or Valkey, for several replicas.
    Redis {
        /// The URL; it may hold a password.
        url: Secret,
        /// What the names of all keys begin with.
        key_prefix: String,
    },
}

/// Reads `apiKey` and `apiKeyMaxAge` of `http.auth`; OpenID turns keys on, as in zot.
pub(super) fn api_keys(auth: &mut Object<'_>, has_openid: bool) -> Option<ApiKeys> {
    let max_age = age(auth, "apiKeyMaxAge");
    let wanted = auth.flag("apiKey");
    if has_openid && wanted == Some(false) {
        auth.warn(
            "apiKey",
            "has no effect, as in zot: `openid` turns API keys on",
        );
    }
    (wanted == Some(true) || has_openid).then_some(ApiKeys { max_age })
}

/// Reads the session keys of `http.auth`.
pub(super) fn sessions(auth: &mut Object<'_>) -> Sessions {
    Sessions {
        keys_file: auth.text("sessionKeysFile").map(PathBuf::from),
        driver: auth.object("sessionDriver", driver).unwrap_or_default(),
        secure: auth.flag("secureSession"),
        max_age: age(auth, "sessionMaxAge"),
    }
}

fn driver(object: &mut Object<'_>) -> Driver {
    let name = object.text("name");
    let url = object.text("url");
    let key_prefix = object.text("keyprefix");
    match name.as_deref() {
        None | Some("local") => {
            for (name, given) in [("url", url.is_some()), ("keyprefix", key_prefix.is_some())] {
                if given {
                    object.error(
                        name,
                        "is for `name` = `redis` only: set that, or remove the key",
                    );
                }
            }
            Driver::Local
        }
        Some("redis") => Driver::Redis {
            url: redis_url(object, url),
            key_prefix: key_prefix.unwrap_or_else(|| KEY_PREFIX.to_owned()),
        },
        Some(_) => {
            object.error("name", "must be `local` or `redis`");
            Driver::Local
        }
    }
}

/// The URL is not repeated in messages: it may hold a password.
fn redis_url(object: &mut Object<'_>, url: Option<String>) -> Secret {
    let is_one = |url: &str| {
        ["redis://", "rediss://", "redis+unix://", "unix://"]
            .iter()
            .any(|scheme| url.len() > scheme.len() && url.starts_with(scheme))
    };
    let url = url.unwrap_or_default();
    if url.is_empty() {
        object.error("url", "must be given, such as `redis://localhost:6379`; other options of Redis are written into it: `rediss://user:password@host:6379/0`");
    } else if !is_one(&url) {
        object.error(
            "url",
            "must begin with `redis://`, `rediss://` (TLS) or `unix://`",
        );
    }
    Secret::new(url.into_bytes())
}

fn age(auth: &mut Object<'_>, name: &'static str) -> Option<Duration> {
    let text = auth.text(name)?;
    let age = duration::parse(&text).filter(|age| !age.is_zero());
    if age.is_none() {
        auth.error(name, "must be a duration, such as `12h` or `720h`");
    }
    age
}
