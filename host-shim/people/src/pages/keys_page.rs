//! *My keys*.

use maud::{Markup, PreEscaped, html};
use registry_auth_engine::UnixTime;

use super::api::{KeyDetails, LIFETIMES, MadeKey};
use super::layout::{alert, page};

/// What the page shows.
pub(super) struct KeysPage<'a> {
    pub(super) prefix: &'a str,
    /// The host, as clients know it.
    pub(super) host: &'a str,
    pub(super) user: &'a str,
    pub(super) keys: &'a [KeyDetails],
    /// Whether this caller may make and delete keys.
    pub(super) may_change: bool,
    /// Whether this caller has a session to end.
    pub(super) has_session: bool,
    /// A key that was just made.
    pub(super) made: Option<&'a MadeKey>,
    pub(super) message: Option<&'a str>,
}

impl KeysPage<'_> {
    pub(super) fn render(&self) -> Markup {
        let content = html! {
            header.bar {
                div {
                    h1 { "My keys" }
                    p.host { (self.user) " at " (self.host) }
                }
                @if self.has_session {
                    form method="post" action={ (self.prefix) "/login/logout" } {
                        button.button.small type="submit" { "Log out" }
                    }
                }
            }
            @if let Some(message) = self.message { (alert(message)) }
            @if let Some(made) = self.made { (Self::made(made)) }
            (self.list())
            @if self.may_change { (self.form()) } @else {
                p.note { "Log in with your password or a provider to make and delete keys." }
            }
            (self.usage())
            @if self.made.is_some() {
                script src={ (self.prefix) "/login/keys.js" } defer {}
            }
        };
        page(self.prefix, "My keys", true, &content)
    }

    /// The one time that a key is shown.
    fn made(made: &MadeKey) -> Markup {
        let secret = String::from_utf8_lossy(made.secret.expose());
        html! {
            section.made aria-labelledby="made" {
                h2 #made tabindex="-1" { "Your new key" }
                p { "Copy it now: it is not shown again." }
                div.copy {
                    input #secret type="text" readonly value=(secret) aria-label="New key"
                        autocomplete="off" spellcheck="false";
                    button.button.small type="button" data-copy="secret" hidden { "Copy" }
                }
                p #copied role="status" {}
                @if let Some(warning) = &made.warning { (alert(warning)) }
            }
        }
    }

    fn list(&self) -> Markup {
        if self.keys.is_empty() {
            return html! { p.empty { "You have no keys yet." } };
        }
        html! {
            ul.keys aria-label="Keys" {
                @for key in self.keys {
                    li {
                        div {
                            strong { (label(key)) }
                            @if key.is_expired { " " span.badge { "expired" } }
                            dl {
                                div { dt { "Made" } dd { (date(key.created)) } }
                                div { dt { "Last used" } dd {
                                    @match key.last_used {
                                        Some(time) => (date(time)),
                                        None => "never",
                                    }
                                } }
                                div { dt { "Ends" } dd {
                                    @match key.expires {
                                        Some(time) => (date(time)),
                                        None => "never",
                                    }
                                } }
                                @if !key.scopes.is_empty() {
                                    div { dt { "For" } dd { code { (key.scopes.join(" ")) } } }
                                }
                            }
                        }
                        @if self.may_change {
                            form method="post" action={ (self.prefix) "/login/keys/delete" } {
                                input type="hidden" name="id" value=(key.id);
                                button.button.small.danger type="submit"
                                    aria-label={ "Delete " (label(key)) } { "Delete" }
                            }
                        }
                    }
                }
            }
        }
    }

    fn form(&self) -> Markup {
        html! {
            section aria-labelledby="new" {
                h2 #new { "New key" }
                form.new method="post" action={ (self.prefix) "/login/keys" } {
                    div {
                        label for="label" { "Name" }
                        input #label name="label" type="text" required maxlength="100"
                            placeholder="my laptop" autocomplete="off";
                    }
                    div {
                        label for="lifetime" { "Ends after" }
                        select #lifetime name="lifetime" {
                            @for (index, (text, _)) in LIFETIMES.iter().enumerate() {
                                option value=(index) selected[index == 1] { (text) }
                            }
                        }
                    }
                    details {
                        summary { "Only for some repositories" }
                        label for="scopes" { "One a line: " code { "repository:PATTERN:ACTIONS" } }
                        textarea #scopes name="scopes" rows="3" spellcheck="false"
                            placeholder="repository:team/**:pull,push" {}
                    }
                    button.button.primary type="submit" { "Make key" }
                }
            }
        }
    }

    fn usage(&self) -> Markup {
        html! {
            section aria-labelledby="usage" {
                h2 #usage { "How to use a key" }
                p { "Paste the key where Docker asks for the password:" }
                pre tabindex="0" { code { "docker login " (self.host) " -u " (quoted(self.user)) } }
            }
        }
    }
}

fn label(key: &KeyDetails) -> &str {
    if key.label.is_empty() {
        &key.id
    } else {
        &key.label
    }
}

/// A time to the minute, with the whole one for programs.
fn date(time: UnixTime) -> Markup {
    let whole = time.rfc3339();
    let short = whole.get(..16).map(|text| text.replace('T', "\u{a0}"));
    html! { time datetime=(whole) { (short.unwrap_or_default()) (PreEscaped("&nbsp;UTC")) } }
}

/// A word of a POSIX shell.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "@%_+=:,./-".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
