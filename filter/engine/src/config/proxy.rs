//! `proxy`: what the host does around decisions.

use globset::GlobBuilder;

use super::raw::Proxy;
use super::{Diagnostics, raw};
use crate::automaton::Automaton;
use crate::route::Surface;

/// The largest automaton of all public paths, bytes.
const MAX_PUBLIC: usize = 1 << 20;

/// What the host does with a request that passes, and where it asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforcement {
    /// The host's name for the registry.
    pub upstream_cluster: Option<String>,
    /// Environment variable that holds the push key.
    pub push_key: Option<String>,
    /// Environment variable that holds the `Authorization` for the upstream.
    pub upstream_authorization: Option<String>,
    /// The client's `Authorization` stays.
    pub forward_authorization: bool,
    /// Header that tells the upstream the user name, in lower case.
    pub identity_header: Option<String>,
    /// The host hands bodies over while headers wait.
    pub read_request_bodies: bool,
}

/// Compiles `publicPaths` and `extensions`.
pub(super) fn surface(raw: &Proxy, diagnostics: &mut Diagnostics) -> Surface {
    Surface { public: public(&raw.public_paths, diagnostics), extensions: raw.extensions, token_endpoint: None }
}

fn public(patterns: &[String], diagnostics: &mut Diagnostics) -> Option<Automaton> {
    let mut expressions = Vec::new();
    for (index, pattern) in patterns.iter().enumerate() {
        let path = format!("proxy.publicPaths[{index}]");
        if may_match_v2(pattern) {
            let message =
                format!("`{pattern}` can match paths under /v2; begin it with a literal path such as /healthz");
            diagnostics.error(path, message);
            continue;
        }
        match GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build() {
            Ok(glob) => expressions.push(glob.regex().to_owned()),
            Err(error) => diagnostics.error(path, format!("`{pattern}` is not a glob: {}", error.kind())),
        }
    }
    if expressions.is_empty() {
        return None;
    }
    let automaton = Automaton::build(&expressions, MAX_PUBLIC);
    if automaton.is_none() {
        diagnostics.error("proxy.publicPaths", "are too many or too long");
    }
    automaton
}

/// Whether a pattern could match `/v2` or something below it, judged by what it says before its first wildcard.
fn may_match_v2(pattern: &str) -> bool {
    let wildcard = |character| matches!(character, '*' | '?' | '[' | '{' | '\\');
    match pattern.find(wildcard).and_then(|end| pattern.get(..end)) {
        Some(literal) => "/v2/".starts_with(literal) || literal.starts_with("/v2/"),
        None => pattern == "/v2" || pattern.starts_with("/v2/") || !pattern.starts_with('/'),
    }
}

/// Compiles the rest of the section.
pub(super) fn enforcement(raw: &Proxy, diagnostics: &mut Diagnostics) -> Option<Enforcement> {
    let identity_header = raw.identity_header.as_deref().map(str::to_ascii_lowercase);
    if let Some(name) = &identity_header
        && !may_be_set(name)
    {
        diagnostics.error(
            "proxy.identityHeader",
            format!("`{name}` cannot be used; write a header name such as x-registry-user"),
        );
        return None;
    }
    let env = |from: &Option<raw::FromEnv>| from.as_ref().map(|from| from.env.clone());
    Some(Enforcement {
        upstream_cluster: raw.upstream_cluster.clone(),
        push_key: env(&raw.push_key),
        upstream_authorization: env(&raw.upstream_authorization),
        forward_authorization: raw.forward_authorization,
        identity_header,
        read_request_bodies: raw.read_request_bodies,
    })
}

/// A token (RFC 9110 section 5.6.2) that means nothing to proxies and registries already.
fn may_be_set(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let reserved =
        ["authorization", "connection", "content-length", "content-type", "host", "te", "transfer-encoding", "upgrade"];
    !name.is_empty() && name.bytes().all(token) && !reserved.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_path_never_opens_the_registry() {
        let rows = [
            ("/healthz", false),
            ("/health/*", false),
            ("/v2x", false),
            ("/metrics{,/**}", false),
            ("/v2", true),
            ("/v2/", true),
            ("/v2/_catalog", true),
            ("/v2/**", true),
            ("/v*", true),
            ("/**", true),
            ("**", true),
            ("*", true),
            ("/{v2,x}/a", true),
            ("/[v]2/**", true),
            ("/v?/a", true),
            ("/v2{,x}", true),
            ("\\/v2/a", true),
            ("healthz", true),
            ("", true),
        ];
        for (pattern, refused) in rows {
            assert_eq!(may_match_v2(pattern), refused, "{pattern}");
        }
    }
}
