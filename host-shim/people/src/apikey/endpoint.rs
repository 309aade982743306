//! zot's API of keys: `/zot/auth/apikey`.

use registry_auth_engine::UnixTime;
use registry_auth_engine::login::CallerIdentity;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::keys::{ApiKeys, KeyError, Made};
use super::wanted::Wanted;
use crate::store::KeyDetails;

/// The path, which is exact (D42).
pub const PATH: &str = "/zot/auth/apikey";
/// The longest body, in bytes.
pub const MAX_BODY: usize = 8 * 1024;

const METHODS: &str = "GET, POST, DELETE, OPTIONS";

/// The API.
#[derive(Clone)]
pub struct Endpoint {
    /// The keys.
    pub keys: ApiKeys,
    /// What browsers on pages of others may read.
    pub cors: CorsRules,
}

/// Which pages of others may read answers (`http.allowOrigin`).
#[derive(Clone, Debug, Default)]
pub struct CorsRules {
    /// Those may, with cookies; without any, all may, without cookies.
    pub origins: Vec<String>,
}

/// A request, as far as it matters here.
pub struct KeyRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The query of the path.
    pub query: &'a str,
    /// `User-Agent`.
    pub user_agent: &'a str,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
    /// Who it is from.
    pub caller: Option<&'a CallerIdentity>,
    /// Whether it comes from a page of ours, where it comes from a browser.
    pub is_own: bool,
}

/// The answer.
pub struct KeyResponse {
    /// The status.
    pub status: u16,
    /// Fields of the head.
    pub fields: Vec<(&'static str, String)>,
    /// The body. It may hold a key.
    pub body: Zeroizing<String>,
    /// The id of what has ended by this request.
    pub ended: Option<String>,
}

impl Endpoint {
    /// Answers a request.
    pub async fn answer(&self, request: &KeyRequest<'_>, now: UnixTime) -> KeyResponse {
        let mut response = self.dispatch(request, now).await;
        response.fields.extend(self.cors.fields(request.origin));
        response
    }

    async fn dispatch(&self, request: &KeyRequest<'_>, now: UnixTime) -> KeyResponse {
        let changes = match request.method {
            "OPTIONS" => return KeyResponse::empty(204),
            "GET" => false,
            "POST" | "DELETE" => true,
            _ => return KeyResponse::empty(405).with("allow", METHODS),
        };
        let Some(caller) = request.caller else {
            return KeyResponse::empty(401);
        };
        if changes && !request.is_own {
            return problem(
                403,
                "the request does not come from a page of this registry",
            );
        }
        let done = match request.method {
            "GET" => self.list(caller, now).await,
            "POST" => self.make(caller, request, now).await,
            _ => self.delete(caller, request.query).await,
        };
        done.unwrap_or_else(|error| refused(&error))
    }

    async fn list(&self, caller: &CallerIdentity, now: UnixTime) -> Result<KeyResponse, KeyError> {
        let keys = self.keys.list(&caller.user, now).await?;
        let keys: Vec<Value> = keys.iter().map(shown).collect();
        Ok(KeyResponse::json(200, &json!({ "apiKeys": keys })))
    }

    async fn make(
        &self,
        caller: &CallerIdentity,
        request: &KeyRequest<'_>,
        now: UnixTime,
    ) -> Result<KeyResponse, KeyError> {
        if request.body.len() > MAX_BODY {
            return Ok(problem(413, "the body must have at most 8 KiB"));
        }
        let wanted = Wanted {
            user_agent: request.user_agent.to_owned(),
            ..Wanted::parse(request.body)?
        };
        let Made {
            secret,
            details,
            warning,
        } = self.keys.make(caller, &wanted, now).await?;
        let mut body = shown(&details);
        if let Some(members) = body.as_object_mut() {
            let key = String::from_utf8_lossy(secret.expose());
            members.insert("apiKey".to_owned(), key.into());
            if let Some(warning) = warning {
                members.insert("warning".to_owned(), warning.into());
            }
        }
        Ok(KeyResponse::json(201, &body))
    }

    async fn delete(&self, caller: &CallerIdentity, query: &str) -> Result<KeyResponse, KeyError> {
        let mut ids = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "id");
        let (Some((_, id)), None) = (ids.next(), ids.next()) else {
            return Ok(problem(400, "the query must have one `id`, that of a key"));
        };
        let ended = self.keys.delete(caller, &id).await?;
        Ok(KeyResponse {
            ended,
            ..KeyResponse::empty(200)
        })
    }
}

impl CorsRules {
    pub(super) fn fields(&self, origin: Option<&str>) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("access-control-allow-methods", METHODS.to_owned()),
            (
                "access-control-allow-headers",
                "Authorization,content-type,X-ZOT-API-CLIENT".to_owned(),
            ),
        ];
        if self.origins.is_empty() {
            fields.push(("access-control-allow-origin", "*".to_owned()));
            return fields;
        }
        fields.push(("vary", "origin".to_owned()));
        let origin = origin.filter(|origin| self.origins.iter().any(|one| one == origin));
        if let Some(origin) = origin {
            fields.push(("access-control-allow-origin", origin.to_owned()));
            fields.push(("access-control-allow-credentials", "true".to_owned()));
        }
        fields
    }
}

impl KeyResponse {
    fn empty(status: u16) -> Self {
        Self {
            status,
            fields: vec![("cache-control", "no-store".to_owned())],
            body: Zeroizing::new(String::new()),
            ended: None,
        }
    }

    fn json(status: u16, body: &Value) -> Self {
        Self {
            body: Zeroizing::new(body.to_string()),
            ..Self::empty(status)
        }
        .with("content-type", "application/json")
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.fields.push((name, value.to_owned()));
        self
    }
}

fn refused(error: &KeyError) -> KeyResponse {
    let status = match error {
        KeyError::NotByThis => 403,
        KeyError::Invalid(_) => 400,
        KeyError::TooMany => 409,
        KeyError::Store(_) | KeyError::NoRandomBytes(_) => {
            tracing::warn!(%error, "an API key is not made, listed or deleted");
            return problem(503, "the store of API keys does not answer").with("retry-after", "5");
        }
    };
    problem(status, &error.to_string())
}

fn problem(status: u16, message: &str) -> KeyResponse {
    KeyResponse::json(status, &json!({ "error": message }))
}

fn shown(details: &KeyDetails) -> Value {
    serde_json::to_value(details).unwrap_or_default()
}
