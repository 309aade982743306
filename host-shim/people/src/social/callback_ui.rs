//! Where a browser goes after a login: the parameter `callback_ui`.
//!
//! It comes from a link that anybody may have made. So it is a path of this host, or a URL whose
//! origin the configuration allows; everything else becomes `/`.

use percent_encoding::percent_decode_str;
use registry_auth_engine::url::HttpUrl;

/// The origins that a login may return to, besides the own host.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins(Vec<HttpUrl>);

impl AllowedOrigins {
    /// Reads `openid.callbackAllowOrigins` and `http.externalUrl`. Of each URL only the origin is
    /// used; what is no http or https URL allows nothing.
    #[must_use]
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a str>) -> Self {
        let origins = origins.into_iter().map(str::trim);
        Self(
            origins
                .filter_map(|text| HttpUrl::parse(text).ok())
                .collect(),
        )
    }

    /// Returns `callback_ui` if a browser may be sent there, else `/`.
    #[must_use]
    pub fn checked(&self, callback_ui: &str) -> String {
        if self.allows(callback_ui) {
            callback_ui.to_owned()
        } else {
            "/".to_owned()
        }
    }

    fn allows(&self, callback_ui: &str) -> bool {
        if callback_ui.chars().any(char::is_control) {
            return false;
        }
        // Browsers take a backslash for a slash.
        let (before_query, _) = split_at_first(callback_ui, &['?', '#']);
        if percent_decode_str(before_query).any(|byte| byte == b'\\') {
            return false;
        }
        if before_query.starts_with('/') {
            return is_plain_path(before_query);
        }
        // The fragment is the browser's own.
        let (url, _) = split_at_first(callback_ui, &['#']);
        let Ok(parsed) = HttpUrl::parse(url) else {
            return false;
        };
        is_plain_path(parsed.path()) && self.0.iter().any(|origin| origin.is_same_origin(&parsed))
    }
}

/// Returns true for a path that is no host (`//host/`), and has no dot segments: without them
/// (RFC 3986 section 5.2.4) it may be one.
fn is_plain_path(path: &str) -> bool {
    !path.starts_with("//")
        && percent_decode_str(path)
            .decode_utf8()
            .is_ok_and(|decoded| !decoded.split('/').any(|step| matches!(step, "." | "..")))
}

fn split_at_first<'a>(text: &'a str, marks: &[char]) -> (&'a str, &'a str) {
    text.find(marks)
        .and_then(|at| text.split_at_checked(at))
        .unwrap_or((text, ""))
}
