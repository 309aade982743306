//! The scenario format: configurations, tokens and rows in one JSON file. `tests/README.md` is its
//! manual.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use registry_auth_engine::time::UnixTime;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::client::{Body, Request};
use crate::mint::Recipe;
use crate::registry::RegistryState;
use crate::vector::Vectors;
use crate::{expand, expect::Expect, login, module, tls};

/// A file of `scenarios/`, ready to run.
#[derive(Clone, Debug)]
pub struct Scenarios {
    /// Name of the file without its ending.
    pub name: String,
    /// Plugin configurations by their name.
    pub configs: BTreeMap<String, Config>,
    /// Tokens by their name.
    pub tokens: BTreeMap<String, Recipe>,
    /// The rows in order.
    pub rows: Vec<Row>,
}

/// A plugin configuration and what the world around it is like.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The plugin configuration, complete.
    pub plugin: Value,
    /// Test keys that the shim has pushed as the set of `awsSecretsManager`; `None`: nothing was
    /// pushed.
    #[serde(default)]
    pub pushed: Option<Vec<String>>,
    /// The test key that the shim has pushed as the set of `mint`; `None`: nothing was pushed.
    #[serde(default)]
    pub minting: Option<String>,
    /// What the login service has pushed besides its key; `None`: it has pushed nothing.
    #[serde(default)]
    pub login: Option<login::Ended>,
    /// What the registry holds.
    #[serde(default)]
    pub registry: RegistryState,
    /// The host holds the body back whenever the head is held, as Envoy does without
    /// `allow_on_headers_stop_iteration`.
    #[serde(default, rename = "holdsBodies")]
    pub holds_bodies: bool,
}

impl Config {
    /// Returns true if it is served over TLS, which `mtls` needs.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.plugin.pointer("/http/auth/mtls").is_some()
    }
}

/// One request and what must come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// A sentence.
    pub name: String,
    /// Name of the configuration.
    pub config: String,
    /// `METHOD TARGET`; characters are bytes, up to U+00FF.
    pub request: String,
    /// More header fields; characters are bytes, `${token:NAME}` is a token.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Name of the token that is presented.
    #[serde(default)]
    pub token: Option<String>,
    /// How it is presented; as bearer token when absent.
    #[serde(default, rename = "as")]
    pub scheme: Scheme,
    /// User name of `"as": "basic"`; `token` when absent.
    #[serde(default)]
    pub user: Option<String>,
    /// The `authorization` fields instead of `token`.
    #[serde(default)]
    pub authorization: Option<Literal>,
    /// The body.
    #[serde(default)]
    pub body: Option<Content>,
    /// Name of the certificate that the client shows.
    #[serde(default)]
    pub certificate: Option<String>,
    /// What must come of it.
    pub expect: Expect,
}

/// How a token is presented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// `Bearer TOKEN`.
    #[default]
    Bearer,
    /// `Basic base64(USER:TOKEN)`.
    Basic,
    /// `TOKEN` alone.
    Raw,
}

/// One `authorization` field, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Literal {
    /// One.
    One(String),
    /// Several, in order.
    Many(Vec<String>),
}

/// A body: a number of bytes, or this text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// That many bytes of no meaning.
    Bytes(usize),
    /// The characters are bytes.
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[expect(dead_code, reason = "for the reader of the file")]
    about: String,
    configs: BTreeMap<String, Value>,
    #[serde(default)]
    tokens: BTreeMap<String, Value>,
    rows: Vec<Value>,
}

/// Where the scenario files are.
#[must_use]
pub fn folder() -> PathBuf {
    module::workspace().join("tests/scenarios")
}

