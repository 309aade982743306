//! What a route needs: actions on repositories, and the same as Docker scopes.

use std::fmt::Write as _;

use strum::VariantArray;

use crate::route::{LoginRoute, Mount, Reference, Repository, Route};

/// zot's method actions, the words of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
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
        Self::VARIANTS
            .iter()
            .copied()
            .find(|action| action.name() == name)
    }

    /// The action of an `access` claim that covers this one (Docker token authentication
    /// specification, "scope").
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

/// A push that sets a tag: what it needs depends on whether the tag exists upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagPush<'a> {
    /// The repository.
    pub repository: &'a str,
    /// The tag.
    pub tag: &'a str,
    /// What is needed if the tag does not exist.
    pub missing: Vec<Check<'a>>,
    /// What is needed if it does.
    pub existing: Vec<Check<'a>>,
}

/// Everything that a route needs; all of it must be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessSet<'a> {
    /// Nothing: a public path.
    Nothing,
    /// Any credential, also one that names no user: the reply says only that the credential is
    /// valid.
    Credential,
    /// Any identity.
    Identity,
    /// The catalog, as far as each repository may be read.
    Catalog,
    /// Each of these.
    Checks(Vec<Check<'a>>),
    /// Each of these.
    Tags(Vec<TagPush<'a>>),
    /// An upload into a repository, from others if they may be read.
    Mount(Check<'a>, Sources<'a>),
}

/// Where a mount takes its blob from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sources<'a> {
    /// From any repository.
    Any,
    /// From these.
    Each(Vec<Check<'a>>),
}

impl<'a> AccessSet<'a> {
    /// What a route needs.
    #[must_use]
    pub fn of(route: &'a Route<'_>) -> Self {
        match route {
            Route::Public | Route::Login(LoginRoute::Page) => Self::Nothing,
            Route::Base => Self::Credential,
            Route::Extension | Route::Token | Route::Login(LoginRoute::ApiKeys) => Self::Identity,
            Route::Catalog(_) => Self::Catalog,
            Route::PullManifest(name, reference) => {
                Self::Checks(vec![check(Action::Read, name, reference.as_str())])
            }
            Route::DeleteManifest(name, reference) => {
                Self::Checks(vec![check(Action::Delete, name, reference.as_str())])
            }
            Route::PushManifest(name, Reference::Tag(reference), tags) => {
                let others = tags
                    .iter()
                    .map(String::as_str)
                    .filter(|tag| tag != reference);
                let tags = std::iter::once(*reference).chain(others);
                Self::Tags(tags.map(|tag| tag_push(name, tag, None)).collect())
            }
            Route::PushManifest(name, Reference::Digest(digest), tags) if tags.is_empty() => {
                Self::Checks(vec![check(Action::Create, name, digest.as_str())])
            }
            Route::PushManifest(name, Reference::Digest(digest), tags) => Self::Tags(
                tags.iter()
                    .map(|tag| tag_push(name, tag, Some(digest.as_str())))
                    .collect(),
            ),
            Route::Tags(name)
            | Route::PullBlob(name)
            | Route::UploadStatus(name)
            | Route::Referrers(name) => Self::Checks(vec![check(Action::Read, name, "")]),
            Route::DeleteBlob(name) | Route::CancelUpload(name) => {
                Self::Checks(vec![check(Action::Delete, name, "")])
            }
            Route::ContinueUpload(name) | Route::StartUpload(name, Mount::No) => {
                Self::Checks(vec![check(Action::Create, name, "")])
            }
            Route::StartUpload(name, Mount::FromAnywhere) => {
                Self::Mount(check(Action::Create, name, ""), Sources::Any)
            }
            Route::StartUpload(name, Mount::From(sources)) => {
                let read = |source: &'a String| Check {
                    action: Action::Read,
                    repository: source,
                    reference: "",
                };
                Self::Mount(
                    check(Action::Create, name, ""),
                    Sources::Each(sources.iter().map(read).collect()),
                )
            }
        }
    }

    /// The scopes to ask a token server for, separated by blanks; empty for none.
    #[must_use]
    pub fn scope(&self) -> String {
        let checks: Vec<&Check<'_>> = match self {
            Self::Nothing | Self::Credential | Self::Identity => return String::new(),
            Self::Catalog => return "registry:catalog:*".to_owned(),
            Self::Checks(checks) => checks.iter().collect(),
            Self::Tags(pushes) => pushes.iter().flat_map(|push| &push.missing).collect(),
            Self::Mount(create, Sources::Any) => vec![create],
            Self::Mount(create, Sources::Each(sources)) => {
                [create].into_iter().chain(sources).collect()
            }
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

/// A tag is created or updated; so is the digest that it is set on together with the push of that
/// digest.
fn tag_push<'a>(name: &Repository<'a>, tag: &'a str, digest: Option<&'a str>) -> TagPush<'a> {
    let each = |action| {
        [Some(tag), digest]
            .into_iter()
            .flatten()
            .map(|reference| check(action, name, reference))
            .collect()
    };
    TagPush {
        repository: name.as_str(),
        tag,
        missing: each(Action::Create),
        existing: each(Action::Update),
    }
}

