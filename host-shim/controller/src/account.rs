//! What a service account gets, from its labels and annotations and those of its namespace.

use registry_auth_credential_helper::kubelet::ANNOTATION as USERNAME;
use registry_auth_credential_helper::settings::is_username;

use crate::names::{OPT_IN, REGISTRIES, hash};
use crate::registry::{Registry, shown};
use crate::settings::Settings;

/// The longest value of an annotation that is read, in bytes. All accounts are kept in memory, and
/// an object may have a megabyte.
pub const MAX_VALUE: usize = 4_096;

/// Where `imagePullSecrets` of an account have its Secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listed {
    /// There is no list.
    #[default]
    NoList,
    /// The list does not have it.
    Not,
    /// At this place.
    At(usize),
}

/// A service account, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its unique id.
    pub uid: String,
    /// The version of the object, for writes that fail when it has changed.
    pub resource_version: String,
    /// The value of the label that opts in or out.
    pub opt_in: Option<String>,
    /// The value of the annotation with registries.
    pub registries: Option<String>,
    /// The value of the annotation with the user name.
    pub username: Option<String>,
    /// Whether its `imagePullSecrets` list its Secret.
    pub listed: Listed,
    /// Whether it is being deleted.
    pub is_ending: bool,
}

/// What a Secret is written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The registries, in the order of their hosts.
    pub registries: Vec<Registry>,
    /// The user name of all of them.
    pub username: String,
    /// The life that is asked for, in seconds.
    pub lifetime: u32,
}

/// Why an account gets no Secret although it wants one. Its text is for the owner of the account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The label has another value.
    #[error("the label {OPT_IN} is `{0}`: write \"true\" or \"false\"")]
    OptIn(String),
    /// A registry is not one that the operator allows.
    #[error(
        "the annotation {REGISTRIES} names `{0}`, which is not a registry of the controller: remove it, or have the operator add `--registry`"
    )]
    Registry(String),
    /// An annotation is too long.
    #[error("the annotation {0} has more than {MAX_VALUE} bytes: shorten it")]
    TooLong(&'static str),
    /// No registry is named.
    #[error(
        "the annotation {REGISTRIES} is empty: name registries with commas between, or remove it"
    )]
    NoRegistry,
    /// The user name cannot be used.
    #[error(
        "the annotation {USERNAME} is not a user name: any name, without `:` and control characters, but `<token>`"
    )]
    Username,
}

impl Spec {
    /// Returns a hash of everything in it, for the annotation of the Secret.
    #[must_use]
    pub fn hash(&self) -> String {
        let lifetime = self.lifetime.to_string();
        let mut texts = vec![self.username.as_str(), lifetime.as_str()];
        for registry in &self.registries {
            texts.extend([registry.host.as_str(), registry.audience.as_str()]);
        }
        hash(&texts, 16)
    }
}

