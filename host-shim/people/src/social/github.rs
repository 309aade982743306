//! Who somebody is at GitHub: the primary address, organisations and teams.

use hyper::Response;
use hyper::body::Bytes;
use registry_auth_engine::url::HttpUrl;
use serde_json::Value;

use super::claims::Named;
use super::error::{Reason, SocialError};
use super::http::{self, HttpClient};
use super::provider::GitHub;

/// Entries of one page; the most that GitHub gives.
const PAGE: &str = "per_page=100";
/// The most pages of a list that are read.
const MAX_PAGES: usize = 50;

impl GitHub {
    /// Asks the API.
    ///
    /// # Errors
    /// GitHub does not answer, refuses the token, or knows no address that is primary and verified.
    pub(super) async fn named(
        &self,
        client: &dyn HttpClient,
        token: &str,
    ) -> Result<Named, SocialError> {
        let lists = Lists {
            github: self,
            client,
            token,
        };
        let user = primary(&lists.read("/user/emails", false).await?)?;
        let mut groups = names(&lists.read("/user/orgs", true).await?, organisation);
        groups.extend(names(&lists.read("/user/teams", true).await?, team));
        groups.sort();
        groups.dedup();
        Ok(Named { user, groups })
    }
}

struct Lists<'a> {
    github: &'a GitHub,
    client: &'a dyn HttpClient,
    token: &'a str,
}

impl Lists<'_> {
    /// Reads all pages of a list. One that is `optional` is empty where the token may not read it.
    async fn read(&self, path: &str, optional: bool) -> Result<Vec<Value>, SocialError> {
        let mut entries = Vec::new();
        for page in 1..=MAX_PAGES {
            let url: HttpUrl = self.github.api.join(&format!("{path}?{PAGE}&page={page}"));
            let request = http::get(&url, Some(self.token))?;
            let response = http::send(self.client, path, request).await?;
            match response.status().as_u16() {
                200 => {}
                403 if optional => return Ok(Vec::new()),
                400..=499 => return Err(http::status_error(Reason::Refused, path, &response)),
                _ => return Err(http::status_error(Reason::ProviderAnswer, path, &response)),
            }
            let Value::Array(list) = http::json(path, &response)? else {
                return Err(Reason::ProviderAnswer.because(format_args!("{path} is no list")));
            };
            entries.extend(list);
            if !has_next(&response) {
                return Ok(entries);
            }
        }
        Err(Reason::ProviderAnswer.because(format_args!("{path} has too many pages")))
    }
}

/// Whether there is another page (RFC 8288). Its address is made here, not read.
fn has_next(response: &Response<Bytes>) -> bool {
    let links = response.headers().get_all("link").into_iter();
    links
        .filter_map(|link| link.to_str().ok())
        .any(|link| link.contains("rel=\"next\""))
}

/// The address that is primary and verified.
fn primary(addresses: &[Value]) -> Result<String, SocialError> {
    let is = |address: &Value, name: &str| address.get(name) == Some(&Value::Bool(true));
    let primary = addresses
        .iter()
        .find(|address| is(address, "primary"))
        .ok_or(Reason::NoUserName)?;
    if !is(primary, "verified") {
        return Err(Reason::UnverifiedAddress.into());
    }
    let address = primary.get("email").and_then(Value::as_str);
    let usable = |text: &&str| !text.is_empty() && !text.chars().any(char::is_control);
    Ok(address.filter(usable).ok_or(Reason::NoUserName)?.to_owned())
}

fn names(entries: &[Value], name: fn(&Value) -> Option<String>) -> Vec<String> {
    entries.iter().filter_map(name).collect()
}

fn organisation(entry: &Value) -> Option<String> {
    Some(entry.get("login")?.as_str()?.to_owned())
}

fn team(entry: &Value) -> Option<String> {
    let organisation = organisation(entry.get("organization")?)?;
    Some(format!("{organisation}/{}", entry.get("slug")?.as_str()?))
}
