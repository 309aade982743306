//! What of the path space is open besides the registry's own endpoints.

use globset::GlobSet;

/// Public paths and switched-on extensions of one configuration.
#[derive(Clone, Debug, Default)]
pub struct Surface {
    pub(crate) public: GlobSet,
    pub(crate) extensions: bool,
}

impl Surface {
    /// Whether the operator declared a path public. Only asked for paths outside `/v2` that have no second reading.
    #[must_use]
    pub fn is_public(&self, path: &str) -> bool {
        !path.contains('%') && self.public.is_match(path)
    }
}
