//! The file of settings: which registry gets its tokens from which source.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::environment::{Environment, FileError, shown};
use crate::owned;
use crate::source::Source;

/// The variable that names the file.
pub const VARIABLE: &str = "REGISTRY_AUTH_CREDENTIALS";
/// Where it is otherwise, in the home folder.
pub const DEFAULT: &str = ".config/registry-auth/credentials.json";
/// The user name where none is written. The registry ignores it.
pub const USERNAME: &str = "token";

/// The settings, and where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file; `None` if there is none, and nobody has asked for one.
    pub path: Option<PathBuf>,
    /// Registries by their hosts, in lower case, with their ports.
    pub registries: BTreeMap<String, Registry>,
}

/// A registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The audience of its tokens.
    pub audience: String,
    /// Where they come from; the first source that is there when absent.
    pub source: Option<Source>,
    /// The user name of the credential.
    pub username: String,
}

/// Settings that cannot be used. No message holds a value of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what is expected.
    #[error("`{path}`: {problem}")]
    Invalid {
        /// The file.
        path: String,
        /// What is wrong, and where.
        problem: String,
    },
}

impl Settings {
    /// Reads the file that `REGISTRY_AUTH_CREDENTIALS` names, or that in the home folder. If there
    /// is none in the home folder, there are no registries.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn read(environment: &Environment) -> Result<Self, SettingsError> {
        let path = match (environment.get(VARIABLE), environment.get("HOME")) {
            (Some(path), _) => PathBuf::from(path),
            (None, Some(home)) => {
                let path = Path::new(home).join(DEFAULT);
                // A link that leads nowhere is a mistake; no file at all is not.
                if path
                    .symlink_metadata()
                    .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
                {
                    return Ok(Self::none());
                }
                path
            }
            (None, None) => return Ok(Self::none()),
        };
        // It may name a program that is started.
        let text = owned::read(&path)?;
        let registries = parse(&text).map_err(|problem| SettingsError::Invalid {
            path: shown(&path),
            problem,
        })?;
        Ok(Self {
            path: Some(path),
            registries,
        })
    }

    const fn none() -> Self {
        Self {
            path: None,
            registries: BTreeMap::new(),
        }
    }

    /// Returns where the settings are, as messages show it.
    #[must_use]
    pub fn place(&self) -> String {
        self.path
            .as_deref()
            .map_or_else(|| format!("~/{DEFAULT}"), shown)
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with the member `registries`"
)]
struct Written {
    registries: Registries,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `audience`, `source` and `username`"
)]
struct WrittenRegistry {
    audience: Option<String>,
    source: Option<Source>,
    username: Option<String>,
}

struct Registries(BTreeMap<String, Registry>);

fn parse(text: &str) -> Result<BTreeMap<String, Registry>, String> {
    let written: Written = serde_json::from_str(text).map_err(|error| problem(&error))?;
    Ok(written.registries.0)
}

/// Returns what is wrong, without values: one may be a token that is in the wrong place.
fn problem(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.split_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid") => format!("expected {expected}"),
        _ => message,
    }
}

impl<'de> Deserialize<'de> for Registries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RegistriesVisitor)
    }
}

struct RegistriesVisitor;

impl<'de> Visitor<'de> for RegistriesVisitor {
    type Value = Registries;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .write_str("an object whose members are registries, such as `registry.example.com`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Registries, A::Error> {
        let mut registries = BTreeMap::new();
        while let Some(host) = map.next_key::<String>()? {
            if !is_host(&host) {
                return Err(A::Error::custom(
                    "a registry is written as its host and port, without scheme and path: `registry.example.com` or `registry.example.com:5000`",
                ));
            }
            let written: WrittenRegistry = map.next_value()?;
            let registry = written.checked(&host).map_err(A::Error::custom)?;
            if registries
                .insert(host.to_ascii_lowercase(), registry)
                .is_some()
            {
                return Err(A::Error::custom(format!("`{host}` is there twice")));
            }
        }
        Ok(Registries(registries))
    }
}

fn is_host(host: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !host.is_empty() && host.len() <= 255 && host.bytes().all(fine)
}

impl WrittenRegistry {
    fn checked(self, host: &str) -> Result<Registry, String> {
        let audience = self.audience.unwrap_or_else(|| host.to_owned());
        if audience.is_empty() {
            return Err(format!(
                "`audience` of `{host}` is empty: write what the registry expects in `aud`"
            ));
        }
        let username = self.username.unwrap_or_else(|| USERNAME.to_owned());
        if !is_username(&username) {
            return Err(format!(
                "`username` of `{host}` is not one: any name, without `:` and control characters, but `<token>`"
            ));
        }
        Ok(Registry {
            audience,
            source: self.source,
            username,
        })
    }
}

