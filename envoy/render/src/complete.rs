//! From a document of zot to everything that a proxy needs.

mod addresses;
mod clusters;
mod draft;
mod files;
mod issuers;
pub(crate) mod kept;
mod listener;
pub(crate) mod members;
mod mtls;
mod named;
mod people;
mod proxy;
mod upstream;

use registry_auth_engine::compile::compile;
use registry_auth_engine::config::{ConfigError, Diagnostics, Role, decode_value};
use serde_json::{Value, json};

use crate::completed::Completed;
use crate::files::Files;
use crate::options::Options;
pub use addresses::issuer_warnings;
use clusters::Clusters;
use draft::Draft;

/// Fills in what a document leaves out, and checks the result with the engine.
///
/// What is written is kept. Sections that only zot reads are named among the warnings and are not
/// in the result; what the filter refuses is refused.
///
/// # Errors
/// All that is wrong, each with the path that the user wrote.
pub fn complete(
    document: &Value,
    options: &Options,
    files: &dyn Files,
) -> Result<Completed, Vec<ConfigError>> {
    // Members that the completion reads and the engine would call ignored.
    let mut rest = document.clone();
    let mut found = Diagnostics::default();
    let written = listener::take(&mut rest, &mut found);
    let people = people::take(&mut rest);
    let (role, mut decoded) = decode_value(rest);
    found.errors.append(&mut decoded.errors);
    found.warnings.append(&mut decoded.warnings);
    let Role::Filter(raw) = role else {
        if found.errors.is_empty() {
            found.error(
                "intake",
                "is written by itself where keys are pushed: give the document of the filter",
            );
        }
        return Err(found.errors);
    };

    let mut draft = Draft {
        value: kept::of(document),
        found,
        assumptions: Vec::new(),
        named: Vec::new(),
        options,
        files,
    };
    draft.found.warnings.extend(issuer_warnings(&raw));
    let listener = listener::complete(written, &mut draft);
    mtls::complete(&raw, listener.as_ref(), &mut draft);
    files::inline_keys(&raw, &mut draft);
    let upstream = upstream::complete(&raw.proxy, &mut draft);
    let mut clusters = Clusters::default();
    if let Some(upstream) = &upstream {
        clusters.reserve(&upstream.cluster);
    }
    let login = people::complete(&raw, &people, &mut clusters, &mut draft);
    issuers::complete(&raw, &mut clusters, &mut draft);
    let environment = proxy::complete(&raw, upstream.as_ref(), &mut draft);
    kept::level(&mut draft);
    check(&mut draft);

    let Draft {
        value,
        found,
        assumptions,
        ..
    } = draft;
    // Without errors both are there.
    let (Some(listener), Some(upstream), true) = (listener, upstream, found.errors.is_empty())
    else {
        return Err(found.errors);
    };
    let pushes = environment.push_key.filter(|_| environment.is_pushed);
    Ok(Completed {
        filter: value,
        intake: pushes.map(|env| json!({ "intake": { "pushKey": { "env": env } } })),
        issuers: clusters.into_issuers(),
        upstream: upstream.cluster,
        login,
        rewrite_host: upstream.rewrite_host,
        external_url: listener.external_url,
        listener: listener.listener,
        environment: environment.names,
        assumptions,
        warnings: found.warnings,
    })
}

/// Compiles what the filter gets, and adds what the engine finds.
fn check(draft: &mut Draft<'_>) {
    let (role, decoded) = decode_value(draft.value.clone());
    let mut compiled = Diagnostics {
        errors: decoded.errors,
        warnings: Vec::new(),
    };
    if let Role::Filter(raw) = role {
        let _engine = compile(&raw, &mut compiled);
    }
    files::check(draft);
    for error in compiled.errors {
        // What cannot be read was reported under the same path already; and what is missing in a
        // section follows from what was refused below it.
        let is_said = |known: &ConfigError| {
            known.path == error.path || error.path == "http" && known.path.starts_with("http.auth.")
        };
        if !draft.found.errors.iter().any(is_said) {
            draft.found.errors.push(error);
        }
    }
    draft.found.warnings.append(&mut compiled.warnings);
}
