//! The catalog as one caller may see it: pages of the upstream's catalog, filtered by `read` and
//! paginated again.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::reason::Reason;
use crate::reply::{CATALOG, Reply};
use crate::route::Query;

/// The most repositories in one reply, and in one page that the upstream is asked for.
pub const MAX_ENTRIES: usize = 1_000;
/// The fewest that the upstream is asked for: a caller who may read little should not cost a page
/// for each name.
const MIN_PAGE: usize = 100;
/// Pages of the upstream that one reply is made from: a quarter of a million repositories.
const MAX_PAGES: u32 = 256;
/// Characters that are not escaped in a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A page of the upstream's catalog, as the host got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamPage {
    /// The status; 0 when there was no response.
    pub status: u16,
    /// Value of `Link`.
    pub link: Option<Vec<u8>>,
    /// The body.
    pub body: Vec<u8>,
}

/// An unfinished listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    wanted: usize,
    found: Vec<String>,
    /// The upstream has been read up to this name.
    last: String,
    pages: u32,
}

/// What a page leads to.
#[derive(Debug)]
pub(crate) enum Step {
    /// The next page is needed.
    More(Listing),
    /// The reply is complete.
    Done(Reply),
}

impl Listing {
    /// The listing that `n` and `last` ask for (OCI distribution spec, "Listing Tags", for the
    /// catalog as in Docker's API).
    ///
    /// # Errors
    /// `PaginationInvalid` when `n` is not a number, or is given twice.
    pub(crate) fn begin(query: &Query<'_>) -> Result<Step, Reason> {
        let mut numbers = query.values("n");
        let wanted = match (numbers.next(), numbers.next()) {
            (None, _) => MAX_ENTRIES,
            (Some(number), None)
                if number.bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty() =>
            {
                number.parse().unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES)
            }
            _ => return Err(Reason::PaginationInvalid),
        };
        let last = query.values("last").next().unwrap_or_default().into_owned();
        let listing = Self {
            wanted,
            found: Vec::new(),
            last,
            pages: 0,
        };
        Ok(if wanted == 0 {
            Step::Done(listing.reply())
        } else {
            Step::More(listing)
        })
    }

    /// How many bytes of text it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        self.last.len()
            + self
                .found
                .iter()
                .map(|name| name.len() + size_of::<String>())
                .sum::<usize>()
    }

    /// What to ask the upstream for next.
    #[must_use]
    pub fn target(&self) -> String {
        let page = (self.wanted + 1).clamp(MIN_PAGE, MAX_ENTRIES);
        let mut target = format!("/v2/_catalog?n={page}");
        if !self.last.is_empty() {
            target.push_str("&last=");
            target.extend(utf8_percent_encode(&self.last, PLAIN));
        }
        target
    }

    /// Takes the names of a page that the caller may read. One name more than wanted is looked for:
    /// there is a next page only if it exists, so the reply reveals nothing about unreadable
    /// repositories.
    ///
    /// # Errors
    /// `NotFound` when the upstream has no catalog, `UpstreamUnavailable` for every other failure
    /// and for more pages than one answer may cost.
    pub(crate) fn take(
        mut self,
        page: &UpstreamPage,
        may_read: impl Fn(&str) -> bool,
    ) -> Result<Step, Reason> {
        match page.status {
            200 => {}
            404 | 405 | 501 => return Err(Reason::NotFound),
            _ => return Err(Reason::UpstreamUnavailable),
        }
        // More than was asked for: each name costs a decision.
        let names = repositories(&page.body).filter(|names| names.len() <= MAX_ENTRIES);
        let names = names.ok_or(Reason::UpstreamUnavailable)?;
        for name in names {
            if self.found.len() > self.wanted {
                break;
            }
            if may_read(&name) {
                self.found.push(name);
            }
        }
        self.pages += 1;
        let next = page.link.as_deref().and_then(next_after);
        match next {
            Some(_) if self.found.len() > self.wanted => Ok(Step::Done(self.reply())),
            None => Ok(Step::Done(self.reply())),
            // A link that does not advance would be followed without end.
            Some(next) if next == self.last || self.pages >= MAX_PAGES => {
                Err(Reason::UpstreamUnavailable)
            }
            Some(next) => Ok(Step::More(Self { last: next, ..self })),
        }
    }

    /// The names found so far as a reply.
    fn reply(mut self) -> Reply {
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if self.found.len() > self.wanted {
            self.found.truncate(self.wanted);
            if let Some(last) = self.found.last() {
                let last = utf8_percent_encode(last, PLAIN);
                let link = format!("</v2/_catalog?n={}&last={last}>; rel=\"next\"", self.wanted);
                headers.push(("link", link));
            }
        }
        Reply {
            status: 200,
            headers,
            body: json!({ "repositories": self.found })
                .to_string()
                .into_bytes(),
            label: CATALOG,
        }
    }
}