/// Returns true for what can be a user name of Basic (RFC 7617 section 2) that clients do not treat
/// as the mark of a refresh token.
#[must_use]
pub fn is_username(name: &str) -> bool {
    let fine = |character: char| character != ':' && !character.is_control();
    !name.is_empty() && name.len() <= 255 && name != "<token>" && name.chars().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of rows")]
    fn settings_are_read_or_say_where_they_are_wrong() {
        let rows = [
            (r#"{"registries": {}}"#, ""),
            (r#"{"registries": {"a": {}}}"#, "a=a,-,token"),
            (
                r#"{"registries": {"registry.example.com": {"audience": "registry.example.com", "source": "github", "username": "github"},
                    "Other.example.com:5000": {"source": {"file": "/var/run/secrets/registry/token"}}}}"#,
                "other.example.com:5000=Other.example.com:5000,file,token registry.example.com=registry.example.com,github,github",
            ),
            (
                r#"{"registries": {"a": {"source": {"exec": ["get", "b"]}}}}"#,
                "a=a,exec,token",
            ),
            ("", "EOF while parsing a value at line 1 column 0"),
            (
                "{\n\"registries\": {},}",
                "trailing comma at line 2 column 18",
            ),
            ("[]", "expected an object with the member `registries`"),
            (
                r#"{"registry": {}}"#,
                "unknown field `registry`, expected `registries` at line 1 column 11",
            ),
            (
                r#"{"registries": {"a": {"sorce": "github"}}}"#,
                "unknown field `sorce`, expected one of `audience`, `source`, `username` at line",
            ),
            (
                r#"{"registries": {"a": {"source": "githb"}}}"#,
                "unknown source: write github, gitlab,",
            ),
            (
                r#"{"registries": {"a": {"source": {}}}}"#,
                "a source has a name: write github,",
            ),
            (
                r#"{"registries": {"a": {"source": {"github": ""}}}}"#,
                "a=a,github,token",
            ),
            (
                r#"{"registries": {"a": {"source": {"file": "/b", "env": "C"}}}}"#,
                "a registry has one source",
            ),
            (
                r#"{"registries": {"a": {"source": {"env": ["C"]}}}}"#,
                "only `exec` takes a list",
            ),
            (
                r#"{"registries": {"a": {"source": {"exec": []}}}}"#,
                "`exec` needs a program",
            ),
            (
                r#"{"registries": {"a": {"source": {"env": "eyJ.tops3cret.c2ln"}}}}"#,
                "`env` takes the name of a variable",
            ),
            (
                r#"{"registries": {"a": {"source": 7}}}"#,
                "expected the name of a source",
            ),
            (
                r#"{"registries": {"a": {"source": "eyJ.tops3cret"}}}"#,
                "unknown source",
            ),
            (
                r#"{"registries": "tops3cret"}"#,
                "expected an object whose members are registries",
            ),
            (
                r#"{"registries": {"a": "tops3cret"}}"#,
                "expected an object with `audience`, `source`",
            ),
            (
                r#"{"registries": {"https://a/v2/": {}}}"#,
                "a registry is written as its host and port",
            ),
            (
                r#"{"registries": {"a": {}, "A": {}}}"#,
                "`A` is there twice at line 1 column",
            ),
            (
                r#"{"registries": {"a": {"source": "gcp", "source": "aws"}}}"#,
                "duplicate field `source`",
            ),
            (
                r#"{"registries": {"a": {"audience": ""}}}"#,
                "`audience` of `a` is empty",
            ),
            (
                r#"{"registries": {"a": {"username": ""}}}"#,
                "`username` of `a` is not one",
            ),
            (
                r#"{"registries": {"a": {"username": "<token>"}}}"#,
                "`username` of `a` is not one",
            ),
            (
                r#"{"registries": {"a": {"username": "a:b"}}}"#,
                "`username` of `a` is not one",
            ),
        ];
        for (text, expected) in rows {
            let found = match parse(text) {
                Ok(registries) => {
                    let shown = registries.iter().map(|(host, registry)| {
                        let source = registry.source.as_ref().map_or("-", Source::name);
                        format!(
                            "{host}={},{source},{}",
                            registry.audience, registry.username
                        )
                    });
                    shown.collect::<Vec<_>>().join(" ")
                }
                Err(problem) => problem,
            };
            assert!(found.starts_with(expected), "{text}: {found}");
            assert!(
                expected.is_empty() == found.is_empty() && !found.contains("tops3cret"),
                "{found}"
            );
            assert!(!found.contains('\n'));
        }
    }

    /// The rows: variables, and what is found; `{}` is the folder.
    #[test]
    fn the_file_is_that_of_the_variable_or_that_in_the_home_folder() {
        let folder = owned::tests::private();
        let root = folder.path().to_str().unwrap();
        for (place, host) in [
            ("home/.config/registry-auth", "home"),
            ("other", "variable"),
        ] {
            std::fs::create_dir_all(folder.path().join(place)).unwrap();
            let text = format!(r#"{{"registries": {{"{host}": {{}}}}}}"#);
            std::fs::write(folder.path().join(place).join("credentials.json"), text).unwrap();
        }
        // Whatever the umask is.
        for name in [
            "home",
            "home/.config",
            "home/.config/registry-auth",
            "home/.config/registry-auth/credentials.json",
            "other",
            "other/credentials.json",
        ] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(folder.path().join(name), mode).unwrap();
        }
        let open = folder.path().join("open.json");
        std::fs::write(&open, r#"{"registries": {"evil": {}}}"#).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        std::fs::set_permissions(&open, mode).unwrap();
        let said = format!("`{}` may be changed by others", open.display());
        let rows: [(&[(&str, &str)], &str); 6] = [
            (&[(VARIABLE, "{}/open.json")], &said),
            (&[("HOME", "{}/home")], "home"),
            (
                &[("HOME", "{}/home"), (VARIABLE, "{}/other/credentials.json")],
                "variable",
            ),
            (&[("HOME", "{}/nobody")], ""),
            (&[], ""),
            (&[(VARIABLE, "{}/missing")], "cannot read `"),
        ];
        for (variables, expected) in rows {
            let variables: Vec<_> = variables
                .iter()
                .map(|(name, value)| (*name, value.replace("{}", root)))
                .collect();
            let variables: Vec<_> = variables
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let found = match Settings::read(&Environment::new(&variables, folder.path())) {
                Ok(settings) => settings.registries.into_keys().collect(),
                Err(error) => error.to_string(),
            };
            assert!(found.starts_with(expected), "{variables:?}: {found}");
            assert_eq!(expected.is_empty(), found.is_empty());
        }
    }
}
