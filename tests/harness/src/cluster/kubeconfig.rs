//! Files that say how a cluster is reached.

use std::path::Path;

/// Returns a kubeconfig for a server, with the file of its authority and a token.
#[must_use]
pub fn text(url: &str, authority: Option<&Path>, token: Option<&str>) -> String {
    let authority = authority.map_or_else(String::new, |file| {
        format!(", certificate-authority: {}", file.display())
    });
    let token = token.map_or_else(String::new, |token| format!("token: {token}"));
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: it\n\
         clusters: [{{name: it, cluster: {{server: \"{url}\"{authority}}}}}]\n\
         users: [{{name: it, user: {{{token}}}}}]\n\
         contexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n"
    )
}
