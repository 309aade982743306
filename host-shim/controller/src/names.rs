//! Names that the controller reads and writes.

use sha2::{Digest as _, Sha256};

/// The field manager of everything that is written, and the value of [`MANAGED_BY`].
pub const MANAGER: &str = "registry-auth";
/// The label of objects that the controller has made.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The label of namespaces, service accounts and repository Secrets that opts in or out.
pub const OPT_IN: &str = "registry-auth.dev/pull-secret";
/// The annotation of a service account with the registries that it uses.
pub const REGISTRIES: &str = "registry-auth.dev/registries";
/// The annotation of a Secret with the hash of what it was written for.
pub const SPEC: &str = "registry-auth.dev/spec";
/// The annotation of a Secret with the time at which its first token ends.
pub const EXPIRES: &str = "registry-auth.dev/expires";
/// The annotation of a Secret with the time at which it is written again.
pub const RENEW: &str = "registry-auth.dev/renew";
/// The annotation of a Secret with a hash of what was written.
pub const DIGEST: &str = "registry-auth.dev/digest";
/// The member of a pull secret's content.
pub const CONTENT: &str = ".dockerconfigjson";
/// The member of a repository Secret with the user name.
pub const LOGIN: &str = "username";
/// The member of a repository Secret with the token.
pub const PASSWORD: &str = "password";
/// What is written of the content of a pull secret.
pub const PULL_SECRET: &[&str] = &[CONTENT];
/// What is written of the content of a repository Secret.
pub const REPOSITORY: &[&str] = &[LOGIN, PASSWORD];
/// The type of pull secrets.
pub const SECRET_TYPE: &str = "kubernetes.io/dockerconfigjson";
/// The label of the Secrets that Argo CD reads.
pub const ARGO_TYPE: &str = "argocd.argoproj.io/secret-type";
/// Its value for a repository.
pub const ARGO_REPOSITORY: &str = "repository";
/// Its value for all repositories whose URLs begin with one.
pub const ARGO_PREFIX: &str = "repo-creds";

/// The longest name of an object (DNS subdomain, RFC 1123).
const MAX_NAME: usize = 253;

/// The kind of the owners of pull secrets.
pub const OWNER: &str = "ServiceAccount";

/// Returns the name of the pull secret of a service account.
#[must_use]
pub fn secret_name(account: &str) -> String {
    let name = format!("{MANAGER}-{account}");
    if name.len() <= MAX_NAME {
        return name;
    }
    with_suffix(&name, &hash(&[account], 4))
}

/// Returns a name that begins like `name` and ends with `suffix`, no longer than a name may be.
#[must_use]
pub fn with_suffix(name: &str, suffix: &str) -> String {
    let room = MAX_NAME.saturating_sub(suffix.len()).saturating_sub(1);
    let cut: String = name.chars().take(room).collect();
    // A part of a name may not end with a dash or be empty.
    let cut = cut.trim_end_matches(|last: char| !last.is_ascii_alphanumeric());
    format!("{cut}-{suffix}")
}

/// Returns the first `bytes` bytes, in hexadecimal digits, of SHA-256 of texts. Texts that differ
/// give different hashes wherever one ends and the next begins.
#[must_use]
pub fn hash(texts: &[&str], bytes: usize) -> String {
    let mut sha = Sha256::new();
    for text in texts {
        sha.update(text.len().to_be_bytes());
        sha.update(text);
    }
    let bytes = sha.finalize().into_iter().take(bytes);
    bytes.fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_valid_and_differ() {
        let long = |end: &str| "a".repeat(253 - end.len()) + end;
        let dots = format!("{}.{}", "a".repeat(229), "b".repeat(23));
        let rows = [
            "default".to_owned(),
            "a".repeat(239),
            "a".repeat(240),
            long("a"),
            long("b"),
            dots,
        ];
        let names: Vec<_> = rows.iter().map(|account| secret_name(account)).collect();
        assert_eq!(names[0], "registry-auth-default");
        assert_eq!(names[1], format!("registry-auth-{}", "a".repeat(239)));
        for name in &names {
            let fine = |part: &str| {
                part.starts_with(|first: char| first.is_ascii_alphanumeric())
                    && part.ends_with(|last: char| last.is_ascii_alphanumeric())
            };
            assert!(name.len() <= 253 && name.split('.').all(fine), "{name}");
        }
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        assert_ne!(hash(&["ab", "c"], 4), hash(&["a", "bc"], 4));
    }
}
