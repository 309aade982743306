//! What a request to the intake asks for.

use percent_encoding::percent_decode;
use registry_auth_engine::fields::Fields;
use registry_auth_engine::keys::envelope::MAX_NAME;
use registry_auth_engine::keys::envelope::pieces::{self, PiecesError};
use registry_auth_engine::reply::Reply;

use super::problem::{HOST_FAILED, problem};
use crate::host;

const PREFIX: &[u8] = b"/keys/v2/";
/// Where version 1 of the protocol was spoken.
const FORMER_PREFIX: &[u8] = b"/v1/keys/";

const FORMER: &str = "version 1 of the push protocol is not spoken here, only version 2: update `registry-auth serve`";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Put,
    Other,
}

/// What the head of a request asks for.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) set: String,
    headers: Fields,
}

impl Route {
    /// Reads the head of the effective context's request.
    ///
    /// # Errors
    /// The reply to a request that is not for the intake.
    pub(super) fn read() -> Result<Self, Reply> {
        let unknown = || problem(404, "only /keys/v2/SET");
        let headers = host::request_headers().map_err(|_| problem(503, HOST_FAILED))?;
        let path = headers.first(":path").ok_or_else(unknown)?;
        if path.starts_with(FORMER_PREFIX) {
            return Err(problem(501, FORMER));
        }
        let path = path
            .strip_prefix(PREFIX)
            .filter(|path| !path.contains(&b'?'))
            .ok_or_else(unknown)?;
        let set = percent_decode(path)
            .decode_utf8()
            .map_err(|_| unknown())?
            .into_owned();
        if set.is_empty() || set.len() > MAX_NAME {
            return Err(unknown());
        }
        let method = match headers.first(":method") {
            Some(b"GET") => Method::Get,
            Some(b"PUT") => Method::Put,
            _ => Method::Other,
        };
        Ok(Self {
            method,
            set,
            headers,
        })
    }

    /// The credential of the scheme `Bearer`.
    pub(super) fn credential(&self) -> Option<&[u8]> {
        self.headers
            .first("authorization")?
            .strip_prefix(b"Bearer ")
    }

    /// The envelope in the header fields, if there is one.
    ///
    /// # Errors
    /// See [`pieces::join`].
    pub(super) fn envelope(&self) -> Result<Option<Vec<u8>>, PiecesError> {
        pieces::join(self.headers.all(pieces::FIELD))
    }
}
