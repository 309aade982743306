//! Requests to an issuer over HTTP, and how their responses are read.

use std::sync::Arc;
use std::time::Duration;

use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_engine::keys::discovery::Discovery;
use registry_auth_engine::keys::source::Callout;
use registry_auth_engine::keys::{KeySet, MAX_TEXT, Skipped};
use registry_auth_engine::url::HttpUrl;

use crate::host::{self, HostError};

/// How long one response may take.
const TIMEOUT: Duration = Duration::from_millis(2_500);

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// The discovery document.
    Discovery,
    /// The keys; with the algorithms that discovery announced.
    Keys(Option<Arc<[Algorithm]>>),
}

/// What follows from a response.
pub(crate) enum Step {
    /// Ask for the keys next.
    Next(HttpUrl, Stage),
    /// Keys.
    Done(FetchedJwks),
}

/// Keys that an issuer gave.
pub(crate) struct FetchedJwks {
    /// The keys.
    pub(crate) set: KeySet,
    /// The algorithms that the issuer announced.
    pub(crate) algorithms: Option<Arc<[Algorithm]>>,
    /// `Cache-Control` of the response.
    pub(crate) cache_control: Option<Vec<u8>>,
    /// What was left out of the set.
    pub(crate) skipped: Vec<Skipped>,
}

/// Starts with discovery, or with the keys if their place is configured.
pub(crate) fn start(callout: &Callout) -> Result<(u32, Stage), HostError> {
    match (&callout.jwks_uri, &callout.discovery) {
        (Some(url), _) => Ok((get(&callout.jwks_cluster, url)?, Stage::Keys(None))),
        (None, Some(url)) => Ok((get(&callout.cluster, url)?, Stage::Discovery)),
        (None, None) => Err(HostError("http_call")),
    }
}

/// Asks for the keys whose place discovery gave; only through the configured cluster, wherever the
/// document points.
pub(crate) fn next(callout: &Callout, url: &HttpUrl) -> Result<u32, HostError> {
    get(&callout.jwks_cluster, url)
}

/// Reads the response to the effective context's callout. The error is for the log: it names what
/// was wrong, never content.
pub(crate) fn read(callout: &Callout, stage: Stage, body_size: usize) -> Result<Step, String> {
    let headers =
        host::callout_headers().map_err(|HostError(call)| format!("the host failed in {call}"))?;
    match headers.first(":status") {
        Some(b"200") => {}
        Some(status) => {
            return Err(format!(
                "fetched with status {}",
                String::from_utf8_lossy(status)
            ));
        }
        None => return Err("did not answer in time, or cannot be reached".to_owned()),
    }
    if body_size > MAX_TEXT {
        return Err(format!("fetched with more than {MAX_TEXT} bytes"));
    }
    let body = host::callout_body(MAX_TEXT)
        .map_err(|HostError(call)| format!("the host failed in {call}"))?;
    match stage {
        Stage::Discovery => {
            let document =
                Discovery::parse(&body, &callout.issuer).map_err(|error| error.to_string())?;
            Ok(Step::Next(
                document.jwks_uri,
                Stage::Keys(Some(document.algorithms.into())),
            ))
        }
        Stage::Keys(algorithms) => {
            let loaded = KeySet::from_jwks(&body).map_err(|error| error.to_string())?;
            let cache_control = headers.first("cache-control").map(<[u8]>::to_vec);
            Ok(Step::Done(FetchedJwks {
                set: loaded.keys,
                algorithms,
                cache_control,
                skipped: loaded.skipped,
            }))
        }
    }
}

fn get(cluster: &str, url: &HttpUrl) -> Result<u32, HostError> {
    let headers = [
        (":method", "GET"),
        (":scheme", url.scheme()),
        (":authority", url.authority()),
        (":path", url.target()),
        ("accept", "application/json, application/jwk-set+json"),
        ("user-agent", "registry-auth"),
    ];
    host::call(cluster, &headers, TIMEOUT)
}
