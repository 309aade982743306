//! *Log in*.

use form_urlencoded::Serializer;
use maud::{Markup, html};

use super::layout::{alert, page};
use crate::social::Provider;

/// What the page shows.
pub(super) struct LoginPage<'a> {
    pub(super) prefix: &'a str,
    /// The host, as the person knows it.
    pub(super) host: &'a str,
    pub(super) providers: &'a [Provider],
    pub(super) has_passwords: bool,
    pub(super) callback_ui: &'a str,
    /// Who is logged in already.
    pub(super) current: Option<&'a str>,
    /// The user name that was written before.
    pub(super) user: &'a str,
    pub(super) message: Option<&'a str>,
}

impl LoginPage<'_> {
    pub(super) fn render(&self) -> Markup {
        let prefix = self.prefix;
        let content = html! {
            header {
                h1 { "Log in" }
                p.host { (self.host) }
            }
            @if let Some(message) = self.message { (alert(message)) }
            @if let Some(user) = self.current {
                p.note {
                    "You are logged in as " strong { (user) } ". "
                    a href={ (prefix) "/login/keys" } { "My keys" }
                }
            }
            @if !self.providers.is_empty() {
                nav aria-label="Providers" {
                    ul.providers {
                        @for provider in self.providers {
                            li { a.button href=(self.link(provider)) { "Continue with " (provider.label) } }
                        }
                    }
                }
            }
            @if self.has_passwords && !self.providers.is_empty() {
                p.or { span { "or" } }
            }
            @if self.has_passwords { (self.form()) }
        };
        page(prefix, "Log in", false, &content)
    }

    fn link(&self, provider: &Provider) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("provider", &provider.name);
        query.append_pair("callback_ui", self.callback_ui);
        format!("{}/zot/auth/login?{}", self.prefix, query.finish())
    }

    fn form(&self) -> Markup {
        html! {
            form method="post" action={ (self.prefix) "/login" } {
                input type="hidden" name="callback_ui" value=(self.callback_ui);
                label for="user" { "User name" }
                input #user name="user" type="text" value=(self.user) required
                    autocomplete="username" autocapitalize="none" spellcheck="false"
                    autofocus[self.providers.is_empty()];
                label for="password" { "Password" }
                input #password name="password" type="password" required
                    autocomplete="current-password";
                button.button.primary type="submit" { "Log in" }
            }
        }
    }
}
