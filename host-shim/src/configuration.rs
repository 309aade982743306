//! Reads a configuration file: JSON, or YAML that becomes the same JSON value.

use std::fs;
use std::path::Path;

use anyhow::Context;
use registry_auth::config::raw::{AwsSecretsManager, Document};
use registry_auth::config::{ConfigError, Diagnostics};

/// A configuration with everything that is wrong with it.
#[derive(Debug)]
pub(crate) struct Configuration {
    document: Option<Document>,
    found: Diagnostics,
}

impl Configuration {
    /// Reads and checks the file at `path`. What is wrong inside is in the value.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        Ok(if is_yaml { Self::from_yaml(&text) } else { Self::from_json(&text) })
    }

    fn from_json(text: &[u8]) -> Self {
        // STAND-IN until `config::load` and `Engine::compile` exist.
        let mut found = Diagnostics::default();
        let document = match registry_auth::json::parse(text) {
            Ok(value) => Some(stand_in(&value)),
            Err(error) => {
                found.error("", error.to_string());
                None
            }
        };
        Self { document, found }
    }

    fn from_yaml(text: &[u8]) -> Self {
        match json_of_yaml(text) {
            Ok(json) => Self::from_json(&json),
            Err(message) => {
                let mut found = Diagnostics::default();
                found.error("", message);
                Self { document: None, found }
            }
        }
    }

    /// Whether the filter would refuse to start with it.
    pub(crate) fn is_refused(&self) -> bool {
        !self.found.errors.is_empty()
    }

    /// What refuses it.
    pub(crate) fn errors(&self) -> &[ConfigError] {
        &self.found.errors
    }

    /// What is only told.
    pub(crate) fn warnings(&self) -> &[ConfigError] {
        &self.found.warnings
    }

    /// The secret with the keys, if the configuration names one.
    pub(crate) fn secret(&self) -> Option<&AwsSecretsManager> {
        self.document.as_ref()?.bearer.as_ref()?.aws_secrets_manager.as_ref()
    }

    /// `log.level`
    pub(crate) fn log_level(&self) -> Option<&str> {
        self.document.as_ref()?.log_level.as_deref()
    }
}

/// The JSON text of a YAML document. Duplicate keys are errors, aliases are bounded by the parser's budget.
fn json_of_yaml(text: &[u8]) -> Result<Vec<u8>, String> {
    let value: serde_json::Value = serde_saphyr::from_slice(text).map_err(|error| {
        let place = error.location().map(|at| format!(" at line {}, column {}", at.line(), at.column()));
        format!("not valid YAML{}", place.unwrap_or_default())
    })?;
    serde_json::to_vec(&value).map_err(|_| "not a YAML document that JSON can say".to_owned())
}

fn stand_in(value: &serde_json::Value) -> Document {
    use registry_auth::config::raw::Bearer;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let seconds = |value: Option<&serde_json::Value>| {
        value
            .and_then(serde_json::Value::as_str)
            .and_then(|text| text.strip_suffix('s'))
            .and_then(|text| text.parse().ok())
            .map(std::time::Duration::from_secs)
    };
    let aws = value.pointer("/http/auth/bearer/awsSecretsManager").map(|aws| AwsSecretsManager {
        region: aws.get("region").map(text).unwrap_or_default(),
        secret_name: aws.get("secretName").map(text).unwrap_or_default(),
        refresh_interval: seconds(aws.get("refreshInterval")),
        max_stale: seconds(aws.get("maxStale")),
        strict: aws.get("strict").and_then(serde_json::Value::as_bool).unwrap_or_default(),
    });
    Document {
        bearer: Some(Bearer { aws_secrets_manager: aws, ..Bearer::default() }),
        log_level: value.pointer("/log/level").map(text),
        ..Document::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_becomes_the_same_json() {
        let yaml = "http:\n  realm: registry\n  auth:\n    failDelay: 0\n    bearer:\n      oidc:\n        - issuer: https://i\n          skipIssuerVerification: false\n";
        let json = r#"{"http":{"realm":"registry","auth":{"failDelay":0,"bearer":{"oidc":[{"issuer":"https://i","skipIssuerVerification":false}]}}}}"#;
        let read: serde_json::Value = serde_json::from_slice(&json_of_yaml(yaml.as_bytes()).unwrap()).unwrap();
        assert_eq!(read, serde_json::from_str::<serde_json::Value>(json).unwrap());
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
            let message = json_of_yaml(text.as_bytes()).unwrap_err();
            assert!(message.starts_with("not valid YAML at line "), "{text}: {message}");
            assert!(!message.contains("tops3cret"), "{message}");
        }
        assert!(json_of_yaml(b"\xff").is_err());
    }

    #[test]
    fn yaml_that_grows_without_bound_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let before = level - 1;
            let aliases = vec![format!("*a{before}"); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(json_of_yaml(text.as_bytes()).is_err());
    }
}
