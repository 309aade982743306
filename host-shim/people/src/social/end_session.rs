//! Where a browser ends its session at the provider (`OpenID` Connect RP-Initiated Logout 1.0).

use std::collections::BTreeMap;

use registry_auth_engine::url::HttpUrl;

/// Returns the URL, with its parameters in the order of their names; `None` where the provider has
/// no such endpoint, or names one that no browser should be sent to.
#[must_use]
pub fn url(endpoint: Option<&str>, client_id: &str, after_logout: &str) -> Option<String> {
    let endpoint = HttpUrl::parse(endpoint?).ok()?.to_string();
    let (base, query) = endpoint.split_once('?').unwrap_or((&endpoint, ""));
    let mut parameters: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
    parameters.insert("client_id".into(), client_id.into());
    parameters.insert("post_logout_redirect_uri".into(), after_logout.into());
    let mut serializer = form_urlencoded::Serializer::new(String::new());
    serializer.extend_pairs(parameters);
    Some(format!("{base}?{}", serializer.finish()))
}
