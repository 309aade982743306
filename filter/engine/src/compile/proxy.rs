//! `proxy`: what the host does around decisions.

use globset::GlobBuilder;
use registry_auth_cel::pattern_set::PatternSet;

use crate::config::raw::Proxy;
use crate::config::{Diagnostics, raw};
use crate::edits::{HeadRules, is_decided};
use crate::route::RouteConfig;
use crate::url::HttpUrl;

/// The largest automaton of all public paths, bytes.
const MAX_PUBLIC: usize = 1 << 20;

/// What the host does with a request that passes, and where it asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforcement {
    /// The registry, for questions of our own.
    pub upstream: Option<Upstream>,
    /// Environment variable that holds the push key.
    pub push_key: Option<String>,
    /// Environment variable that holds the `Authorization` for the upstream.
    pub upstream_authorization: Option<String>,
    /// How heads are edited.
    pub head: HeadRules,
    /// The host hands bodies over while headers wait.
    pub read_request_bodies: bool,
    /// The host adds the client's address to `x-forwarded-for`.
    pub sets_client_address: bool,
}

/// Where questions to the registry go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The host's name for the registry.
    pub cluster: String,
    /// `Host` of the questions (RFC 9110 section 7.2), as the proxy sends it with requests.
    pub host: String,
}

/// Compiles `publicPaths` and `extensions`.
pub(super) fn routes(raw: &Proxy, diagnostics: &mut Diagnostics) -> RouteConfig {
    RouteConfig {
        public: public(&raw.public_paths, diagnostics),
        extensions: raw.extensions,
        token_endpoint: None,
        login: false,
    }
}

fn public(patterns: &[String], diagnostics: &mut Diagnostics) -> Option<PatternSet> {
    let mut expressions = Vec::new();
    for (index, pattern) in patterns.iter().enumerate() {
        let path = format!("proxy.publicPaths[{index}]");
        if may_match_v2(pattern) {
            let message = format!(
                "`{pattern}` can match paths under /v2; begin it with a literal path such as /healthz"
            );
            diagnostics.error(path, message);
            continue;
        }
        match GlobBuilder::new(pattern)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
        {
            Ok(glob) => expressions.push(glob.regex().to_owned()),
            Err(error) => {
                diagnostics.error(path, format!("`{pattern}` is not a glob: {}", error.kind()));
            }
        }
    }
    if expressions.is_empty() {
        return None;
    }
    let automaton = PatternSet::build(&expressions, MAX_PUBLIC);
    if automaton.is_none() {
        diagnostics.error("proxy.publicPaths", "are too many or too long");
    }
    automaton
}

/// Returns true if a pattern could match `/v2` or something below it, judged by what it says before
/// its first wildcard.
fn may_match_v2(pattern: &str) -> bool {
    let wildcard = |character| matches!(character, '*' | '?' | '[' | '{' | '\\');
    match pattern.find(wildcard).and_then(|end| pattern.get(..end)) {
        Some(literal) => "/v2/".starts_with(literal) || literal.starts_with("/v2/"),
        None => pattern == "/v2" || pattern.starts_with("/v2/") || !pattern.starts_with('/'),
    }
}

/// Checks `clientAddress`, the operator's word that the proxy sets the address that `req.client`
/// has. The filter cannot see whether it does, so conditions (`readers` is their place) may read
/// the address only if it is declared.
pub(super) fn client_address(raw: &Proxy, readers: Option<&str>, diagnostics: &mut Diagnostics) {
    match (raw.client_address.as_deref(), readers) {
        (Some(PROXY), _) | (None, None) => {}
        (Some(other), _) => {
            let message = format!(
                "`{other}` is not known; write `{PROXY}` if the proxy sets the client's address"
            );
            diagnostics.error("proxy.clientAddress", message);
        }
        (None, Some(path)) => {
            let message = "may read `req.client`, which a client may choose (x-forwarded-for) unless the proxy sets it: let it (Envoy: `use_remote_address: true`, and `xff_num_trusted_hops` behind other proxies) and write `\"clientAddress\": \"proxy\"` under `proxy`";
            diagnostics.error(path, message);
        }
    }
}

/// The one value of `clientAddress`.
const PROXY: &str = "proxy";

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
    if raw.refuse_identity_header && identity_header.is_none() {
        diagnostics.error(
            "proxy.refuseIdentityHeader",
            "refuses the field that proxy.identityHeader names, which is missing",
        );
    }
    let upstream = upstream(raw, diagnostics);
    let env = |from: &Option<raw::FromEnv>| from.as_ref().map(|from| from.env.clone());
    Some(Enforcement {
        upstream,
        push_key: env(&raw.push_key),
        upstream_authorization: env(&raw.upstream_authorization),
        head: HeadRules {
            identity_header,
            refuse_identity_header: raw.refuse_identity_header,
            forward_authorization: raw.forward_authorization,
        },
        read_request_bodies: raw.read_request_bodies,
        sets_client_address: raw.client_address.is_some(),
    })
}

/// Compiles `upstreamCluster` and `upstreamHost`. Nothing that a client sends may choose which host
/// is asked.
fn upstream(raw: &Proxy, diagnostics: &mut Diagnostics) -> Option<Upstream> {
    if raw.upstream.is_some() {
        let message = "is ignored: only `registry-auth run` and `render` read it; here the registry is where the proxy routes to";
        diagnostics.warn("proxy.upstream", message);
    }
    let Some(cluster) = raw.upstream_cluster.clone() else {
        if raw.upstream_host.is_some() {
            diagnostics.error(
                "proxy.upstreamHost",
                "is used for questions to proxy.upstreamCluster, which is missing",
            );
        }
        return None;
    };
    let host = raw.upstream_host.clone().unwrap_or_else(|| cluster.clone());
    if !is_host(&host) {
        let message = if raw.upstream_host.is_some() {
            format!(
                "`{host}` is not a host; write a name or address as in registry.internal or 10.0.0.1:5000"
            )
        } else {
            format!(
                "must be given, because the cluster's name `{host}` cannot be a Host; write the one that the proxy sends to the registry, such as registry.internal"
            )
        };
        diagnostics.error("proxy.upstreamHost", message);
        return None;
    }
    Some(Upstream { cluster, host })
}

/// Host and optional port (RFC 3986 section 3.2), in the characters that every server accepts.
fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    text.bytes().all(plain) && HttpUrl::parse(&format!("http://{text}")).is_ok()
}

/// A token (RFC 9110 section 5.6.2) that means nothing to proxies and registries already.
fn may_be_set(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let reserved = [
        "connection",
        "content-length",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    !name.is_empty() && name.bytes().all(token) && !reserved.contains(&name) && !is_decided(name)
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
