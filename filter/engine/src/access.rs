//! What a route needs: actions on repositories, and the same as Docker scopes.

use std::fmt::Write as _;

use crate::route::{Reference, Repository, Route};

/// zot's method actions, the words of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Pull: manifests, blobs, tag lists, referrers.
    Read,
    /// Upload blobs, push a tag that does not exist.
    Create,
    /// Push a tag that exists.
    Update,
    /// Delete manifests, blobs, uploads.
    Delete,
}

impl Action {
    /// The word in policies and in `req.action`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The action of a word, exactly as written in policies.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Read, Self::Create, Self::Update, Self::Delete].into_iter().find(|action| action.name() == name)
    }

    /// The action of an `access` claim that covers this one (Docker token authentication specification, "scope").
    #[must_use]
    pub const fn scope_action(self) -> &'static str {
        match self {
            Self::Read => "pull",
            Self::Create | Self::Update => "push",
            Self::Delete => "delete",
        }
    }

    /// What a client has to ask for to get this action: pushing clients also pull.
    const fn scope_actions(self) -> &'static str {
        match self {
            Self::Read => "pull",
            Self::Create | Self::Update => "pull,push",
            Self::Delete => "delete",
        }
    }
}

/// One check: an action on a repository, and on a manifest reference if the route has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check<'a> {
    /// What is done.
    pub action: Action,
    /// To which repository.
    pub repository: &'a str,
    /// To which manifest; empty for everything else (`req.reference`).
    pub reference: &'a str,
}

/// Everything that a route needs; all of it must be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessSet<'a> {
    /// Nothing: a public path.
    Nothing,
    /// Somebody, whoever it is.
    Identity,
    /// The whole catalog.
    Catalog,
    /// Each of these.
    Checks(Vec<Check<'a>>),
}

impl<'a> AccessSet<'a> {
    /// What a route needs.
    ///
    /// Whether a pushed tag exists is not known here, so a tag push needs create and update, the stricter of both.
    #[must_use]
    pub fn of(route: &'a Route<'_>) -> Self {
        match route {
            Route::Public => Self::Nothing,
            Route::Base | Route::Extension => Self::Identity,
            Route::Catalog => Self::Catalog,
            Route::PullManifest(name, reference) => Self::Checks(vec![check(Action::Read, name, reference.as_str())]),
            Route::DeleteManifest(name, reference) => {
                Self::Checks(vec![check(Action::Delete, name, reference.as_str())])
            }
            Route::PushManifest(name, reference, tags) => Self::Checks(push(name, reference, tags)),
            Route::Tags(name) | Route::PullBlob(name) | Route::UploadStatus(name) | Route::Referrers(name) => {
                Self::Checks(vec![check(Action::Read, name, "")])
            }
            Route::DeleteBlob(name) | Route::CancelUpload(name) => Self::Checks(vec![check(Action::Delete, name, "")]),
            Route::ContinueUpload(name) => Self::Checks(vec![check(Action::Create, name, "")]),
            Route::StartUpload(name, sources) => {
                let mut checks = vec![check(Action::Create, name, "")];
                checks.extend(sources.iter().map(|source| Check {
                    action: Action::Read,
                    repository: source,
                    reference: "",
                }));
                Self::Checks(checks)
            }
        }
    }

