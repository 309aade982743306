//! *Log in*: the page, and the form with user name and password.

use registry_auth_engine::url::HttpUrl;

use super::login_page::LoginPage;
use super::respond::Reply;
use super::router::{Pages, Visit};
use crate::person::LoginError;
use crate::secret::Secret;

/// What the page says of a login that did not work.
struct Failure<'a> {
    status: u16,
    text: &'a str,
    user: &'a str,
}

impl Pages {
    /// The page.
    pub(super) fn login_page(&self, visit: &Visit<'_>) -> Reply {
        let callback_ui = visit.parameter("callback_ui");
        let nothing = Failure {
            status: 200,
            text: "",
            user: "",
        };
        self.render_login(visit, callback_ui, &nothing)
    }

    /// The form.
    pub(super) async fn password(&self, visit: &Visit<'_>) -> Reply {
        if !self.has_passwords {
            return self.error(
                404,
                "Not found",
                "There is no login by password.",
                "not_found",
            );
        }
        let user = visit.field("user").unwrap_or_default();
        let password = visit.field("password").unwrap_or_default();
        let password = Secret::new(password.into_bytes());
        let callback_ui = visit.field("callback_ui");
        let client = visit.caller.client.as_deref();
        let failure = match self.api.password(&user, password, client).await {
            Ok(person) => {
                let target = self.callback_ui(callback_ui);
                return match self.session(visit, person, 303, &target).await {
                    Ok(reply) => reply,
                    Err(error) => {
                        let (status, id, text) = error.reason.page();
                        self.error(status, "Login failed", text, id)
                    }
                };
            }
            Err(failure) => failure,
        };
        let (status, text, retry_after) = match failure {
            LoginError::WrongPassword => (401, "User name or password is wrong.", None),
            LoginError::TooManyAttempts { retry_after } => {
                let text = "Too many failed attempts. Wait a minute, then try again.";
                (429, text, Some(retry_after))
            }
            LoginError::Unavailable { retry_after, .. } => {
                let text = "The login cannot be checked now. Try again in a moment.";
                (503, text, Some(retry_after))
            }
        };
        let failure = Failure {
            status,
            text,
            user: &user,
        };
        let reply = self.render_login(visit, callback_ui, &failure);
        match retry_after {
            Some(after) => reply.retry_after(after),
            None => reply,
        }
    }

    fn render_login(
        &self,
        visit: &Visit<'_>,
        callback_ui: Option<String>,
        failure: &Failure<'_>,
    ) -> Reply {
        let callback_ui = self.callback_ui(callback_ui);
        let page = LoginPage {
            prefix: self.prefix(),
            host: self.host(visit),
            providers: self.social.providers(),
            has_passwords: self.has_passwords,
            callback_ui: &callback_ui,
            current: visit.identity().map(|identity| identity.user.as_str()),
            user: failure.user,
            message: Some(failure.text).filter(|text| !text.is_empty()),
        };
        let target = HttpUrl::parse(&callback_ui).ok();
        Reply::page(failure.status, page.render(), target.as_ref())
    }

    /// Where to go after a login; without a wish, to *My keys*, if there are keys.
    fn callback_ui(&self, wish: Option<String>) -> String {
        match wish.filter(|wish| !wish.is_empty()) {
            Some(wish) => self.social.checked(&wish),
            None if self.has_keys => format!("{}/login/keys", self.prefix()),
            None => "/".to_owned(),
        }
    }
}
