//! Reads a configuration file, JSON or YAML, and derives the key sets to fetch from it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use registry_auth_engine::compile::{compile, mint_algorithm};
use registry_auth_engine::config::raw::{AwsSecretsManager, Bearer, Document, Oidc};
use registry_auth_engine::config::{ConfigError, Diagnostics, Role, decode, decode_value};
use registry_auth_engine::json::{self, StrictValue};
use registry_auth_engine::keys::envelope::{issuer_set, secret_set, signing_set};
use serde_json::Value;

use crate::inline::Inlined;
use crate::issuer::Issuer;
use crate::refresh::Timing;
use crate::secrets::Content;
use crate::zot::{differences, shared_blobs};

/// A key set that the shim fetches and pushes to the intakes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeySetSource {
    /// The name of the set in the push protocol.
    pub(crate) name: Arc<str>,
    /// Where its keys come from.
    pub(crate) origin: Origin,
    /// How often it is fetched, and how long it is valid.
    pub(crate) timing: Timing,
}

/// Where the keys of a set come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    /// A secret in AWS Secrets Manager, and the kind of its keys.
    Secret(AwsSecretsManager, Content),
    /// An OIDC issuer.
    Issuer(Issuer),
}

/// A configuration with its errors and warnings.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    /// As written: files are named, not read. `None` if it cannot be decoded, or is the
    /// configuration of an intake.
    document: Option<Box<Document>>,
    found: Diagnostics,
    /// Differences in the `storage` section, which only zot has.
    storage: Vec<ConfigError>,
}

impl Configuration {
    /// Reads and checks the file at `path`. Errors of its content are part of the value.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        Ok(match document(path)? {
            Ok(value) => Self::checked(value),
            Err(found) => Self {
                found,
                ..Self::default()
            },
        })
    }

    fn checked(value: Value) -> Self {
        let storage = shared_blobs(&value);
        let (role, mut found) = decode_value(value);
        let Role::Filter(document) = role else {
            return Self {
                found,
                ..Self::default()
            };
        };
        let mut whole = document.clone();
        let inlined = Inlined::files_of(&mut whole, &mut found);
        let mut compiled = Diagnostics::default();
        let _engine = compile(&whole, &mut compiled);
        inlined.add(compiled, &mut found);
        Self {
            document: Some(document),
            found,
            storage,
        }
    }

    /// Returns true if the filter would refuse to start with it.
    pub(crate) fn is_refused(&self) -> bool {
        !self.found.errors.is_empty()
    }

    /// Returns the errors, for each of which the filter refuses to start.
    pub(crate) fn errors(&self) -> &[ConfigError] {
        &self.found.errors
    }

    /// Returns the warnings.
    pub(crate) fn warnings(&self) -> &[ConfigError] {
        &self.found.warnings
    }

    /// Returns what the configuration means here but not in zot.
    pub(crate) fn differences(&self) -> Vec<ConfigError> {
        let mut all = self
            .document
            .as_deref()
            .map(differences)
            .unwrap_or_default();
        all.extend(self.storage.iter().cloned());
        all
    }

    /// Returns the sets that the shim fetches.
    pub(crate) fn key_set_sources(&self) -> Vec<KeySetSource> {
        self.document
            .as_deref()
            .map(key_set_sources)
            .unwrap_or_default()
    }

    /// Returns `log.level`.
    pub(crate) fn log_level(&self) -> Option<&str> {
        self.document.as_ref()?.log_level.as_deref()
    }
}

/// Reads the document in the file at `path`, JSON or (by its ending) YAML. What is wrong with its
/// form is part of the value.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn document(path: &Path) -> anyhow::Result<Result<Value, Diagnostics>> {
    let text = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let is_yaml = path
        .extension()
        .is_some_and(|ending| ending == "yaml" || ending == "yml");
    if is_yaml {
        return Ok(of_yaml(&text).map_err(unreadable));
    }
    // The same message as the filter's for invalid JSON.
    Ok(json::parse(&text).map_err(|_| decode(&text).1))
}

fn unreadable(message: String) -> Diagnostics {
    let mut found = Diagnostics::default();
    found.error("", message);
    found
}

/// Returns the sets that the shim fetches for a document: at most one of verification keys, one with
/// a signing key, and one for each issuer whose `keySource` is `push`.
pub(crate) fn key_set_sources(document: &Document) -> Vec<KeySetSource> {
    let Some(bearer) = &document.bearer else {
        return Vec::new();
    };
    let mut sets: Vec<KeySetSource> = secrets(bearer).collect();
    for set in bearer.oidc.iter().filter_map(issuer) {
        // Entries of one issuer share a set.
        if !sets.iter().any(|earlier| earlier.name == set.name) {
            sets.push(set);
        }
    }
    sets
}

