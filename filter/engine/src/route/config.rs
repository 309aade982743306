//! Paths outside the registry's own endpoints that a configuration opens.

use registry_auth_cel::pattern_set::PatternSet;

/// Public paths and switched-on extensions of one configuration.
#[derive(Debug, Default)]
pub struct RouteConfig {
    /// `None`: nothing is public.
    pub(crate) public: Option<PatternSet>,
    pub(crate) extensions: bool,
    /// The path of the token endpoint.
    pub(crate) token_endpoint: Option<String>,
    /// People log in: there are the routes of the login service.
    pub(crate) login: bool,
}

impl RouteConfig {
    /// Returns true if the operator declared a path public. Only used for paths outside `/v2` that
    /// every parser reads alike.
    #[must_use]
    pub fn is_public(&self, path: &str) -> bool {
        !path.contains('%')
            && self
                .public
                .as_ref()
                .is_some_and(|public| public.first(path).is_some())
    }
}
