//! The pages and the API of the login service, which the proxy sends there and not to the registry.

/// What of the login service a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRoute {
    /// Pages, and what a browser needs to log in and out: for everybody.
    Page,
    /// The API keys of the caller.
    ApiKeys,
}

/// Methods that the service may know; it refuses those that an endpoint of its does not have.
const METHODS: [&[u8]; 7] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS",
];

/// The path of the API for keys; the other exact ones are pages.
const API_KEYS: &str = "/zot/auth/apikey";

/// The exact paths of the login service.
pub const LOGIN_PATHS: [&str; 8] = [
    API_KEYS,
    "/zot/auth/login",
    "/zot/auth/logout",
    "/zot/auth/callback/google",
    "/zot/auth/callback/gitlab",
    "/zot/auth/callback/oidc",
    "/zot/auth/callback/github",
    "/login",
];

/// How all other paths of its pages begin.
pub const LOGIN_PREFIX: &str = "/login/";

impl LoginRoute {
    /// The route of a path that every parser reads alike; the exact paths of zot, and `/login` with
    /// what is below it.
    pub(super) fn of(path: &str) -> Option<Self> {
        if path == API_KEYS {
            Some(Self::ApiKeys)
        } else if LOGIN_PATHS.contains(&path)
            || path.starts_with(LOGIN_PREFIX) && !path.contains('%')
        {
            Some(Self::Page)
        } else {
            None
        }
    }

    /// Returns true if the service may know the method.
    pub(super) fn takes(method: &[u8]) -> bool {
        METHODS.contains(&method)
    }
}
