//! `http.auth.bearer.oidc`: where the keys of each issuer come from.

use registry_auth_engine::config::raw::{Document, Oidc, Proxy};
use registry_auth_engine::url::{BaseUrl, HttpUrl};

use super::clusters::Clusters;
use super::draft::Draft;
use super::members;
use super::named::Content;
use crate::cluster::{Cluster, Trust};

/// Where Kubernetes puts what a pod needs to ask the API server.
const IN_CLUSTER: [(&str, &str); 2] = [
    (
        "certificateAuthorityFile",
        "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
    ),
    (
        "tokenFile",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
    ),
];

/// Completes each entry: its keys are pushed, or the proxy gets a cluster to ask for them.
pub(super) fn complete(raw: &Document, clusters: &mut Clusters, draft: &mut Draft<'_>) {
    let Some(bearer) = &raw.bearer else {
        return;
    };
    for (index, entry) in bearer.oidc.iter().enumerate() {
        let path = format!("http.auth.bearer.oidc[{index}]");
        if let Some(file) = &entry.certificate_authority_file {
            let place = format!("{path}.certificateAuthorityFile");
            draft.name(place, file, Content::Certificates);
        }
        if is_pushed(entry, &raw.proxy) {
            if let Some(file) = &entry.token_file {
                draft.name(format!("{path}.tokenFile"), file, Content::Token);
            }
            pushed(entry, index, &path, draft);
        } else if entry.jwks.is_none()
            && matches!(entry.key_source.as_deref(), None | Some("callout"))
        {
            asked(entry, &raw.proxy, index, &path, clusters, draft);
        }
    }
}

/// Returns true if `registry-auth` fetches the keys and pushes them: where it is written, where a
/// token has to be shown, and for a Kubernetes API server, unless the document has a cluster for it.
fn is_pushed(entry: &Oidc, proxy: &Proxy) -> bool {
    if entry.key_source.is_some() || entry.jwks.is_some() {
        return entry.is_pushed();
    }
    let has_cluster = entry.cluster.is_some() || proxy.oidc_cluster.is_some();
    entry.token_file.is_some() || (is_kubernetes(&entry.issuer) && !has_cluster)
}

/// Returns true if the issuer is the API server of the cluster that the process runs in.
fn is_kubernetes(issuer: &str) -> bool {
    HttpUrl::parse(issuer).is_ok_and(|url| {
        let host = url.host();
        url.is_https()
            && (host == "kubernetes.default.svc" || host.starts_with("kubernetes.default.svc."))
    })
}

fn pushed(entry: &Oidc, index: usize, path: &str, draft: &mut Draft<'_>) {
    let is_kubernetes = is_kubernetes(&entry.issuer);
    if entry.key_source.is_none() {
        let why = if entry.token_file.is_some() {
            "it has a `tokenFile`"
        } else {
            "it is a Kubernetes API server"
        };
        draft.assume(format!(
            "{path}.keySource: `push`, because {why}: registry-auth fetches its keys and pushes them"
        ));
    }
    let Some(object) = draft.oidc(index) else {
        return;
    };
    members::set(object, "keySource", "push");
    if !is_kubernetes {
        return;
    }
    let mut assumed = Vec::new();
    for (name, file) in IN_CLUSTER {
        // An empty string says that there is none.
        let is_said = members::key(object, name).is_some()
            || (name == "certificateAuthorityFile"
                && members::key(object, "certificateAuthority").is_some());
        if !is_said {
            members::set(object, name, file);
            assumed.push(format!(
                "{path}.{name}: `{file}`, as in a pod; write \"\" for none"
            ));
        }
    }
    for line in assumed {
        draft.assume(line);
    }
}

/// The proxy asks: discovery and keys come from the server of the issuer, or the keys from that of
/// `jwksUri`.
fn asked(
    entry: &Oidc,
    proxy: &Proxy,
    index: usize,
    path: &str,
    clusters: &mut Clusters,
    draft: &mut Draft<'_>,
) {
    // What is no URL is the engine's to report.
    let server = match entry.jwks_uri.as_deref() {
        Some(jwks_uri) => HttpUrl::parse(jwks_uri).ok(),
        None => BaseUrl::parse(&entry.issuer)
            .ok()
            .map(|issuer| issuer.url().clone()),
    };
    let Some(server) = server else {
        return;
    };
    let trust = trust(entry);
    if !server.is_https() && trust != Trust::System {
        let message = "has no effect: the keys of this issuer are fetched without https";
        draft.found.warn(path, message);
    }
    if let Some(object) = draft.oidc(index) {
        // The proxy's cluster has it.
        members::remove(object, "certificateAuthorityFile");
    }
    let cluster = entry.cluster.as_ref().or(proxy.oidc_cluster.as_ref());
    if let (Some(other), None) = (&entry.jwks_cluster, &entry.jwks_uri)
        && Some(other) != cluster
    {
        let message = "its server is not known: write `jwksUri` too, or leave this out";
        draft.found.error(format!("{path}.jwksCluster"), message);
        return;
    }
    let (member, written) = match &entry.jwks_cluster {
        Some(name) => ("jwksCluster", Some(name)),
        None => ("cluster", cluster.filter(|name| !name.is_empty())),
    };
    let name = written.map_or_else(|| name_of(&server), Clone::clone);
    let wanted = Cluster::of(&name, &server, trust);
    if written.is_none() {
        let name = clusters.derived(wanted);
        if let Some(object) = draft.oidc(index) {
            members::set(object, "cluster", name);
        }
    } else if let Err(message) = clusters.named(wanted) {
        draft.found.error(format!("{path}.{member}"), message);
    }
    // The engine wants a name even where `jwksUri` leaves nothing to ask it for.
    if cluster.is_none()
        && let Some(object) = draft.oidc(index)
        && members::key(object, "cluster").is_none()
    {
        members::set(object, "cluster", name);
    }
}

fn trust(entry: &Oidc) -> Trust {
    match (
        &entry.certificate_authority,
        &entry.certificate_authority_file,
    ) {
        (Some(text), _) => Trust::Text(text.clone()),
        (None, Some(path)) => Trust::File(path.clone()),
        (None, None) => Trust::System,
    }
}

/// The name of a server's cluster: its host, with its port if that is not the scheme's.
fn name_of(server: &HttpUrl) -> String {
    let host = server.host().replace(':', "_");
    match (server.is_https(), server.port()) {
        (true, 443) => host,
        (_, port) => format!("{host}_{port}"),
    }
}
