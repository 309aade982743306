//! Requests, and what they need.

use std::collections::BTreeSet;

use super::{Caller, Check, Expected, Refusal, World, policy};

/// The digest of every request that has one.
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `GET /v2/`.
    Base,
    /// `GET /v2/_catalog`.
    Catalog,
    /// One of zot's extensions.
    Extension,
    /// A method and the rest of the path after the name, for anything but manifests: `tags/list`,
    /// `blobs/@` (`@` stands for a digest).
    Plain(&'static str, String, &'static str),
    /// GET, HEAD or DELETE of a manifest by tag, or by digest without one.
    Manifest(&'static str, String, Option<String>),
    /// A mount, from another repository or from wherever the blob is.
    Mount(String, Option<String>),
    /// A push of a manifest by tag, with more tags in its query.
    PushTag(String, String, Vec<String>),
    /// A push of a manifest by digest, with tags.
    PushDigest(String, Vec<String>),
}

type Checks<'a> = Vec<Check<'a>>;

impl Ask {
    /// Method and target.
    #[must_use]
    pub fn line(&self) -> (&'static str, String) {
        let target = |name: &str, rest: &str| format!("/v2/{name}/{}", rest.replace('@', DIGEST));
        match self {
            Self::Base => ("GET", "/v2/".to_owned()),
            Self::Catalog => ("GET", "/v2/_catalog".to_owned()),
            Self::Extension => ("GET", "/v2/_zot/ext/search".to_owned()),
            Self::Plain(method, name, rest) => (method, target(name, rest)),
            Self::Manifest(method, name, tag) => (
                method,
                target(
                    name,
                    &format!("manifests/{}", tag.as_deref().unwrap_or("@")),
                ),
            ),
            Self::Mount(name, None) => ("POST", target(name, "blobs/uploads/?mount=@")),
            Self::Mount(name, Some(from)) => (
                "POST",
                target(name, &format!("blobs/uploads/?mount=@&from={from}")),
            ),
            Self::PushTag(name, tag, others) => (
                "PUT",
                target(name, &format!("manifests/{tag}{}", query(others))),
            ),
            Self::PushDigest(name, tags) => {
                ("PUT", target(name, &format!("manifests/@{}", query(tags))))
            }
        }
    }
}

fn query(tags: &[String]) -> String {
    let tags: Vec<String> = tags.iter().map(|tag| format!("tag={tag}")).collect();
    if tags.is_empty() {
        String::new()
    } else {
        format!("?{}", tags.join("&"))
    }
}

