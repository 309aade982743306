//! `proxy`: what the rendered proxy does for the filter.

use registry_auth_engine::config::Role;
use registry_auth_engine::config::decode_value;
use registry_auth_engine::config::raw::{Document, Oidc};
use serde_json::json;

use super::draft::Draft;
use super::upstream::Registry;
use crate::options::{PUSH_KEY, UPSTREAM_AUTHORIZATION};

const PATH: &[&str] = &["proxy"];

/// The environment variables that the module reads.
pub(super) struct Environment {
    pub(super) names: Vec<String>,
    pub(super) push_key: Option<String>,
    /// Some keys are pushed.
    pub(super) is_pushed: bool,
}

/// Writes what the rendered proxy promises, where nothing is written.
pub(super) fn complete(
    raw: &Document,
    upstream: Option<&Registry>,
    draft: &mut Draft<'_>,
) -> Environment {
    if let Some(upstream) = upstream {
        draft.default(PATH, "upstreamCluster", upstream.cluster.name.as_str());
        if let Some(authority) = &upstream.authority {
            draft.default(PATH, "upstreamHost", authority.as_str());
        }
        if upstream.authorization {
            let variable = json!({ "env": UPSTREAM_AUTHORIZATION });
            draft.default(PATH, "upstreamAuthorization", variable);
        }
    }
    draft.default(PATH, "clientAddress", "proxy");
    draft.default(PATH, "readRequestBodies", true);
    let is_pushed = is_pushed(draft);
    let push_key = raw.proxy.push_key.as_ref().map(|key| key.env.clone());
    let push_key = push_key.or_else(|| is_pushed.then(|| PUSH_KEY.to_owned()));
    if let Some(env) = &push_key {
        draft.default(PATH, "pushKey", json!({ "env": env }));
    }
    let authorization = match (&raw.proxy.upstream_authorization, upstream) {
        (Some(written), _) => Some(written.env.clone()),
        (None, Some(upstream)) if upstream.authorization => Some(UPSTREAM_AUTHORIZATION.to_owned()),
        _ => None,
    };
    let mut names: Vec<String> = push_key.iter().cloned().chain(authorization).collect();
    names.dedup();
    Environment {
        names,
        push_key,
        is_pushed,
    }
}

/// Returns true if some keys come by a push, in what the filter will get.
fn is_pushed(draft: &Draft<'_>) -> bool {
    let (role, _) = decode_value(draft.value.clone());
    let Role::Filter(document) = role else {
        return false;
    };
    let people = document.login.is_some();
    people
        || document.bearer.is_some_and(|bearer| {
            bearer.aws_secrets_manager.is_some()
                || bearer.mint.is_some()
                || bearer.oidc.iter().any(Oidc::is_pushed)
        })
}