impl Scenarios {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or as [`Self::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .context("the file has no name")?;
        let text = fs::read(path).with_context(|| path.display().to_string())?;
        Self::parse(name, &text).with_context(|| path.display().to_string())
    }

    /// Reads every file of `tests/scenarios`, in order of their names.
    ///
    /// # Errors
    /// As [`Self::read`], or there is no file at all.
    pub fn all() -> Result<Vec<Self>> {
        let folder = folder();
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut paths = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<PathBuf>>>()?;
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        paths.sort();
        ensure!(!paths.is_empty(), "no scenario in {}", folder.display());
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Reads the text of a file called `name`.
    ///
    /// # Errors
    /// Not JSON, unknown or missing members (with their place), duplicate names, or names that
    /// refer to nothing.
    pub fn parse(name: &str, text: &[u8]) -> Result<Self> {
        let mut file = registry_auth_engine::json::parse(text)?;
        if file.get("vectors").is_some() {
            file = Vectors::parse(text)?.expand()?;
        }
        let file: File = typed(file)?;
        let configs = typed_map::<Config>("configs", derive("configs", &file.configs)?)?;
        let tokens = typed_map::<Recipe>("tokens", derive("tokens", &file.tokens)?)?;
        let rows = file.rows.into_iter().enumerate();
        let rows =
            rows.map(|(index, row)| typed::<Row>(row).with_context(|| format!("rows[{index}]")));
        let mut file = Self {
            name: name.to_owned(),
            configs,
            tokens,
            rows: rows.collect::<Result<_>>()?,
        };
        for (name, config) in &mut file.configs {
            without_nulls(&mut config.plugin);
            expand::keys(&mut config.plugin).with_context(|| format!("configs.{name}"))?;
        }
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<()> {
        let mut names = BTreeSet::new();
        for row in &self.rows {
            let at = || format!("row `{}`", row.name);
            ensure!(names.insert(&row.name), "duplicate name `{}`", row.name);
            ensure!(
                self.configs.contains_key(&row.config),
                "{}: there is no config `{}`",
                at(),
                row.config
            );
            let secured = self
                .configs
                .get(&row.config)
                .is_some_and(Config::is_secured);
            ensure!(
                row.certificate.is_none() || secured,
                "{}: `certificate` without `mtls` in the config",
                at()
            );
            ensure!(
                row.token.is_none() || row.authorization.is_none(),
                "{}: `token` and `authorization`",
                at()
            );
            self.request(row, UnixTime::from_secs(0)).with_context(at)?;
            row.expect.check().with_context(at)?;
        }
        Ok(())
    }

    /// The request of a row; relative times in its tokens count from `now`.
    ///
    /// # Errors
    /// A token is unknown or cannot be minted, or the text is malformed.
    pub fn request(&self, row: &Row, now: UnixTime) -> Result<Request> {
        let (method, target) = row
            .request
            .split_once(' ')
            .context("`request` is no `METHOD TARGET`")?;
        let mint = |name: &str| self.mint(name, now);
        let mut headers = Vec::new();
        for value in self.authorization(row, now)? {
            headers.push(("authorization".to_owned(), expand::octets(&value)?));
        }
        for (name, value) in &row.headers {
            headers.push((
                name.clone(),
                expand::octets(&expand::tokens(value, &mint)?)?,
            ));
        }
        let body = match &row.body {
            None => Body::None,
            Some(Content::Bytes(length)) => Body::Sized(vec![b'x'; *length]),
            Some(Content::Text(text)) => {
                Body::Sized(expand::octets(&expand::tokens(text, &mint)?)?)
            }
        };
        let certificate = row.certificate.as_deref().map(tls::pem).transpose()?;
        Ok(Request {
            method: method.to_owned(),
            target: expand::octets(target)?,
            headers,
            body,
            certificate,
        })
    }

    fn authorization(&self, row: &Row, now: UnixTime) -> Result<Vec<String>> {
        let literals = match (&row.token, &row.authorization) {
            (Some(name), _) => {
                let token = self.mint(name, now)?;
                return Ok(vec![match row.scheme {
                    Scheme::Bearer => format!("Bearer {token}"),
                    Scheme::Basic => expand::basic(row.user.as_deref().unwrap_or("token"), &token),
                    Scheme::Raw => token,
                }]);
            }
            (None, Some(Literal::One(one))) => vec![one],
            (None, Some(Literal::Many(many))) => many.iter().collect(),
            (None, None) => vec![],
        };
        literals
            .into_iter()
            .map(|text| expand::tokens(text, &|name| self.mint(name, now)))
            .collect()
    }

    fn mint(&self, name: &str, now: UnixTime) -> Result<String> {
        let recipe = self
            .tokens
            .get(name)
            .with_context(|| format!("there is no token `{name}`"))?;
        recipe.mint(now).with_context(|| format!("token `{name}`"))
    }
}

/// A JSON value as a type, or the place in it that is no such thing.
pub(crate) fn typed<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| anyhow!("{}: {}", error.path(), error.inner()))
}

fn typed_map<T: DeserializeOwned>(
    what: &str,
    values: BTreeMap<String, Value>,
) -> Result<BTreeMap<String, T>> {
    let entry = |(name, value)| {
        let value = typed(value).with_context(|| format!("{what}.{name}"))?;
        Ok((name, value))
    };
    values.into_iter().map(entry).collect()
}

/// Resolves `like`: the entry that it names, with this one laid over it.
fn derive(what: &str, entries: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>> {
    let resolve = |name: &String| Ok((name.clone(), ancestor(what, entries, name, entries.len())?));
    entries.keys().map(resolve).collect()
}

fn ancestor(
    what: &str,
    entries: &BTreeMap<String, Value>,
    name: &str,
    depth: usize,
) -> Result<Value> {
    let entry = entries
        .get(name)
        .with_context(|| format!("{what}: there is no `{name}`"))?;
    let Some(mut members) = entry.as_object().cloned() else {
        bail!("{what}.{name} is no object")
    };
    let Some(like) = members.remove("like") else {
        return Ok(entry.clone());
    };
    let like = like
        .as_str()
        .with_context(|| format!("{what}.{name}.like is no string"))?;
    let depth = depth
        .checked_sub(1)
        .with_context(|| format!("{what}.{name}: `like` goes round in a circle"))?;
    let mut base = ancestor(what, entries, like, depth)?;
    lay_over(&mut base, members);
    Ok(base)
}

/// JSON Merge Patch (RFC 7396), except that a `null` stays: the recipe of a token takes it from
/// there to its header.
fn lay_over(base: &mut Value, patch: Map<String, Value>) {
    if !base.is_object() {
        *base = Value::Object(Map::new());
    }
    let Value::Object(members) = base else { return };
    for (name, value) in patch {
        match value {
            Value::Object(patch) => lay_over(members.entry(name).or_insert(Value::Null), patch),
            other => drop(members.insert(name, other)),
        }
    }
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