    /// The scopes to ask a token server for, separated by blanks; empty for none.
    #[must_use]
    pub fn scope(&self) -> String {
        let checks = match self {
            Self::Nothing | Self::Identity => return String::new(),
            Self::Catalog => return "registry:catalog:*".to_owned(),
            Self::Checks(checks) => checks,
        };
        let mut scopes: Vec<(&str, &str)> = Vec::new();
        for check in checks {
            let scope = (check.repository, check.action.scope_actions());
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        let mut text = String::new();
        for (repository, actions) in scopes {
            let blank = if text.is_empty() { "" } else { " " };
            let _ = write!(text, "{blank}repository:{repository}:{actions}");
        }
        text
    }
}

/// A tag is pushed under its name; a digest is created, and each of its tags is a tag push of its own.
fn push<'a>(name: &Repository<'a>, reference: &'a Reference<'_>, tags: &'a [String]) -> Vec<Check<'a>> {
    let mut checks = Vec::with_capacity(2 + 2 * tags.len());
    let mut push_tag = |tag| checks.extend([Action::Create, Action::Update].map(|action| check(action, name, tag)));
    match reference {
        Reference::Tag(tag) => push_tag(*tag),
        Reference::Digest(digest) => {
            for tag in tags {
                push_tag(tag.as_str());
            }
            checks.push(check(Action::Create, name, digest.as_str()));
            if !tags.is_empty() {
                checks.push(check(Action::Update, name, digest.as_str()));
            }
        }
    }
    checks
}

const fn check<'a>(action: Action, repository: &Repository<'a>, reference: &'a str) -> Check<'a> {
    Check { action, repository: repository.as_str(), reference }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Surface;

    const SHA: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn needs(method: &str, target: &str) -> (Vec<String>, String) {
        let surface = Surface::default();
        let route = Route::parse(method.as_bytes(), target.as_bytes(), &surface).unwrap();
        let access = AccessSet::of(&route);
        let scope = access.scope();
        let checks = match access {
            AccessSet::Nothing => vec!["nothing".into()],
            AccessSet::Identity => vec!["identity".into()],
            AccessSet::Catalog => vec!["catalog".into()],
            AccessSet::Checks(checks) => checks
                .iter()
                .map(|check| {
                    format!("{} {} {}", check.action.name(), check.repository, check.reference.replace(SHA, "SHA"))
                        .trim()
                        .to_owned()
                })
                .collect(),
        };
        (checks, scope)
    }

    #[test]
    fn a_route_needs_what_the_contract_says() {
        let rows: [(&str, &str, &[&str], &str); 16] = [
            ("GET", "/v2/", &["identity"], ""),
            ("GET", "/v2/_catalog?n=5", &["catalog"], "registry:catalog:*"),
            ("GET", "/v2/a/b/tags/list", &["read a/b"], "repository:a/b:pull"),
            ("HEAD", "/v2/a/manifests/v1", &["read a v1"], "repository:a:pull"),
            ("GET", "/v2/a/manifests/@", &["read a SHA"], "repository:a:pull"),
            ("GET", "/v2/a/blobs/@", &["read a"], "repository:a:pull"),
            ("GET", "/v2/a/referrers/@", &["read a"], "repository:a:pull"),
            ("GET", "/v2/a/blobs/uploads/x", &["read a"], "repository:a:pull"),
            ("POST", "/v2/a/blobs/uploads/", &["create a"], "repository:a:pull,push"),
            ("PATCH", "/v2/a/blobs/uploads/x", &["create a"], "repository:a:pull,push"),
            (
                "POST",
                "/v2/a/blobs/uploads/?mount=@&from=b",
                &["create a", "read b"],
                "repository:a:pull,push repository:b:pull",
            ),
            ("PUT", "/v2/a/manifests/v1", &["create a v1", "update a v1"], "repository:a:pull,push"),
            ("PUT", "/v2/a/manifests/@", &["create a SHA"], "repository:a:pull,push"),
            (
                "PUT",
                "/v2/a/manifests/@?tag=x",
                &["create a x", "update a x", "create a SHA", "update a SHA"],
                "repository:a:pull,push",
            ),
            ("DELETE", "/v2/a/manifests/v1", &["delete a v1"], "repository:a:delete"),
            ("DELETE", "/v2/a/blobs/uploads/x", &["delete a"], "repository:a:delete"),
        ];
        for (method, target, checks, scope) in rows {
            let target = target.replace('@', SHA);
            assert_eq!(needs(method, &target), (checks.iter().map(|&c| c.into()).collect(), scope.into()), "{target}");
        }
    }
}
