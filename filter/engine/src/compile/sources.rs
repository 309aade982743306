//! What the sections with keys have in common.

use std::time::Duration;

use super::push;
use crate::config::{Diagnostics, raw};
use crate::keys::source::{DEFAULT_MAX_STALE, Source, SourceId, SourceKind};

/// Appends a source.
pub(super) fn add(
    name: &str,
    kind: SourceKind,
    max_stale: Option<Duration>,
    sources: &mut Vec<Source>,
) -> SourceId {
    let max_stale = max_stale.unwrap_or(DEFAULT_MAX_STALE);
    sources.push(Source {
        name: name.to_owned(),
        kind,
        max_stale,
    });
    SourceId(sources.len() - 1)
}

/// Checks a section `awsSecretsManager` at `path`, whose keys are pushed as `set`.
pub(super) fn secrets_manager(
    aws: &raw::AwsSecretsManager,
    set: &str,
    path: &str,
    proxy: &raw::Proxy,
    diagnostics: &mut Diagnostics,
) {
    for (name, value) in [("region", &aws.region), ("secretName", &aws.secret_name)] {
        if value.is_empty() {
            diagnostics.error(format!("{path}.{name}"), "must be given");
        }
    }
    // Otherwise two secrets could have one name.
    if aws.region.contains('/') {
        diagnostics.error(
            format!("{path}.region"),
            "is no region: write it as in `us-east-1`",
        );
    }
    push::check(set, aws.max_stale, path, "secretName", proxy, diagnostics);
}
