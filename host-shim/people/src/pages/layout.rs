//! What all pages have in common.

use maud::{DOCTYPE, Markup, html};

/// The style of all pages.
pub(super) const STYLE: &str = include_str!("style.css");
/// The script of *My keys*: a button that copies. Everything works without it.
pub(super) const SCRIPT: &str = include_str!("keys.js");

/// A page around its content. `prefix` is the path before ours.
pub(super) fn page(prefix: &str, title: &str, wide: bool, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " – Registry" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href={ (prefix) "/login/style.css" };
            }
            body {
                main class=[wide.then_some("wide")] {
                    (content)
                }
            }
        }
    }
}

/// A message that a screen reader says at once.
pub(super) fn alert(text: &str) -> Markup {
    html! { p.alert role="alert" { (text) } }
}
