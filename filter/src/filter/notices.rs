//! What the proxy does not tell, noticed at a request and logged once.

use log::warn;

use super::Filter;
use crate::head::Head;

/// Logged once, at the first request that shows it.
const NO_ADDRESS: &str = "a request came without x-forwarded-for, so the proxy does not set the client's address and conditions on `req.client` grant nothing: in Envoy, set `use_remote_address: true` and leave `skip_xff_append` off";

/// Logged once, at the first request that shows it, behind what is configured.
const NO_CERTIFICATE: &str = "needs the whole client certificate, which the host does not hand to the filter: every request with one and without a token is refused; Envoy does from 1.38 on";

impl Filter {
    /// The address of the client, which conditions read.
    pub(super) fn check_address(&self, head: &Head) {
        if self.engine.reads_client_address()
            && head.fields().first("x-forwarded-for").is_none()
            && !self.warned_of_address.replace(true)
        {
            warn!("{NO_ADDRESS}");
        }
    }

    /// The whole certificate, which the configuration needs.
    pub(super) fn check_certificate(&self, head: &Head) {
        if head.lacks_certificate() && !self.warned_of_certificate.replace(true) {
            let what = self.engine.needs_certificate().unwrap_or("`mtls`");
            warn!("{what} {NO_CERTIFICATE}");
        }
    }
}
