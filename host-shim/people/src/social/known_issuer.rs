//! What is known of an `OpenID` provider: its document and its keys, fetched when they are needed.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Response, StatusCode};
use registry_auth_engine::UnixTime;
use registry_auth_engine::keys::KeySet;
use registry_auth_engine::keys::discovery::WELL_KNOWN;
use registry_auth_engine::keys::fetch::{KeyFetch, KeyRequest, ResponseHead, Step};
use tokio::sync::Mutex;

use super::error::{Reason, SocialError};
use super::http::{self, HttpClient};
use super::metadata::Metadata;
use super::provider::OpenId;

/// How long a discovery document is used.
const DOCUMENT_LIFETIME: Duration = Duration::from_hours(1);
/// How soon keys are fetched again for a key id that is not held.
const KEY_PAUSE: Duration = Duration::from_secs(5);

/// What is held. One fetch at a time: the others wait for it.
#[derive(Default)]
pub(super) struct KnownIssuer {
    document: Mutex<Option<Document>>,
    keys: Mutex<Option<Keys>>,
}

struct Document {
    metadata: Arc<Metadata>,
    until: UnixTime,
}

struct Keys {
    set: Arc<KeySet>,
    fetched: UnixTime,
    until: UnixTime,
}

impl KnownIssuer {
    /// Returns the document.
    ///
    /// # Errors
    /// The provider does not answer, or its document cannot be used.
    pub(super) async fn metadata(
        &self,
        provider: &OpenId,
        client: &dyn HttpClient,
        now: UnixTime,
    ) -> Result<Arc<Metadata>, SocialError> {
        const WHAT: &str = "the discovery document";
        let mut held = self.document.lock().await;
        if let Some(document) = held.as_ref().filter(|document| now < document.until) {
            return Ok(Arc::clone(&document.metadata));
        }
        let request = http::get(&provider.url.join(WELL_KNOWN), None)?;
        let response = http::send(client, WHAT, request).await?;
        if response.status() != StatusCode::OK {
            return Err(http::status_error(Reason::ProviderAnswer, WHAT, &response));
        }
        let metadata = Arc::new(Metadata::parse(response.body(), &provider.issuer)?);
        *held = Some(Document {
            metadata: Arc::clone(&metadata),
            until: now.after(DOCUMENT_LIFETIME),
        });
        Ok(metadata)
    }

    /// Returns the keys. `unknown` are keys that lack the id of a token: others are fetched, unless
    /// that was done a moment ago.
    ///
    /// # Errors
    /// The provider does not answer, or has no usable keys.
    pub(super) async fn keys(
        &self,
        metadata: &Metadata,
        unknown: Option<&Arc<KeySet>>,
        client: &dyn HttpClient,
        now: UnixTime,
    ) -> Result<Arc<KeySet>, SocialError> {
        let mut held = self.keys.lock().await;
        if let Some(keys) = held.as_ref().filter(|keys| now < keys.until) {
            let is_new = unknown.is_none_or(|unknown| !Arc::ptr_eq(unknown, &keys.set));
            if is_new || now < keys.fetched.after(KEY_PAUSE) {
                return Ok(Arc::clone(&keys.set));
            }
        }
        let keys = fetch(metadata, client, now).await?;
        let set = Arc::clone(&keys.set);
        *held = Some(keys);
        Ok(set)
    }
}

async fn fetch(
    metadata: &Metadata,
    client: &dyn HttpClient,
    now: UnixTime,
) -> Result<Keys, SocialError> {
    let url = metadata.discovery.jwks_uri.clone();
    let request = http::get(&url, None)?;
    let response = http::send(client, "the keys", request).await?;
    let unusable = |error| Reason::ProviderAnswer.because(error);
    // The issuer matters for a discovery document only, which this fetch does not begin with.
    let fetch = KeyFetch::new("", &KeyRequest::keys(url));
    let step = fetch
        .head(&head(&response))
        .and_then(|answer| answer.body(response.body()))
        .map_err(unusable)?;
    match step {
        Step::Done(fetched) => Ok(Keys {
            set: Arc::new(fetched.keys),
            fetched: now,
            until: now.after(fetched.refresh_after),
        }),
        Step::Next(_) => Err(Reason::ProviderAnswer.because("the keys are no JWKS")),
    }
}

fn head(response: &Response<Bytes>) -> ResponseHead<'_> {
    ResponseHead {
        status: Some(response.status().as_u16()),
        length: response.body().len(),
        cache_control: response
            .headers()
            .get(CACHE_CONTROL)
            .map(HeaderValue::as_bytes),
    }
}
