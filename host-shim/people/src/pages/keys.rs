//! *My keys*: the page and its forms.

use registry_auth_engine::login::CallerIdentity;

use super::api::{KeyRefused, LIFETIMES, MadeKey, NewKey};
use super::keys_page::KeysPage;
use super::respond::Reply;
use super::router::{Pages, Visit};
use crate::session::begin::session_of;

/// The most scopes of one key.
const MAX_SCOPES: usize = 50;
/// The longest label, in characters.
const MAX_LABEL: usize = 100;

impl Pages {
    /// The page.
    pub(super) async fn keys(&self, visit: &Visit<'_>) -> Reply {
        match self.key_owner(visit) {
            Ok(owner) => self.render_keys(visit, 200, owner, None, None).await,
            Err(reply) => *reply,
        }
    }

    /// The form that makes a key.
    pub(super) async fn make_key(&self, visit: &Visit<'_>) -> Reply {
        let owner = match self.key_owner(visit) {
            Ok(owner) => owner,
            Err(reply) => return *reply,
        };
        let key = match new_key(visit) {
            Ok(key) => key,
            Err(text) => return self.render_keys(visit, 400, owner, None, Some(text)).await,
        };
        if !may_change(owner) {
            return self.refused(visit, owner, KeyRefused::NotByThis).await;
        }
        match self.api.make_key(owner, key).await {
            Ok(made) => self.render_keys(visit, 201, owner, Some(&made), None).await,
            Err(refused) => self.refused(visit, owner, refused).await,
        }
    }

    /// The form that deletes a key.
    pub(super) async fn delete_key(&self, visit: &Visit<'_>) -> Reply {
        let owner = match self.key_owner(visit) {
            Ok(owner) => owner,
            Err(reply) => return *reply,
        };
        if !may_change(owner) {
            return self.refused(visit, owner, KeyRefused::NotByThis).await;
        }
        let id = visit.field("id").unwrap_or_default();
        match self.api.delete_key(owner, &id).await {
            Ok(()) => Reply::redirect(303, &format!("{}/login/keys", self.prefix())),
            Err(refused) => self.refused(visit, owner, refused).await,
        }
    }

    /// Who asks; whoever is not known has to log in first.
    fn key_owner<'a>(&self, visit: &'a Visit<'_>) -> Result<&'a CallerIdentity, Box<Reply>> {
        if !self.has_keys {
            let text = "This registry has no API keys.";
            return Err(Box::new(self.error(404, "Not found", text, "not_found")));
        }
        let prefix = self.prefix();
        visit.identity().ok_or_else(|| {
            let back = format!("{prefix}/login?callback_ui={prefix}/login/keys");
            Box::new(Reply::redirect(303, &back))
        })
    }

    async fn refused(
        &self,
        visit: &Visit<'_>,
        owner: &CallerIdentity,
        refused: KeyRefused,
    ) -> Reply {
        let status = match refused {
            KeyRefused::NotByThis => 403,
            KeyRefused::Invalid(_) => 400,
            KeyRefused::NotEnded(why) => return self.not_ended(why),
            KeyRefused::Unavailable(reason) => return self.unavailable(&reason),
        };
        let text = refused.to_string();
        self.render_keys(visit, status, owner, None, Some(&text))
            .await
    }

    async fn render_keys(
        &self,
        visit: &Visit<'_>,
        status: u16,
        owner: &CallerIdentity,
        made: Option<&MadeKey>,
        message: Option<&str>,
    ) -> Reply {
        let keys = match self.api.keys(&owner.user).await {
            Ok(keys) => keys,
            // A key that was made is shown even so: nobody sees it again.
            Err(_) if made.is_some() => Vec::new(),
            Err(reason) => return self.unavailable(&reason),
        };
        let page = KeysPage {
            prefix: self.prefix(),
            host: self.host(visit),
            user: &owner.user,
            keys: &keys,
            may_change: may_change(owner),
            has_session: session_of(owner).is_some(),
            made,
            message,
        };
        Reply::page(status, page.render(), None)
    }
}

/// Only somebody who has logged in makes and deletes keys: no credential outlives its cause.
fn may_change(owner: &CallerIdentity) -> bool {
    let by_login = |method: &String| {
        matches!(method.as_str(), "htpasswd" | "ldap") || method.starts_with("openid:")
    };
    !owner.methods.is_empty() && owner.methods.iter().all(by_login)
}

fn new_key(visit: &Visit<'_>) -> Result<NewKey, &'static str> {
    let label = visit.field("label").unwrap_or_default().trim().to_owned();
    if label.is_empty() || label.chars().count() > MAX_LABEL || label.chars().any(char::is_control)
    {
        return Err("Write a name of at most 100 characters.");
    }
    let index = visit.field("lifetime").unwrap_or_default().parse::<usize>();
    let lifetime = index.ok().and_then(|index| LIFETIMES.get(index));
    let (_, lifetime) = lifetime.ok_or("Choose when the key ends.")?;
    let scopes = visit.field("scopes").unwrap_or_default();
    let scopes: Vec<String> = scopes.split_whitespace().map(str::to_owned).collect();
    if scopes.len() > MAX_SCOPES {
        return Err("Write at most 50 lines of repositories.");
    }
    let agent = visit.request.headers().get(hyper::header::USER_AGENT);
    let agent = agent
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    Ok(NewKey {
        label,
        scopes,
        expires: lifetime.map(|lifetime| visit.now.after(lifetime)),
        user_agent: agent.chars().take(200).collect(),
    })
}
