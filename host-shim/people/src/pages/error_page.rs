//! Errors.

use maud::{Markup, html};

use super::layout::{alert, page};

/// Renders an error with the id of its reason.
pub(super) fn render(prefix: &str, title: &str, text: &str, reason: &str) -> Markup {
    let content = html! {
        header { h1 { (title) } }
        (alert(text))
        p.reason { "Reason: " code { (reason) } }
        a.button.primary href={ (prefix) "/login" } { "Back to the login" }
    };
    page(prefix, title, false, &content)
}