const fn check<'a>(action: Action, repository: &Repository<'a>, reference: &'a str) -> Check<'a> {
    Check {
        action,
        repository: repository.as_str(),
        reference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::RouteConfig;

    const SHA: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn needs(method: &str, target: &str) -> (Vec<String>, String) {
        let routes = RouteConfig {
            extensions: true,
            ..RouteConfig::default()
        };
        let route = Route::parse(method.as_bytes(), target.as_bytes(), &routes).unwrap();
        let access = AccessSet::of(&route);
        let scope = access.scope();
        let text = |check: &Check<'_>| {
            let reference = check.reference.replace(SHA, "SHA");
            format!("{} {} {reference}", check.action.name(), check.repository)
                .trim()
                .to_owned()
        };
        let checks = match access {
            AccessSet::Nothing => vec!["nothing".into()],
            AccessSet::Credential => vec!["credential".into()],
            AccessSet::Identity => vec!["identity".into()],
            AccessSet::Catalog => vec!["catalog".into()],
            AccessSet::Checks(checks) => checks.iter().map(text).collect(),
            AccessSet::Tags(pushes) => pushes
                .iter()
                .flat_map(|push| {
                    let (missing, existing) = (
                        push.missing.iter().map(text),
                        push.existing.iter().map(text),
                    );
                    [format!("tag {}", push.tag)]
                        .into_iter()
                        .chain(missing)
                        .chain(existing)
                        .collect::<Vec<_>>()
                })
                .collect(),
            AccessSet::Mount(create, Sources::Any) => vec![text(&create), "any".into()],
            AccessSet::Mount(create, Sources::Each(sources)) => {
                [create].iter().chain(&sources).map(text).collect()
            }
        };
        (checks, scope)
    }

    #[test]
    fn a_route_needs_what_the_contract_says() {
        let rows: [(&str, &str, &[&str], &str); 19] = [
            ("GET", "/v2/", &["credential"], ""),
            ("GET", "/v2/_zot/ext/search", &["identity"], ""),
            (
                "GET",
                "/v2/_catalog?n=5",
                &["catalog"],
                "registry:catalog:*",
            ),
            (
                "GET",
                "/v2/a/b/tags/list",
                &["read a/b"],
                "repository:a/b:pull",
            ),
            (
                "HEAD",
                "/v2/a/manifests/v1",
                &["read a v1"],
                "repository:a:pull",
            ),
            (
                "GET",
                "/v2/a/manifests/@",
                &["read a SHA"],
                "repository:a:pull",
            ),
            ("GET", "/v2/a/blobs/@", &["read a"], "repository:a:pull"),
            ("GET", "/v2/a/referrers/@", &["read a"], "repository:a:pull"),
            (
                "GET",
                "/v2/a/blobs/uploads/x",
                &["read a"],
                "repository:a:pull",
            ),
            (
                "POST",
                "/v2/a/blobs/uploads/",
                &["create a"],
                "repository:a:pull,push",
            ),
            (
                "PATCH",
                "/v2/a/blobs/uploads/x",
                &["create a"],
                "repository:a:pull,push",
            ),
            (
                "POST",
                "/v2/a/blobs/uploads/?mount=@&from=b",
                &["create a", "read b"],
                "repository:a:pull,push repository:b:pull",
            ),
            (
                "POST",
                "/v2/a/blobs/uploads/?mount=@",
                &["create a", "any"],
                "repository:a:pull,push",
            ),
            (
                "PUT",
                "/v2/a/manifests/v1",
                &["tag v1", "create a v1", "update a v1"],
                "repository:a:pull,push",
            ),
            (
                "PUT",
                "/v2/a/manifests/@",
                &["create a SHA"],
                "repository:a:pull,push",
            ),
            (
                "PUT",
                "/v2/a/manifests/@?tag=x",
                &[
                    "tag x",
                    "create a x",
                    "create a SHA",
                    "update a x",
                    "update a SHA",
                ],
                "repository:a:pull,push",
            ),
            (
                "PUT",
                "/v2/a/manifests/v1?tag=x&tag=v1&%74ag=x",
                &[
                    "tag v1",
                    "create a v1",
                    "update a v1",
                    "tag x",
                    "create a x",
                    "update a x",
                ],
                "repository:a:pull,push",
            ),
            (
                "DELETE",
                "/v2/a/manifests/v1",
                &["delete a v1"],
                "repository:a:delete",
            ),
            (
                "DELETE",
                "/v2/a/blobs/uploads/x",
                &["delete a"],
                "repository:a:delete",
            ),
        ];
        for (method, target, checks, scope) in rows {
            let target = target.replace('@', SHA);
            assert_eq!(
                needs(method, &target),
                (checks.iter().map(|&c| c.into()).collect(), scope.into()),
                "{target}"
            );
        }
    }
}
