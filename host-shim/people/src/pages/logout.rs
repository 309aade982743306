//! The end of a session: by the button of a page, and by the user interface.

use serde_json::json;

use super::logged_out_page;
use super::respond::Reply;
use super::router::{Pages, Visit};
use crate::session::begin::provider_of;

impl Pages {
    /// `POST /login/logout`: a page. It leads to the provider by a link, not by itself: the
    /// Content-Security-Policy lets no form lead there.
    pub(super) async fn logout_by_page(&self, visit: &Visit<'_>) -> Reply {
        if let Err(reply) = self.end_session(visit).await {
            return reply;
        }
        let url = self.end_session_url(visit).await;
        let label = visit.identity().and_then(provider_of).and_then(|name| {
            let mut providers = self.social.providers().iter();
            providers.find(|provider| provider.name == name)
        });
        let provider = label.zip(url.as_deref());
        let provider = provider.map(|(provider, url)| (provider.label.as_str(), url));
        Reply::page(200, logged_out_page::render(self.prefix(), provider), None)
            .cookies(self.sessions.removal(visit.request.headers()))
    }

    /// `POST /zot/auth/logout`, as zot answers it.
    pub(super) async fn logout_by_interface(&self, visit: &Visit<'_>) -> Reply {
        if let Err(reply) = self.end_session(visit).await {
            return reply;
        }
        let body = match self.end_session_url(visit).await {
            Some(url) => json!({ "endSessionUrl": url }),
            None => json!({}),
        };
        Reply::json(200, &body).cookies(self.sessions.removal(visit.request.headers()))
    }

    async fn end_session_url(&self, visit: &Visit<'_>) -> Option<String> {
        let provider = provider_of(visit.identity()?)?;
        self.social.end_session_url(provider, visit.now).await
    }
}