fn secrets(bearer: &Bearer) -> impl Iterator<Item = KeySetSource> {
    let set = |name: String, place: &AwsSecretsManager, content| KeySetSource {
        name: name.into(),
        origin: Origin::Secret(place.clone(), content),
        timing: Timing {
            interval: place.refresh_interval,
            max_stale: place.max_stale,
        },
    };
    let verifying = bearer.aws_secrets_manager.as_ref();
    let verifying = verifying.map(|place| {
        set(
            secret_set(&place.region, &place.secret_name),
            place,
            Content::Verifying {
                strict: place.strict,
            },
        )
    });
    let signing = bearer.mint.as_ref().and_then(|mint| {
        let content = Content::Signing {
            algorithm: mint_algorithm(mint)?,
            key_id: mint.key_id.clone(),
        };
        let place = mint.aws_secrets_manager.as_ref()?;
        Some(set(
            signing_set(&place.region, &place.secret_name),
            place,
            content,
        ))
    });
    verifying.into_iter().chain(signing)
}

fn issuer(oidc: &Oidc) -> Option<KeySetSource> {
    Some(KeySetSource {
        name: issuer_set(&oidc.issuer, oidc.jwks_uri.as_deref()).into(),
        origin: Origin::Issuer(Issuer::of(oidc)?),
        timing: Timing {
            interval: None,
            max_stale: oidc.max_stale,
        },
    })
}