impl World {
    /// What must come of a request.
    #[must_use]
    pub fn expects(&self, caller: &Caller, ask: &Ask) -> Expected {
        let (method, target) = ask.line();
        let every = |checks: Checks<'_>| {
            let refusals: Vec<Refusal> = checks
                .iter()
                .filter_map(|check| self.check(caller, check, method).err())
                .collect();
            if refusals.is_empty() {
                Expected::Forwarded(target.clone())
            } else {
                Expected::Refused(refusals)
            }
        };
        match ask {
            Ask::Base if matches!(caller, Caller::Server { .. }) => every(Vec::new()),
            Ask::Base | Ask::Extension => {
                let open = self
                    .access_control
                    .as_ref()
                    .is_some_and(policy::is_anonymous_only);
                if caller.is_anonymous() && !open {
                    refused(Refusal::NoCredential)
                } else {
                    every(Vec::new())
                }
            }
            Ask::Catalog => self.catalog(caller),
            Ask::Plain(method, name, _) => every(vec![check(action(method), name, "")]),
            Ask::Manifest(method, name, tag) => every(vec![check(
                action(method),
                name,
                tag.as_deref().unwrap_or(DIGEST),
            )]),
            Ask::Mount(name, from) => match every(vec![check("create", name, "")]) {
                Expected::Forwarded(target) if !self.may_mount(caller, from.as_deref()) => {
                    Expected::Forwarded(target.split('?').next().unwrap_or_default().to_owned())
                }
                other => other,
            },
            Ask::PushTag(name, tag, others) => {
                let tags = others.iter().chain([tag]);
                every(
                    tags.flat_map(|tag| self.tag_push(caller, name, tag, &[tag]))
                        .collect(),
                )
            }
            Ask::PushDigest(name, tags) if tags.is_empty() => {
                every(vec![check("create", name, DIGEST)])
            }
            Ask::PushDigest(name, tags) => every(
                tags.iter()
                    .flat_map(|tag| self.tag_push(caller, name, tag, &[tag, DIGEST]))
                    .collect(),
            ),
        }
    }

    /// The tags about which the registry may be asked: those that make a difference.
    #[must_use]
    pub fn may_ask(&self, caller: &Caller, ask: &Ask) -> BTreeSet<String> {
        let (name, tags, digest): (_, Vec<&String>, _) = match ask {
            Ask::PushTag(name, tag, others) => (name, others.iter().chain([tag]).collect(), None),
            Ask::PushDigest(name, tags) => (name, tags.iter().collect(), Some(DIGEST)),
            _ => return BTreeSet::new(),
        };
        let matters = |tag: &&&String| {
            let references: Vec<&str> =
                [Some(tag.as_str()), digest].into_iter().flatten().collect();
            self.matters(caller, name, &references)
        };
        tags.iter()
            .filter(matters)
            .map(|tag| (*tag).clone())
            .collect()
    }

    /// A tag that exists is updated, one that does not is created. Where that is not known, or
    /// makes no difference, both are needed.
    fn tag_push<'a>(
        &self,
        caller: &Caller,
        name: &'a str,
        tag: &str,
        references: &[&'a str],
    ) -> Checks<'a> {
        let is_known = self.asks && tag != "broken" && self.matters(caller, name, references);
        let actions: &[&'static str] =
            match (is_known, self.tags.contains(&format!("{name}:{tag}"))) {
                (false, _) => &["create", "update"],
                (true, true) => &["update"],
                (true, false) => &["create"],
            };
        actions
            .iter()
            .flat_map(|action| {
                references
                    .iter()
                    .map(|reference| check(action, name, reference))
            })
            .collect()
    }

    /// True if create and update are answered differently.
    fn matters(&self, caller: &Caller, name: &str, references: &[&str]) -> bool {
        let is_granted = |action| {
            let mut checks = references
                .iter()
                .map(|reference| check(action, name, reference));
            checks.all(|check| self.check(caller, &check, "PUT").is_ok())
        };
        is_granted("create") != is_granted("update")
    }

    /// Where mounts are forwarded at all: from a repository that may be read; from wherever the
    /// blob is only where there are no rules.
    fn may_mount(&self, caller: &Caller, from: Option<&str>) -> bool {
        match from {
            _ if !self.mounts => false,
            Some(from) => self.check(caller, &check("read", from, ""), "POST").is_ok(),
            None => self.access_control.is_none() && !matches!(caller, Caller::Server { .. }),
        }
    }

    fn catalog(&self, caller: &Caller) -> Expected {
        let whole = Expected::Forwarded("/v2/_catalog".to_owned());
        if matches!(caller, Caller::Server { .. }) {
            if !caller.is_covered(None, "*") {
                return refused(Refusal::InsufficientScope);
            }
            if self.bypass {
                return whole;
            }
        }
        let Some(control) = &self.access_control else {
            return if *caller == Caller::Anonymous {
                refused(Refusal::NoCredential)
            } else {
                whole
            };
        };
        if caller.is_anonymous() && !(self.asks && policy::is_anonymous_only(control)) {
            return refused(Refusal::NoCredential);
        }
        if !self.asks {
            return if policy::is_admin(control, caller) {
                whole
            } else {
                refused(Refusal::Denied(None))
            };
        }
        let may_read = |name: &&String| {
            policy::decide(control, caller, &check("read", name, ""), "GET").is_ok()
        };
        Expected::Listed(self.catalog.iter().filter(may_read).cloned().collect())
    }

    fn check(&self, caller: &Caller, check: &Check<'_>, method: &str) -> Result<(), Refusal> {
        if !caller.is_covered(Some(check.repository), check.action) {
            return Err(Refusal::InsufficientScope);
        }
        if self.bypass && matches!(caller, Caller::Server { .. }) {
            return Ok(());
        }
        let decided = match &self.access_control {
            None if *caller == Caller::Anonymous => Err(None),
            None => Ok(()),
            Some(control) => policy::decide(control, caller, check, method),
        };
        decided.map_err(|message| {
            if caller.is_anonymous() {
                Refusal::NoCredential
            } else {
                Refusal::Denied(message)
            }
        })
    }
}

fn refused(refusal: Refusal) -> Expected {
    Expected::Refused(vec![refusal])
}

const fn check<'a>(action: &'static str, repository: &'a str, reference: &'a str) -> Check<'a> {
    Check {
        action,
        repository,
        reference,
    }
}

fn action(method: &str) -> &'static str {
    match method {
        "GET" | "HEAD" => "read",
        "DELETE" => "delete",
        _ => "create",
    }
}
