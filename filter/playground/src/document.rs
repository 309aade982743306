//! A configuration as the filter would get it.

use std::collections::BTreeMap;

use registry_auth_engine::compile::compile;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::config::{ConfigError, Diagnostics, Role, decode_value};
use registry_auth_engine::engine::Engine;
use registry_auth_render::{Endpoint, Files, Login, Options, complete, issuer_warnings};
use serde_json::Value;

/// What a document means to the filter.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// The engine, if there are no errors.
    pub(crate) engine: Option<Engine>,
    /// The document as the filter gets it.
    pub(crate) document: Option<Document>,
    /// Errors and warnings.
    pub(crate) found: Diagnostics,
    /// True if it was completed as `registry-auth run` does.
    pub(crate) is_completed: bool,
    /// What was assumed because nothing is said about it.
    pub(crate) assumptions: Vec<String>,
}

/// The files that a document names: those that the caller has read.
struct Given<'a>(&'a BTreeMap<String, String>);

impl Files for Given<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let text = self.0.get(path).map(|text| text.clone().into_bytes());
        text.ok_or_else(|| {
            "a page reads no files: write its content here, or start `registry-auth playground`"
                .to_owned()
        })
    }
}

/// Compiles a document: as the filter reads it, if it can, and completed as `registry-auth run`
/// does otherwise.
#[must_use]
pub(crate) fn read(value: &Value, files: &BTreeMap<String, String>) -> Compiled {
    let filter = as_written(value.clone());
    if filter.engine.is_some() || value.get("intake").is_some() {
        return filter;
    }
    let proxy = completed(value, files);
    // The way that is less wrong is the one that is meant.
    if proxy.found.errors.len() < filter.found.errors.len() || people(value).is_some() {
        proxy
    } else {
        filter
    }
}

/// Returns what a document means to `registry-auth run`, if it takes it, as `registry-auth check`
/// reads it first; otherwise what was found before.
#[must_use]
pub(crate) fn as_run(value: &Value, files: &BTreeMap<String, String>, read: Compiled) -> Compiled {
    if read.is_completed || value.get("intake").is_some() {
        return read;
    }
    let proxy = completed(value, files);
    if proxy.found.errors.is_empty() {
        proxy
    } else {
        read
    }
}

fn as_written(value: Value) -> Compiled {
    let (role, mut found) = decode_value(value);
    match role {
        Role::Filter(document) => {
            found.warnings.extend(issuer_warnings(&document));
            let compiled = compile(&document, &mut found);
            let compiled = compiled.filter(|_| found.errors.is_empty());
            Compiled {
                engine: compiled.map(|compiled| compiled.engine),
                document: Some(*document),
                found,
                ..Compiled::default()
            }
        }
        Role::Intake(_) => {
            found.errors.push(ConfigError {
                path: "intake".to_owned(),
                message:
                    "an intake takes pushed keys and decides nothing: write a document with `http`"
                        .to_owned(),
            });
            Compiled {
                found,
                ..Compiled::default()
            }
        }
        Role::Unreadable => Compiled {
            found,
            ..Compiled::default()
        },
    }
}

fn completed(value: &Value, files: &BTreeMap<String, String>) -> Compiled {
    let options = Options {
        login: people(value),
        ..Options::default()
    };
    match complete(value, &options, &Given(files)) {
        Ok(completed) => Compiled {
            found: Diagnostics {
                errors: Vec::new(),
                warnings: completed.warnings,
            },
            is_completed: true,
            assumptions: completed.assumptions,
            ..as_written(completed.filter)
        },
        Err(errors) => Compiled {
            found: Diagnostics {
                errors,
                warnings: Vec::new(),
            },
            is_completed: true,
            ..Compiled::default()
        },
    }
}

/// How people log in, by zot's sections; nothing asks the service here.
fn people(value: &Value) -> Option<Login> {
    let auth = member(member(value, "http")?, "auth")?;
    let mut methods: Vec<String> = ["htpasswd", "ldap"]
        .into_iter()
        .filter(|name| member(auth, name).is_some())
        .map(str::to_owned)
        .collect();
    let openid = member(auth, "openid").and_then(|openid| member(openid, "providers"));
    let providers = openid.and_then(Value::as_object).into_iter().flatten();
    methods.extend(providers.map(|(name, _)| format!("openid:{name}")));
    if methods.is_empty() {
        return None;
    }
    if member(auth, "apikey") == Some(&Value::Bool(true)) {
        methods.push("apiKey".to_owned());
    }
    Some(Login {
        methods,
        endpoint: Endpoint::Unix("/run/registry-auth/login.sock".to_owned()),
    })
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = value.as_object()?.iter();
    let found = members.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}
