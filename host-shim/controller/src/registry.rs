//! A registry that the operator allows, and the audience of its tokens.

use std::str::FromStr;

/// The longest host, in bytes.
const MAX_HOST: usize = 255;
/// The longest audience, in bytes.
const MAX_AUDIENCE: usize = 1024;
/// The longest text that a message shows, in characters.
const SHOWN: usize = 60;
/// How audiences of API servers begin. A token for one is a token for the cluster, and has no
/// business in a Secret.
const OF_API_SERVERS: [&str; 4] = [
    "https://kubernetes.default",
    "kubernetes.default",
    "https://kubernetes",
    "kubernetes",
];

/// A registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Registry {
    /// Its host and port, in lower case.
    pub host: String,
    /// What it expects in the claim `aud`.
    pub audience: String,
}

/// A text that is no registry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The host is not one.
    #[error(
        "`{0}` is not a registry: write its host and port, without scheme and path, and after `=` the audience if it is another: `registry.example.com` or `registry.example.com:5000=my-audience`"
    )]
    Host(String),
    /// The audience is not one.
    #[error(
        "the audience of `{0}` is empty, too long or has blanks: write what the registry expects in `aud`"
    )]
    Audience(String),
    /// The audience is that of an API server.
    #[error(
        "the audience `{0}` is that of an API server: its tokens give access to the cluster, choose one of the registry's own"
    )]
    ApiServer(String),
}

impl FromStr for Registry {
    type Err = RegistryError;

    /// Reads `HOST[:PORT]` or `HOST[:PORT]=AUDIENCE`.
    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let (host, audience) = match text.split_once('=') {
            Some((host, audience)) => (host, Some(audience)),
            None => (text, None),
        };
        if !is_host(host) {
            return Err(RegistryError::Host(shown(text)));
        }
        let host = host.to_ascii_lowercase();
        let audience = audience.map_or_else(|| host.clone(), str::to_owned);
        let fine = |letter: char| !letter.is_whitespace() && !letter.is_control();
        if audience.is_empty() || audience.len() > MAX_AUDIENCE || !audience.chars().all(fine) {
            return Err(RegistryError::Audience(host));
        }
        if is_of_api_server(&audience) {
            return Err(RegistryError::ApiServer(shown(&audience)));
        }
        Ok(Self { host, audience })
    }
}

fn is_host(host: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let begins = host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[');
    begins && host.len() <= MAX_HOST && host.bytes().all(fine)
}

fn is_of_api_server(audience: &str) -> bool {
    let audience = audience.to_ascii_lowercase();
    OF_API_SERVERS.iter().any(|known| {
        let rest = audience.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':', '/']))
    })
}

/// Returns a text as messages show it: one line, and not all of a long one.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut letters = text.chars();
    let cut: String = letters.by_ref().take(SHOWN).collect();
    let more = if letters.next().is_some() { "..." } else { "" };
    format!("{}{more}", cut.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_a_host_and_its_audience() {
        let rows = [
            (
                "registry.example.com",
                Ok(("registry.example.com", "registry.example.com")),
            ),
            (
                "Registry.example.com:5000",
                Ok(("registry.example.com:5000", "registry.example.com:5000")),
            ),
            ("[::1]:5000=a", Ok(("[::1]:5000", "a"))),
            (
                "r.example=https://r.example/?a=b",
                Ok(("r.example", "https://r.example/?a=b")),
            ),
            (
                "r.example=kubernetesque",
                Ok(("r.example", "kubernetesque")),
            ),
            ("", Err("is not a registry")),
            ("https://r.example", Err("is not a registry")),
            ("r.example/team", Err("is not a registry")),
            ("-r.example", Err("is not a registry")),
            ("r.example\n", Err("`r.example\\n` is not a registry")),
            ("r.example=", Err("the audience of `r.example` is empty")),
            ("r.example=a b", Err("has blanks")),
            (
                "r.example=https://kubernetes.default.svc.cluster.local",
                Err("is that of an API server"),
            ),
            ("r.example=KUBERNETES", Err("is that of an API server")),
            ("r.example=kubernetes.default.svc", Err("is that of an API")),
        ];
        for (text, expected) in rows {
            match (text.parse::<Registry>(), expected) {
                (Ok(found), Ok((host, audience))) => {
                    assert_eq!((&*found.host, &*found.audience), (host, audience));
                }
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{text}: {error}");
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
