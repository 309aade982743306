//! What the registry behind the filter holds, in scenarios: tags and a catalog.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;

/// Repositories that one page holds at most, however many are asked for: few, so that there are
/// several pages.
const PAGE: usize = 3;

/// What Distribution sends with every answer.
pub const API_VERSION: (&str, &str) = ("docker-distribution-api-version", "registry/2.0");

/// What answers the filter's questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistryKind {
    /// A registry that marks all its answers, as Distribution does.
    #[default]
    Marked,
    /// A registry that marks only what it has, as zot does.
    Unmarked,
    /// The same, which wants a credential for `GET /v2/`.
    Locked,
    /// A web server that knows none of the paths.
    Missing,
    /// A web server that answers every path with a page.
    Web,
    /// A web server that redirects every path.
    Moved,
}

/// The members of a scenario's configuration that say so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RegistryState {
    /// Tags that exist, as `team/app:v1`. A question about the tag `broken` is answered with 500.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// Repositories in the catalog; `None`: it is answered like everything else.
    #[serde(default)]
    pub catalog: Option<BTreeSet<String>>,
    /// What answers questions.
    #[serde(default)]
    pub kind: RegistryKind,
    /// The only `Host` under which the registry is asked; under others it is
    /// [`RegistryKind::Missing`].
    #[serde(default)]
    pub host: Option<String>,
}

/// What the registry answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Header fields, besides `content-type` of JSON.
    pub headers: Vec<(&'static str, String)>,
    /// The body; `None`: what the upstream has seen.
    pub body: Option<String>,
}

impl RegistryState {
    /// The answer to a request: 404 to `HEAD` of a manifest by a tag that does not exist, pages of
    /// the catalog, 200 otherwise. What the filter asks is answered according to `kind` and `host`.
    #[must_use]
    pub fn answer(&self, method: &str, target: &str, host: Option<&str>) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let manifest = path
            .strip_prefix("/v2/")
            .and_then(|rest| rest.rsplit_once("/manifests/"));
        let manifest = manifest.filter(|(_, tag)| method == "HEAD" && !tag.contains(':'));
        let is_question =
            manifest.is_some() || matches!((method, path), ("GET", "/v2/" | "/v2/_catalog"));
        if !is_question {
            return Answer::of(200);
        }
        let is_elsewhere = matches!((&self.host, host), (Some(own), Some(host)) if own != host);
        match if is_elsewhere {
            RegistryKind::Missing
        } else {
            self.kind
        } {
            RegistryKind::Missing => Answer::of(404).page(),
            RegistryKind::Web => Answer::of(200).page(),
            RegistryKind::Moved => Answer::of(307).header(("location", "/elsewhere")),
            RegistryKind::Marked => self.registry(manifest, path, query).header(API_VERSION),
            RegistryKind::Locked if path == "/v2/" => Answer::of(401),
            RegistryKind::Unmarked | RegistryKind::Locked => self.registry(manifest, path, query),
        }
    }

    fn registry(&self, manifest: Option<(&str, &str)>, path: &str, query: &str) -> Answer {
        match (manifest, &self.catalog) {
            (Some((_, "broken")), _) => Answer::of(500),
            (Some((name, tag)), _) if self.tags.contains(&format!("{name}:{tag}")) => {
                Answer::of(200).header(("docker-content-digest", "sha256:00"))
            }
            (Some(_), _) => Answer::of(404),
            (None, Some(catalog)) if path == "/v2/_catalog" => page(catalog, query),
            _ => Answer::of(200),
        }
    }
}

