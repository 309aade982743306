//! *Logged out*.

use maud::{Markup, html};

use super::layout::page;

/// Renders the page. `provider` has the name of the provider, and where its own session ends.
pub(super) fn render(prefix: &str, provider: Option<(&str, &str)>) -> Markup {
    let content = html! {
        header { h1 { "Logged out" } }
        p { "This browser has no session at the registry any more. Your keys go on working." }
        @if let Some((name, url)) = provider {
            p.note { "You may still be logged in at " (name) "." }
            a.button href=(url) rel="noreferrer" { "Log out at " (name) " too" }
        }
        a.button.primary href={ (prefix) "/login" } { "Log in again" }
    };
    page(prefix, "Logged out", false, &content)
}
