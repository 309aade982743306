//! Issuers that many use, and the claims of their tokens: data, with the page it comes from.
//!
//! All pages were read on 2026-11-28.

mod clouds;
mod pipelines;

/// The type of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Bool,
    List,
    Object,
}

/// A claim of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Every token has it.
    pub(crate) always: bool,
}

/// An issuer and its tokens.
#[derive(Debug)]
pub(crate) struct WellKnown {
    /// What people call it.
    pub(crate) name: &'static str,
    /// Where the claims are documented.
    pub(crate) page: &'static str,
    /// Begins of the issuer's address, without the scheme.
    pub(crate) hosts: &'static [&'static str],
    /// Who gets tokens, where that is everybody: "every workflow on github.com".
    pub(crate) anybody: Option<&'static str>,
    /// Claims that say whose a token is; one of them has to be compared where anybody gets tokens.
    pub(crate) owners: &'static [&'static str],
    /// A validation that does.
    pub(crate) example: &'static str,
    /// Names that are given to others after a while, and the ids that are not.
    pub(crate) reused: &'static [(&'static str, &'static str)],
    /// All claims; empty if they are not listed anywhere.
    pub(crate) claims: &'static [Claim],
}

/// The claims of RFC 7519 and `OpenID` Connect Core 1.0 section 2 that any token may have.
const REGISTERED: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "sid",
    "at_hash",
];

impl WellKnown {
    /// The claim of this name; `None` if tokens have none, or if all claims are not known.
    pub(crate) fn claim(&self, name: &str) -> Option<&'static Claim> {
        self.claims.iter().find(|claim| claim.name == name)
    }

    /// Returns true if tokens have no claim of this name.
    pub(crate) fn lacks(&self, name: &str) -> bool {
        !self.claims.is_empty() && self.claim(name).is_none() && !REGISTERED.contains(&name)
    }
}

/// The issuer at an address.
pub(crate) fn of(issuer: &str) -> Option<&'static WellKnown> {
    let address = issuer
        .strip_prefix("https://")
        .or_else(|| issuer.strip_prefix("http://"))
        .unwrap_or(issuer);
    let begins = |host: &str| {
        let rest = address.strip_prefix(host);
        rest.is_some_and(|rest| {
            rest.is_empty() || host.ends_with(['/', '.']) || rest.starts_with('/')
        })
    };
    let all = pipelines::ALL.iter().chain(clouds::ALL);
    let mut known = all.filter(|known| known.hosts.iter().any(|host| begins(host)));
    known.next().or_else(|| of_region(address))
}

/// Issuers of clusters, whose addresses have the region in them.
fn of_region(address: &str) -> Option<&'static WellKnown> {
    let host = address.split('/').next()?;
    let eks = host.starts_with("oidc.eks.") && host.contains(".amazonaws.com");
    let aks = host.ends_with(".oic.prod-aks.azure.com");
    (eks || aks).then_some(&clouds::KUBERNETES)
}

const fn text(name: &'static str) -> Claim {
    claim(name, Kind::Text, true)
}

const fn some_text(name: &'static str) -> Claim {
    claim(name, Kind::Text, false)
}

const fn claim(name: &'static str, kind: Kind, always: bool) -> Claim {
    Claim { name, kind, always }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_known_by_their_address() {
        let rows = [
            (
                "https://token.actions.githubusercontent.com",
                "GitHub Actions",
            ),
            (
                "https://token.actions.githubusercontent.com/acme",
                "GitHub Actions",
            ),
            ("https://token.actions.githubusercontent.com.evil.test", ""),
            ("https://gitlab.com", "GitLab"),
            ("https://gitlab.com.evil.test", ""),
            ("https://accounts.google.com", "Google"),
            ("accounts.google.com", "Google"),
            (
                "https://login.microsoftonline.com/t/v2.0",
                "Microsoft Entra",
            ),
            (
                "https://oidc.eks.eu-west-1.amazonaws.com/id/X",
                "Kubernetes",
            ),
            ("https://kubernetes.default.svc.cluster.local", "Kubernetes"),
            ("https://oidc.circleci.com/org/1", "CircleCI"),
            (
                "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
                "Microsoft accounts",
            ),
            (
                "https://login.microsoftonline.com/consumersx",
                "Microsoft Entra",
            ),
            ("https://appleid.apple.com", "Apple"),
            ("https://oauth2.sigstore.dev/auth", "Sigstore"),
            ("https://app.terraform.io", "HCP Terraform"),
            ("https://id.example.com", ""),
        ];
        for (issuer, name) in rows {
            assert_eq!(of(issuer).map_or("", |known| known.name), name, "{issuer}");
        }
    }

    #[test]
    fn what_says_whose_a_token_is_is_a_claim() {
        for known in pipelines::ALL.iter().chain(clouds::ALL) {
            let ids = known.reused.iter().flat_map(|(name, id)| [name, id]);
            for name in known.owners.iter().chain(ids) {
                assert!(!known.lacks(name), "{}: {name}", known.name);
            }
            assert!(known.page.starts_with("https://"), "{}", known.name);
            assert_eq!(
                known.anybody.is_some(),
                !known.owners.is_empty(),
                "{}",
                known.name
            );
        }
    }
}
