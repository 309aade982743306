//! The request method.

use crate::reason::Reason;

/// The methods that registries know; names are case-sensitive (RFC 9110 section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// PUT
    Put,
    /// POST
    Post,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// Whatever else; no route has it.
    Other,
}

impl Method {
    /// The method of a token, exactly as it was sent.
    #[must_use]
    pub const fn from_bytes(method: &[u8]) -> Self {
        match method {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"PUT" => Self::Put,
            b"POST" => Self::Post,
            b"PATCH" => Self::Patch,
            b"DELETE" => Self::Delete,
            _ => Self::Other,
        }
    }

    /// `route` for GET and HEAD, otherwise a refusal.
    pub(super) fn read_or_405<T>(self, route: T) -> Result<T, Reason> {
        if matches!(self, Self::Get | Self::Head) {
            Ok(route)
        } else {
            Err(Reason::MethodNotAllowed)
        }
    }
}