impl Account {
    /// Returns what its Secret has to be for; `None` if it gets none. `namespace` is the value of
    /// the label of its namespace.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub fn spec(
        &self,
        namespace: Option<&str>,
        settings: &Settings,
    ) -> Result<Option<Spec>, AccountError> {
        let is_in = match (self.opt_in.as_deref(), namespace) {
            (Some("true"), _) | (None, Some("true")) => true,
            (Some("false") | None, _) => false,
            (Some(other), _) => return Err(AccountError::OptIn(shown(other))),
        };
        if !is_in {
            return Ok(None);
        }
        for (name, value) in [(REGISTRIES, &self.registries), (USERNAME, &self.username)] {
            if value.as_ref().is_some_and(|value| value.len() > MAX_VALUE) {
                return Err(AccountError::TooLong(name));
            }
        }
        let username = self.username.as_deref().unwrap_or(&settings.username);
        if !is_username(username) {
            return Err(AccountError::Username);
        }
        Ok(Some(Spec {
            registries: self.chosen(settings)?,
            username: username.to_owned(),
            lifetime: settings.lifetime,
        }))
    }

    fn chosen(&self, settings: &Settings) -> Result<Vec<Registry>, AccountError> {
        let mut chosen = match &self.registries {
            None => settings.registries.clone(),
            Some(list) => {
                let hosts = list.split(',').map(str::trim);
                let hosts = hosts.filter(|host| !host.is_empty());
                hosts
                    .map(|host| {
                        let known = settings.registry(&host.to_ascii_lowercase());
                        let unknown = || AccountError::Registry(shown(host));
                        known.cloned().ok_or_else(unknown)
                    })
                    .collect::<Result<_, _>>()?
            }
        };
        chosen.sort();
        chosen.dedup();
        if chosen.is_empty() {
            return Err(AccountError::NoRegistry);
        }
        Ok(chosen)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;

    /// Returns settings with two registries.
    pub(crate) fn settings() -> Settings {
        Settings {
            registries: ["b.example:5000=second", "a.example"]
                .map(|text| text.parse().unwrap())
                .to_vec(),
            username: "kubernetes".to_owned(),
            lifetime: 3_600,
            patch_accounts: true,
            argo: None,
            lease_namespace: "system".to_owned(),
            identity: "me".to_owned(),
            timeout: Duration::from_secs(5),
        }
    }

    /// The label of the namespace; label, registries and user name of the account.
    type Row = (
        [Option<&'static str>; 4],
        Result<&'static str, &'static str>,
    );

    #[test]
    fn labels_and_annotations_say_what_an_account_gets() {
        let all = "kubernetes a.example=a.example b.example:5000=second";
        let one = "kubernetes b.example:5000=second";
        let long: &'static str = "a.example,".repeat(410).leak();
        let rows: &[Row] = &[
            (
                [Some("true"), None, Some(long), None],
                Err("registries has more than 4096 bytes"),
            ),
            (
                [Some("true"), None, None, Some(long)],
                Err("username has more than 4096 bytes"),
            ),
            ([None, None, None, None], Ok("")),
            ([Some("true"), None, None, None], Ok(all)),
            ([None, Some("true"), None, None], Ok(all)),
            ([Some("true"), Some("false"), None, None], Ok("")),
            ([Some("false"), Some("true"), None, None], Ok(all)),
            ([Some("yes"), None, None, None], Ok("")),
            (
                [Some("true"), Some("yes"), None, None],
                Err("is `yes`: write"),
            ),
            ([None, Some(""), None, None], Err("is ``: write")),
            (
                [
                    Some("true"),
                    None,
                    Some(" B.example:5000 ,, b.example:5000"),
                    None,
                ],
                Ok(one),
            ),
            ([Some("true"), None, Some(" , "), None], Err("is empty")),
            // Nothing is read of an account that is not in.
            ([None, None, Some("evil.example"), Some(":")], Ok("")),
            (
                [
                    Some("true"),
                    None,
                    Some("a.example,evil.example\u{1b}[2J"),
                    None,
                ],
                Err(r"names `evil.example\u{1b}[2J`"),
            ),
            (
                [
                    Some("true"),
                    None,
                    Some("a.example=https://kubernetes.default.svc"),
                    None,
                ],
                Err("is not a registry of the controller"),
            ),
            (
                [Some("true"), None, Some("b.example:5000"), Some("flux")],
                Ok("flux b.example:5000=second"),
            ),
            (
                [Some("true"), None, None, Some("a:b")],
                Err("is not a user name"),
            ),
            (
                [Some("true"), None, None, Some("<token>")],
                Err("is not a user name"),
            ),
        ];
        for ([namespace, opt_in, registries, username], expected) in rows {
            let text = |value: Option<&str>| value.map(str::to_owned);
            let account = Account {
                opt_in: text(*opt_in),
                registries: text(*registries),
                username: text(*username),
                ..Account::default()
            };
            match (account.spec(*namespace, &settings()), expected) {
                (Ok(spec), Ok(expected)) => assert_eq!(described(spec), *expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (found, _) => panic!("{expected:?}: {found:?}"),
            }
        }
    }

    fn described(spec: Option<Spec>) -> String {
        let Some(spec) = spec else {
            return String::new();
        };
        let registries = spec.registries.iter();
        let registries = registries.map(|one| format!("{}={}", one.host, one.audience));
        std::iter::once(spec.username.clone())
            .chain(registries)
            .collect::<Vec<_>>()
            .join(" ")
    }
}