/// Converts a YAML document to JSON. Duplicate keys are errors; the parser bounds the expansion of
/// aliases.
///
/// As in zot's loader, `yes` and `on` are strings, and merge keys (`<<`) are merged. A tag that
/// YAML does not define is an error, since what other tools do for it (`!include`, `!reset`) would
/// not happen here.
fn of_yaml(text: &[u8]) -> Result<Value, String> {
    let options = serde_saphyr::options! { strict_booleans: true, reject_unsupported_tags: true };
    let value =
        serde_saphyr::from_slice_with_options(text, options).map(|StrictValue(value)| value);
    value.map_err(|error| {
        // The parser's message may quote the document, which may hold secrets: keep only the
        // position.
        let place = error
            .location()
            .map(|at| format!(" at line {}, column {}", at.line(), at.column()));
        format!("not valid YAML{}", place.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_becomes_the_same_json() {
        let yaml = "http:\n  realm: registry\n  auth:\n    failDelay: 0\n    bearer:\n      oidc:\n        - issuer: https://i\n          skipIssuerVerification: false\n";
        let json = r#"{"http":{"realm":"registry","auth":{"failDelay":0,"bearer":{"oidc":[{"issuer":"https://i","skipIssuerVerification":false}]}}}}"#;
        let read = of_yaml(yaml.as_bytes()).unwrap();
        assert_eq!(read, json::parse(json.as_bytes()).unwrap());
    }

    #[test]
    fn bad_yaml_names_its_place_and_no_value() {
        let rows = [
            "a: [1",
            "a: 1\na: tops3cret",
            "a: 'tops3cret",
            "- a\nb: tops3cret",
            "a: 1\n---\nb: 2",
            "{a: 1}: tops3cret",
        ];
        for text in rows {
            let message = of_yaml(text.as_bytes()).unwrap_err();
            assert!(
                message.starts_with("not valid YAML at line "),
                "{text}: {message}"
            );
            assert!(!message.contains("tops3cret"), "{message}");
        }
        assert!(of_yaml(b"\xff").is_err());
    }

    /// Returns the errors of a YAML document.
    fn said(yaml: &str) -> Vec<String> {
        let refused = |message| Configuration {
            found: unreadable(message),
            ..Configuration::default()
        };
        let configuration = of_yaml(yaml.as_bytes()).map_or_else(refused, Configuration::checked);
        configuration
            .errors()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    const HTTP: &str =
        "http:\n  auth:\n    bearer:\n      cert: /no/such/file\n      audiences: [a]\n";

    /// No form of null, and no form of a duplicate key, may drop a section silently.
    #[test]
    fn a_section_that_says_nothing_in_yaml_is_refused() {
        let control = "http.accessControl: is null";
        let rows = [
            ("  accessControl:\n", control),
            ("  accessControl: ~\n", control),
            ("  accessControl: null\n", control),
            ("  accessControl: !!null ''\n", control),
            ("  accessControl: # later\n", control),
            ("  accessControl: &x\n", control),
            ("  accesscontrol:\n", control),
            ("  accessControl:\n\n# accessControl: {}\n", control),
            (
                "  accessControl:\n    repositories:\n",
                "http.accessControl.repositories: is null",
            ),
            (
                "  accessControl:\n    repositories:\n      a/**:\n",
                "http.accessControl.repositories[\"a/**\"]: is null",
            ),
            (
                "  accessControl:\n    adminPolicy:\n",
                "http.accessControl.adminPolicy: is null",
            ),
            (
                "  accessControl: ''\n",
                "http.accessControl: must be an object, not a string",
            ),
            (
                "  accessControl: []\n",
                "http.accessControl: must be an object, not a list",
            ),
            (
                "  accessControl: off\n",
                "http.accessControl: must be an object, not a string",
            ),
            ("  accessControl: !!str {}\n", "not valid YAML"),
            ("  accessControl: !reset {}\n", "not valid YAML"),
            ("  accessControl: !include policy.yaml\n", "not valid YAML"),
            (
                "  accessControl: {}\n  accessControl: {}\n",
                "not valid YAML",
            ),
            (
                "  accessControl: {}\n  'accessControl': {}\n",
                "not valid YAML",
            ),
            (
                "  accessControl: {}\n  \"access\\u0043ontrol\": {}\n",
                "not valid YAML",
            ),
            (
                "  accessControl: {}\n  accesscontrol:\n",
                "http.accesscontrol: duplicate key",
            ),
            ("  accesControl: {}\n", "did you mean `accessControl`"),
            ("accessControl: {}\n", "did you mean `http.accessControl`"),
            ("  - accessControl: {}\n", "not valid YAML"),
            (
                "  accessControl: {repositories: {11: {}, '11': {}}}\n",
                "not valid YAML",
            ),
            (
                "  accessControl: {repositories: {~: {}}}\n",
                "not valid YAML",
            ),
            ("  ? [accessControl]\n  : {}\n", "not valid YAML"),
            ("  <<: {accessControl: }\n", control),
            (
                "  <<: {accessControl: {}, accessControl: {repositories: {}}}\n",
                "not valid YAML",
            ),
            (
                "  <<: [{accessControl: {}}, {accesscontrol: {}}]\n",
                "duplicate key",
            ),
            ("---\nhttp: {}\n", "not valid YAML"),
            ("...\n---\nhttp: {}\n", "not valid YAML"),
            ("  accessControl: {policies: }\n", "did you mean"),
        ];
        for (rest, message) in rows {
            let said = said(&format!("{HTTP}{rest}"));
            assert!(
                said.iter().any(|line| line.contains(message)),
                "{rest:?} ({message}): {said:#?}"
            );
        }
        for (empty, message) in [
            ("", "is empty"),
            ("# nothing\n", "is empty"),
            ("~\n", "is empty"),
            ("---\n", "is empty"),
            ("---\n...\n", "is empty"),
            ("{}\n", "who may do what"),
            ("http:\n", "http: is null"),
            ("[]\n", "must be an object"),
            ("http\n", "must be an object"),
            ("intake:\n", "intake: is null"),
            ("\u{feff}http:\n", "http: is null"),
        ] {
            let said = said(empty);
            assert!(
                said.iter().any(|line| line.contains(message)),
                "{empty:?} ({message}): {said:#?}"
            );
        }
    }

    #[test]
    fn what_yaml_has_beside_json_is_read_as_zot_reads_it() {
        let rows = [
            ("a: &x [b]\nc: *x\n", r#"{"a": ["b"], "c": ["b"]}"#),
            (
                "a: &x {b: 1}\nc: {<<: *x, d: 2}\n",
                r#"{"a": {"b": 1}, "c": {"b": 1, "d": 2}}"#,
            ),
            (
                "a: &x {b: 1}\nc: {<<: *x, b: 2}\n",
                r#"{"a": {"b": 1}, "c": {"b": 2}}"#,
            ),
            (
                "a: yes\nb: on\nc: true\n",
                r#"{"a": "yes", "b": "on", "c": true}"#,
            ),
            (
                "a: !!str 1\nb: '~'\nc: \"null\"\n",
                r#"{"a": "1", "b": "~", "c": "null"}"#,
            ),
            ("a: |\n  b\n  c\n", r#"{"a": "b\nc\n"}"#),
            ("1: a\n", r#"{"1": "a"}"#),
        ];
        for (yaml, json) in rows {
            assert_eq!(
                of_yaml(yaml.as_bytes()).unwrap(),
                json::parse(json.as_bytes()).unwrap(),
                "{yaml}"
            );
        }
    }

    #[test]
    fn yaml_that_grows_without_bound_is_refused() {
        let line = |level: u32, items: String| format!("a{level}: &a{level} [{items}]\n");
        let grows = |level| line(level, vec![format!("*a{}", level - 1); 10].join(", "));
        let text: String = std::iter::once(line(0, "x, x".to_owned()))
            .chain((1..10).map(grows))
            .collect();
        assert!(of_yaml(text.as_bytes()).is_err());
    }
}
