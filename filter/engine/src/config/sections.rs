//! The names that a configuration may use at its root and under `http`, and where sections belong.

/// What zot has at the root besides `http` and `log` (`Config` of zot v2.1.20, as its loader reads
/// it).
pub(super) const ZOT_ROOT: &[&str] = &[
    "distSpecVersion",
    "storage",
    "extensions",
    "scheduler",
    "cluster",
    "goVersion",
    "commit",
    "releaseTag",
    "binaryType",
];

/// What zot has under `http` besides `auth`, `accessControl` and `realm` (`HTTPConfig`);
/// `allowReadAccess` is that of zot 0.x.
pub(super) const ZOT_HTTP: &[&str] = &[
    "address",
    "port",
    "externalUrl",
    "tls",
    "allowOrigin",
    "readTimeout",
    "writeTimeout",
    "ratelimit",
    "compat",
    "allowReadAccess",
];

/// What zot has under `http.auth` for people, which the native program completes to
/// `http.auth.login`.
pub(super) const ZOT_AUTH: &[&str] = &[
    "htpasswd",
    "ldap",
    "openid",
    "apiKey",
    "sessionKeysFile",
    "sessionDriver",
    "secureSession",
];

/// What zot has under `log` besides `level`.
pub(super) const ZOT_LOG: &[&str] = &["output", "audit"];

/// Names that are valid in one place only, each with its path. A policy at the wrong place would
/// restrict nothing, so the error says where it belongs.
pub(super) const PLACES: &[(&str, &str)] = &[
    ("http", "http"),
    ("proxy", "proxy"),
    ("log", "log"),
    ("intake", "intake"),
    ("auth", "http.auth"),
    ("accessControl", "http.accessControl"),
    ("failDelay", "http.auth.failDelay"),
    ("mtls", "http.auth.mtls"),
    ("identityAttributes", "http.auth.mtls.identityAttributes"),
    ("bindTokens", "http.auth.mtls.bindTokens"),
    ("login", "http.auth.login"),
    ("bearer", "http.auth.bearer"),
    ("oidc", "http.auth.bearer.oidc"),
    ("mint", "http.auth.bearer.mint"),
    (
        "bypassAccessControl",
        "http.auth.bearer.bypassAccessControl",
    ),
    ("claimMapping", "http.auth.bearer.oidc[].claimMapping"),
    (
        "validations",
        "http.auth.bearer.oidc[].claimMapping.validations",
    ),
    ("repositories", "http.accessControl.repositories"),
    ("adminPolicy", "http.accessControl.adminPolicy"),
    ("policies", "http.accessControl.repositories[].policies"),
    (
        "defaultPolicy",
        "http.accessControl.repositories[].defaultPolicy",
    ),
    (
        "anonymousPolicy",
        "http.accessControl.repositories[].anonymousPolicy",
    ),
    (
        "conditions",
        "http.accessControl.repositories[].policies[].conditions",
    ),
    ("upstream", "proxy.upstream"),
    ("upstreamCluster", "proxy.upstreamCluster"),
    ("upstreamHost", "proxy.upstreamHost"),
    ("oidcCluster", "proxy.oidcCluster"),
    ("upstreamAuthorization", "proxy.upstreamAuthorization"),
    ("forwardAuthorization", "proxy.forwardAuthorization"),
    ("identityHeader", "proxy.identityHeader"),
    ("refuseIdentityHeader", "proxy.refuseIdentityHeader"),
    ("clientAddress", "proxy.clientAddress"),
    ("mounts", "proxy.mounts"),
    ("publicPaths", "proxy.publicPaths"),
    ("readRequestBodies", "proxy.readRequestBodies"),
    ("decisions", "log.decisions"),
    ("shadow", "shadow"),
];

/// Returns true if some section has the name and this filter does not read it.
#[cfg(test)]
pub(crate) fn is_ignored(name: &str) -> bool {
    [ZOT_ROOT, ZOT_HTTP, ZOT_AUTH, ZOT_LOG]
        .iter()
        .any(|names| names.contains(&name))
}