/// `{"repositories": [...]}`; null as an empty list, as Go programs write it.
fn repositories(body: &[u8]) -> Option<Vec<String>> {
    let body: BTreeMap<String, Value> = serde_json::from_slice(body).ok()?;
    match body.get("repositories")? {
        Value::Null => Some(Vec::new()),
        Value::Array(names) => names
            .iter()
            .map(|name| name.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

/// `last` of the `rel="next"` link (RFC 8288). Whatever else the link says, only the upstream's own
/// catalog is asked.
fn next_after(link: &[u8]) -> Option<String> {
    let link = std::str::from_utf8(link).ok()?;
    let next = link.split(',').find(|link| {
        let parameters = link
            .rsplit_once('>')
            .map_or("", |(_, parameters)| parameters);
        parameters
            .split(';')
            .any(|parameter| matches!(parameter.trim(), "rel=\"next\"" | "rel=next"))
    })?;
    let (_, target) = next.split_once('<')?;
    let (target, _) = target.split_once('>')?;
    let (_, query) = target.split_once('?')?;
    let last = Query::new(query).values("last").next()?;
    (!last.is_empty()).then(|| last.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(names: &[&str], link: Option<&str>) -> UpstreamPage {
        let body = json!({ "repositories": names }).to_string().into_bytes();
        UpstreamPage {
            status: 200,
            link: link.map(|link| link.as_bytes().to_vec()),
            body,
        }
    }

    fn begin(query: &str) -> Listing {
        let Ok(Step::More(listing)) = Listing::begin(&Query::new(query)) else {
            panic!("{query}")
        };
        listing
    }

    fn done(step: Step) -> (Value, Option<String>) {
        let Step::Done(reply) = step else {
            panic!("{step:?}")
        };
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let link = reply.headers.into_iter().find(|(name, _)| *name == "link");
        (body["repositories"].clone(), link.map(|(_, value)| value))
    }

    #[test]
    fn the_upstream_is_asked_for_what_is_wanted() {
        let rows = [
            ("", "/v2/_catalog?n=1000"),
            ("n=2", "/v2/_catalog?n=100"),
            ("n=500&last=a%2Fb", "/v2/_catalog?n=501&last=a/b"),
            ("n=1000", "/v2/_catalog?n=1000"),
            ("n=99999999999999999999999", "/v2/_catalog?n=1000"),
            (
                "last=a%26n%3D5%00%C3%A9",
                "/v2/_catalog?n=1000&last=a%26n%3D5%00%C3%A9",
            ),
        ];
        for (query, target) in rows {
            assert_eq!(begin(query).target(), target, "{query}");
        }
        for query in ["n=", "n=-1", "n=x", "n=1&n=2", "n=1;n=2", "n=+1", "n=1.0"] {
            assert_eq!(
                Listing::begin(&Query::new(query)).err(),
                Some(Reason::PaginationInvalid),
                "{query}"
            );
        }
        assert_eq!(
            done(Listing::begin(&Query::new("n=0")).unwrap()),
            (json!([]), None)
        );
    }

    #[test]
    fn a_next_page_is_announced_only_if_something_readable_is_on_it() {
        let names = ["a", "b", "c", "secret/x", "secret/y"];
        let may_read = |name: &str| !name.starts_with("secret");
        for (wanted, listed, link) in [
            (
                1,
                json!(["a"]),
                Some("</v2/_catalog?n=1&last=a>; rel=\"next\""),
            ),
            (
                2,
                json!(["a", "b"]),
                Some("</v2/_catalog?n=2&last=b>; rel=\"next\""),
            ),
            (3, json!(["a", "b", "c"]), None),
            (1000, json!(["a", "b", "c"]), None),
        ] {
            let step = begin(&format!("n={wanted}"))
                .take(&page(&names, None), may_read)
                .unwrap();
            assert_eq!(done(step), (listed, link.map(str::to_owned)), "{wanted}");
        }
    }

    #[test]
    fn pages_are_put_together_until_enough_is_found() {
        let next = "</v2/_catalog?last=secret%2Fy&n=100>; rel=\"next\"";
        let Step::More(listing) = begin("n=1")
            .take(&page(&["secret/x", "secret/y"], Some(next)), |_| false)
            .unwrap()
        else {
            panic!()
        };
        assert_eq!(listing.target(), "/v2/_catalog?n=100&last=secret/y");
        assert_eq!(
            done(listing.clone().take(&page(&["z"], None), |_| true).unwrap()),
            (json!(["z"]), None)
        );
        assert_eq!(
            listing.take(&page(&["z"], Some(next)), |_| true).err(),
            Some(Reason::UpstreamUnavailable)
        );
    }

    #[test]
    fn only_the_position_is_read_from_a_link() {
        let rows: [(&str, Option<&str>); 8] = [
            ("</v2/_catalog?last=b&n=5>; rel=\"next\"", Some("b")),
            (
                "<https://elsewhere.test/x?n=5&last=b%2Fc>;rel=next",
                Some("b/c"),
            ),
            (
                "</v2/_catalog?last=a>; rel=\"prev\", </v2/_catalog?last=b>; rel=\"next\"",
                Some("b"),
            ),
            ("</v2/_catalog?last=a>; rel=\"prev\"", None),
            ("</v2/_catalog>; rel=\"next\"", None),
            ("</v2/_catalog?last=>; rel=\"next\"", None),
            ("rel=\"next\"", None),
            ("", None),
        ];
        for (link, last) in rows {
            assert_eq!(next_after(link.as_bytes()).as_deref(), last, "{link}");
        }
    }

    #[test]
    fn a_page_of_more_names_than_it_was_ever_asked_for_is_not_judged() {
        for (count, is_taken) in [
            (MAX_ENTRIES, true),
            (MAX_ENTRIES + 1, false),
            (100 * MAX_ENTRIES, false),
        ] {
            let page = page(&vec!["a"; count], None);
            let judged = std::cell::Cell::new(0);
            let step = begin("").take(&page, |_| {
                judged.set(judged.get() + 1);
                true
            });
            assert_eq!(
                (step.is_ok(), judged.get()),
                (is_taken, if is_taken { count } else { 0 }),
                "{count}"
            );
        }
    }

    #[test]
    fn an_upstream_that_fails_is_no_empty_catalog() {
        let rows = [
            (0, "", Reason::UpstreamUnavailable),
            (200, "", Reason::UpstreamUnavailable),
            (200, "{}", Reason::UpstreamUnavailable),
            (200, "[\"a\"]", Reason::UpstreamUnavailable),
            (
                200,
                "{\"repositories\": \"a\"}",
                Reason::UpstreamUnavailable,
            ),
            (200, "{\"repositories\": [1]}", Reason::UpstreamUnavailable),
            (500, "{\"repositories\": []}", Reason::UpstreamUnavailable),
            (404, "", Reason::NotFound),
            (401, "", Reason::UpstreamUnavailable),
            (405, "", Reason::NotFound),
        ];
        for (status, body, reason) in rows {
            let page = UpstreamPage {
                status,
                link: None,
                body: body.into(),
            };
            assert_eq!(
                begin("").take(&page, |_| true).err(),
                Some(reason),
                "{status} {body}"
            );
        }
        assert_eq!(
            done(
                begin("")
                    .take(
                        &UpstreamPage {
                            body: b"{\"repositories\":null}".to_vec(),
                            status: 200,
                            link: None
                        },
                        |_| { true }
                    )
                    .unwrap()
            ),
            (json!([]), None)
        );
    }
}
