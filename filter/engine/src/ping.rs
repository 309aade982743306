//! `GET /v2/`, by which clients find out whether a registry exists and accepts their credential
//! (OCI distribution spec, "Endpoints").

use crate::reply::{PING, Reply};

/// When the filter replies in place of the registry.
///
/// A registry that wants a credential of its own would refuse the one that is forwarded without it:
/// nothing but an identity is asked for here, so the credential of `proxy.upstreamAuthorization`
/// does not go along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PingMode {
    /// Never: the request is forwarded.
    #[default]
    Forwarded,
    /// When the client has no credential that could be forwarded.
    WithoutCredential,
    /// Always.
    Own,
}

impl PingMode {
    pub(crate) const fn new(has_credential: bool, forwards_authorization: bool) -> Self {
        match (has_credential, forwards_authorization) {
            (false, _) => Self::Forwarded,
            (true, true) => Self::WithoutCredential,
            (true, false) => Self::Own,
        }
    }

    /// Returns true if the filter answers a request with this `Authorization`.
    pub(crate) const fn is_own(self, authorization: &[&[u8]]) -> bool {
        match self {
            Self::Forwarded => false,
            Self::WithoutCredential => authorization.is_empty(),
            Self::Own => true,
        }
    }
}

/// The reply of an existing registry.
pub(crate) fn reply() -> Reply {
    let headers = vec![("content-type", "application/json".to_owned())];
    Reply {
        status: 200,
        headers,
        body: b"{}".to_vec(),
        label: PING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_answers_where_no_credential_would_go_along() {
        let sent: &[&[u8]] = &[b"Bearer x"];
        let rows = [
            (false, false, false, false),
            (false, true, false, false),
            (true, false, true, true),
            (true, true, false, true),
        ];
        for (has_credential, forwards, with, without) in rows {
            let ping = PingMode::new(has_credential, forwards);
            assert_eq!(
                (ping.is_own(sent), ping.is_own(&[])),
                (with, without),
                "{ping:?}"
            );
        }
    }
}