impl Answer {
    fn of(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    fn header(mut self, (name, value): (&'static str, &str)) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn page(self) -> Self {
        Self {
            body: Some("<html></html>".to_owned()),
            ..self
        }
    }

    /// `Link`.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        self.headers
            .iter()
            .find(|(name, _)| *name == "link")
            .map(|(_, value)| value.as_str())
    }
}

fn page(catalog: &BTreeSet<String>, query: &str) -> Answer {
    let value = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    };
    let last = value("last")
        .map(|last| percent_decode_str(last).decode_utf8_lossy())
        .unwrap_or_default();
    let asked = value("n")
        .and_then(|number| number.parse().ok())
        .unwrap_or(PAGE);
    let mut rest = catalog.iter().filter(|name| ***name > *last);
    let page: Vec<&String> = rest.by_ref().take(asked.min(PAGE)).collect();
    let link = page.last().filter(|_| rest.next().is_some());
    let link = link.map(|last| {
        (
            "link",
            format!("</v2/_catalog?last={last}&n={asked}>; rel=\"next\""),
        )
    });
    let body = Some(json!({ "repositories": page }).to_string());
    Answer {
        status: 200,
        headers: link.into_iter().collect(),
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_exists_when_it_was_said_so() {
        let registry = RegistryState {
            tags: BTreeSet::from(["a/b:v1".to_owned()]),
            ..RegistryState::default()
        };
        let rows = [
            ("HEAD", "/v2/a/b/manifests/v1", 200),
            ("HEAD", "/v2/a/b/manifests/v2?x", 404),
            ("HEAD", "/v2/a/b/manifests/broken", 500),
            ("HEAD", "/v2/a/b/manifests/sha256:00", 200),
            ("GET", "/v2/a/b/manifests/v2", 200),
            ("GET", "/v2/_catalog", 200),
        ];
        for (method, target, status) in rows {
            assert_eq!(
                registry.answer(method, target, None).status,
                status,
                "{method} {target}"
            );
        }
    }

    #[test]
    fn what_answers_questions_may_be_another_server() {
        let registry = |kind, host: Option<&str>| {
            let tags = BTreeSet::from(["a/b:v1".to_owned()]);
            RegistryState {
                tags,
                kind,
                host: host.map(str::to_owned),
                ..RegistryState::default()
            }
        };
        let rows = [
            (RegistryKind::Marked, None, [200, 404, 200]),
            (RegistryKind::Unmarked, None, [200, 404, 200]),
            (RegistryKind::Locked, None, [200, 404, 401]),
            (RegistryKind::Missing, None, [404, 404, 404]),
            (RegistryKind::Web, None, [200, 200, 200]),
            (RegistryKind::Moved, None, [307, 307, 307]),
            (RegistryKind::Marked, Some("registry.test"), [200, 404, 200]),
            (RegistryKind::Marked, Some("other.test"), [404, 404, 404]),
        ];
        let questions = [
            ("HEAD", "/v2/a/b/manifests/v1"),
            ("HEAD", "/v2/a/b/manifests/v2"),
            ("GET", "/v2/"),
        ];
        for (kind, host, statuses) in rows {
            let registry = registry(kind, host);
            let answers = questions
                .map(|(method, target)| registry.answer(method, target, Some("registry.test")));
            assert_eq!(
                answers.each_ref().map(|answer| answer.status),
                statuses,
                "{kind:?}"
            );
            let marked = kind == RegistryKind::Marked && host != Some("other.test");
            assert!(answers.iter().all(|answer| {
                answer
                    .headers
                    .iter()
                    .any(|(name, _)| *name == API_VERSION.0)
                    == marked
            }));
            assert_eq!(
                registry
                    .answer("PUT", "/v2/a/b/manifests/v1", Some("x.test"))
                    .status,
                200
            );
        }
    }

    #[test]
    fn the_catalog_comes_in_pages() {
        let catalog = ["a", "b", "c", "d", "e"].map(str::to_owned);
        let registry = RegistryState {
            catalog: Some(catalog.into()),
            ..RegistryState::default()
        };
        let first = registry.answer("GET", "/v2/_catalog?n=1000", None);
        assert_eq!(
            first.body.as_deref(),
            Some("{\"repositories\":[\"a\",\"b\",\"c\"]}")
        );
        assert_eq!(
            first.link(),
            Some("</v2/_catalog?last=c&n=1000>; rel=\"next\"")
        );
        let second = registry.answer("GET", "/v2/_catalog?last=c&n=1000", None);
        assert_eq!(
            (second.body.as_deref(), second.link()),
            (Some("{\"repositories\":[\"d\",\"e\"]}"), None)
        );
    }
}
