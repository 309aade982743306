//! Which registry a repository Secret of Argo CD is for, and whether a token is safe in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry_auth_credential_helper::server::host_of;
use serde_json::Value;

use crate::names::{ARGO_PREFIX, ARGO_REPOSITORY, ARGO_TYPE, OPT_IN};
use crate::registry::{Registry, shown};
use crate::settings::Settings;

/// Members that let Argo CD send the password where it can be read, or to whoever poses as the
/// registry.
const INSECURE: [&str; 2] = ["insecure", "insecureOCIForceHttp"];

/// Returns the registry of a Secret whose label [`ARGO_TYPE`] is `kind`.
///
/// # Errors
/// What is wrong, and what to write.
pub(crate) fn registry<'a>(
    kind: &str,
    object: &Value,
    settings: &'a Settings,
) -> Result<&'a Registry, String> {
    if kind.is_empty() {
        return Err(format!(
            "the label {ARGO_TYPE} is missing: write `{ARGO_REPOSITORY}` or `{ARGO_PREFIX}`, or remove {OPT_IN}"
        ));
    }
    if ![ARGO_REPOSITORY, ARGO_PREFIX].contains(&kind) {
        let kind = shown(kind);
        return Err(format!(
            "the label {ARGO_TYPE} is `{kind}`, which has no use for a token of a registry: remove {OPT_IN}"
        ));
    }
    let url = text(object, "url")
        .ok_or_else(|| "it has no `url`: write that of the registry".to_owned())?;
    let (scheme, rest) = url.split_once("://").unwrap_or(("", &url));
    if !["", "oci", "https"].contains(&scheme) {
        return Err("`url` has another scheme than `oci://` and `https://`: others would send the token where it can be read, or are for no registry".to_owned());
    }
    let host = host_of(&url);
    let Some(registry) = settings.registry(&host) else {
        return Err(format!(
            "`{}` is not a registry of the controller: have the operator add `--registry`",
            shown(&host)
        ));
    };
    // Argo CD compares beginnings of URLs: that of a host alone is that of other hosts too.
    let path = rest.split_once('/').map(|(_, path)| path);
    if kind == ARGO_PREFIX && path.is_none_or(str::is_empty) {
        return Err(format!(
            "`url` of a `{ARGO_PREFIX}` needs a path after the host: write `oci://HOST/PATH/`"
        ));
    }
    for name in INSECURE {
        if text(object, name).is_some_and(|value| !is_false(&value)) {
            return Err(format!(
                "`{name}` is set: the token could be read on its way: remove it"
            ));
        }
    }
    let is_oci = match text(object, "type").as_deref() {
        Some("oci") => true,
        Some("helm") => text(object, "enableOCI").is_some_and(|value| is_true(&value)),
        _ => false,
    };
    if !is_oci {
        return Err("only registries take the token: write `type: oci`, or `type: helm` with `enableOCI: \"true\"`".to_owned());
    }
    Ok(registry)
}

fn text(object: &Value, name: &str) -> Option<String> {
    let text = object.get("data")?.get(name)?.as_str()?;
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

/// As Argo CD reads it (`strconv.ParseBool` of Go).
fn is_true(value: &str) -> bool {
    ["1", "t", "T", "true", "TRUE", "True"].contains(&value)
}

fn is_false(value: &str) -> bool {
    ["", "0", "f", "F", "false", "FALSE", "False"].contains(&value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::account::tests::settings;

    /// The label, members, and what is said.
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of rows")]
    fn a_token_is_for_a_registry_of_ours_and_is_never_sent_in_the_clear() {
        let repository = ARGO_REPOSITORY;
        let url = "oci://a.example/team/app";
        let rows: &[Row<'_>] = &[
            (repository, &[("url", url), ("type", "oci")], ""),
            (
                repository,
                &[
                    ("url", "a.example/charts"),
                    ("type", "helm"),
                    ("enableOCI", "true"),
                ],
                "",
            ),
            (
                repository,
                &[
                    ("url", "https://A.example/x"),
                    ("type", "oci"),
                    ("insecure", "false"),
                ],
                "",
            ),
            (
                ARGO_PREFIX,
                &[("url", "oci://a.example/team/"), ("type", "oci")],
                "",
            ),
            (
                "",
                &[("url", url)],
                "the label argocd.argoproj.io/secret-type is missing",
            ),
            (
                "cluster",
                &[("url", url)],
                "the label argocd.argoproj.io/secret-type is `cluster`, which has no use",
            ),
            (repository, &[("type", "oci")], "it has no `url`"),
            (
                repository,
                &[("url", "http://a.example/x"), ("type", "oci")],
                "`url` has another scheme",
            ),
            (
                repository,
                &[("url", "ssh://a.example/x"), ("type", "git")],
                "`url` has another scheme",
            ),
            (
                repository,
                &[("url", "oci://evil.example/x"), ("type", "oci")],
                "`evil.example` is not a registry",
            ),
            (
                repository,
                &[("url", "oci://a.example@evil.example/x"), ("type", "oci")],
                "`a.example@evil.example` is not a registry",
            ),
            (
                ARGO_PREFIX,
                &[("url", "oci://a.example/"), ("type", "oci")],
                "`url` of a `repo-creds` needs a path",
            ),
            (
                repository,
                &[("url", url), ("type", "oci"), ("insecure", "true")],
                "`insecure` is set",
            ),
            (
                repository,
                &[
                    ("url", url),
                    ("type", "oci"),
                    ("insecureOCIForceHttp", "yes"),
                ],
                "`insecureOCIForceHttp` is set",
            ),
            (
                repository,
                &[("url", url), ("type", "git")],
                "only registries take the token",
            ),
            (
                repository,
                &[("url", url)],
                "only registries take the token",
            ),
            (
                repository,
                &[("url", url), ("type", "helm")],
                "only registries take the token",
            ),
            (
                repository,
                &[("url", url), ("type", "helm"), ("enableOCI", "false")],
                "only registries take the token",
            ),
        ];
        for (kind, members, expected) in rows {
            let mut object = json!({});
            for (name, value) in *members {
                object["data"][name] = STANDARD.encode(value).into();
            }
            let settings = settings();
            let found = registry(kind, &object, &settings);
            match found {
                Ok(registry) => assert_eq!((&*registry.host, *expected), ("a.example", "")),
                Err(problem) => assert!(
                    !expected.is_empty() && problem.starts_with(expected),
                    "{members:?}: {problem}"
                ),
            }
        }
    }
}
