//! Where a request comes from.

use registry_auth_engine::authz::address;
use registry_auth_engine::fields::Fields;

use crate::{attribute, host};

/// Returns the address of the client of the effective context's request, without port: what the
/// proxy added to `x-forwarded-for` where it says that it does, else the other end of the
/// connection.
pub(crate) fn read(headers: &Fields, proxy_sets_address: bool) -> Option<String> {
    if let Some(client) = forwarded_for(headers).filter(|_| proxy_sets_address) {
        return Some(client);
    }
    let peer = host::property(attribute::SOURCE_ADDRESS).ok()?;
    let peer = String::from_utf8(peer).ok()?;
    let host = address(&peer);
    (!host.is_empty()).then(|| host.to_owned())
}

/// The last address in `x-forwarded-for`, which the proxy before this filter added.
fn forwarded_for(headers: &Fields) -> Option<String> {
    let last = headers.all("x-forwarded-for").last()?;
    let last = last.rsplit(|byte| *byte == b',').next()?.trim_ascii();
    let last = std::str::from_utf8(last).ok()?;
    (!last.is_empty()).then(|| last.to_owned())
}
