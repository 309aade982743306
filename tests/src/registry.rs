//! What the registry behind the filter holds, in scenarios: tags and a catalog.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;

/// Repositories that one page holds at most, however many are asked for: few, so that there are several pages.
const PAGE: usize = 3;

/// The members of a scenario's configuration that say so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Holdings {
    /// Tags that exist, as `team/app:v1`. A question about the tag `broken` is answered with 500.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// Repositories in the catalog; `None`: it is answered like everything else.
    #[serde(default)]
    pub catalog: Option<BTreeSet<String>>,
}

/// What the registry answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Link`.
    pub link: Option<String>,
    /// The body; `None`: what the upstream has seen.
    pub body: Option<String>,
}

impl Holdings {
    /// The answer to a request: 404 to `HEAD` of a manifest by a tag that does not exist, pages of the catalog, 200 otherwise.
    #[must_use]
    pub fn answer(&self, method: &str, target: &str) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if let Some(catalog) = &self.catalog
            && (method, path) == ("GET", "/v2/_catalog")
        {
            return page(catalog, query);
        }
        let manifest = path.strip_prefix("/v2/").and_then(|rest| rest.rsplit_once("/manifests/"));
        let status = match manifest {
            Some((_, "broken")) if method == "HEAD" => 500,
            Some((name, tag)) if method == "HEAD" && !tag.contains(':') => {
                if self.tags.contains(&format!("{name}:{tag}")) { 200 } else { 404 }
            }
            _ => 200,
        };
        Answer { status, ..Answer::default() }
    }
}

fn page(catalog: &BTreeSet<String>, query: &str) -> Answer {
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let last = value("last").map(|last| percent_decode_str(last).decode_utf8_lossy()).unwrap_or_default();
    let asked = value("n").and_then(|number| number.parse().ok()).unwrap_or(PAGE);
    let mut rest = catalog.iter().filter(|name| ***name > *last);
    let page: Vec<&String> = rest.by_ref().take(asked.min(PAGE)).collect();
    let link = page.last().filter(|_| rest.next().is_some());
    let link = link.map(|last| format!("</v2/_catalog?last={last}&n={asked}>; rel=\"next\""));
    Answer { status: 200, link, body: Some(json!({ "repositories": page }).to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_exists_when_it_was_said_so() {
        let holdings = Holdings { tags: BTreeSet::from(["a/b:v1".to_owned()]), catalog: None };
        let rows = [
            ("HEAD", "/v2/a/b/manifests/v1", 200),
            ("HEAD", "/v2/a/b/manifests/v2?x", 404),
            ("HEAD", "/v2/a/b/manifests/broken", 500),
            ("HEAD", "/v2/a/b/manifests/sha256:00", 200),
            ("GET", "/v2/a/b/manifests/v2", 200),
            ("GET", "/v2/_catalog", 200),
        ];
        for (method, target, status) in rows {
            assert_eq!(holdings.answer(method, target).status, status, "{method} {target}");
        }
    }

    #[test]
    fn the_catalog_comes_in_pages() {
        let catalog = ["a", "b", "c", "d", "e"].map(str::to_owned);
        let holdings = Holdings { catalog: Some(catalog.into()), ..Holdings::default() };
        let first = holdings.answer("GET", "/v2/_catalog?n=1000");
        assert_eq!(first.body.as_deref(), Some("{\"repositories\":[\"a\",\"b\",\"c\"]}"));
        assert_eq!(first.link.as_deref(), Some("</v2/_catalog?last=c&n=1000>; rel=\"next\""));
        let second = holdings.answer("GET", "/v2/_catalog?last=c&n=1000");
        assert_eq!((second.body.as_deref(), second.link), (Some("{\"repositories\":[\"d\",\"e\"]}"), None));
    }
}
