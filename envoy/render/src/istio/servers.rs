//! The servers that the filter asks: how the mesh reaches them, and the names of their clusters.

use registry_auth_engine::config::ConfigError;
use serde_json::{Map, Value, json};

use super::mesh::{Mesh, Workload};
use crate::cluster::{ClientTls, Cluster, Endpoint, Trust};
use crate::complete::members;
use crate::completed::Completed;
use crate::foreign::proxy;
use crate::node::{Member, Node, list, map, member};
use crate::resources::{Document, resource};

/// The port of a server of https in the mesh: 443 itself is passed through by applications.
const HTTPS: u16 = 8443;

/// A server outside of the mesh.
struct Server<'a> {
    host: &'a str,
    /// The port by which the mesh knows it.
    number: u16,
    /// Its own.
    target: u16,
    tls: Option<&'a ClientTls>,
}

/// Returns the resources for the issuers, and for the registry if it needs any; and writes the
/// names of their clusters into the configuration of the filter.
pub(super) fn of(
    completed: &mut Completed,
    mesh: &Mesh,
    assumptions: &mut Vec<String>,
    found: &mut Vec<ConfigError>,
) -> Vec<Document> {
    let mut names = Vec::new();
    let mut documents = Vec::new();
    let route = registry(completed, mesh, &mut names, &mut documents, found);
    assumptions.extend(route);
    let mut known: Vec<(String, u16, u16)> = Vec::new();
    for issuer in &completed.issuers {
        if issuer.name.contains('|') {
            assumptions.push(format!(
                "the mesh has the cluster `{}`: no ServiceEntry is rendered for it",
                issuer.name
            ));
            continue;
        }
        let server = match server(issuer, &known) {
            Ok(server) => server,
            Err(message) => {
                found.push(ConfigError {
                    path: "http.auth.bearer.oidc".to_owned(),
                    message,
                });
                continue;
            }
        };
        if matches!(mesh.workload, Workload::Waypoint(_)) {
            found.push(ConfigError {
                path: "--mode".to_owned(),
                message: format!(
                    "a waypoint has no cluster for the issuer at {}: write its keys (`jwks`) into the document, or use --mode gateway",
                    server.host
                ),
            });
        }
        known.push((server.host.to_owned(), server.number, server.target));
        names.push((issuer.name.clone(), outbound(server.number, server.host)));
        external(&server, mesh, &mut documents);
    }
    rename(&mut completed.filter, &names);
    documents
}

/// Adds what the registry needs, and returns where the route has to lead if that is not plain.
fn registry(
    completed: &Completed,
    mesh: &Mesh,
    names: &mut Vec<(String, String)>,
    documents: &mut Vec<Document>,
    found: &mut Vec<ConfigError>,
) -> Option<String> {
    let cluster = &completed.upstream;
    if cluster.name.contains('|') {
        return None;
    }
    let Endpoint::Host(host, port) = &cluster.endpoint else {
        found.push(ConfigError {
            path: "--upstream".to_owned(),
            message: "a socket cannot be reached in a mesh: write http://NAME.NAMESPACE.svc.cluster.local:PORT".to_owned(),
        });
        return None;
    };
    let name = match (&mesh.workload, &cluster.tls) {
        (Workload::Gateway(..), _) => outbound(*port, host),
        (Workload::Sidecar(_), None) => format!("inbound|{port}||"),
        (Workload::Waypoint(_), None) => format!("inbound-vip|{port}|http|{host}"),
        (_, Some(_)) => {
            found.push(ConfigError {
                path: "--upstream".to_owned(),
                message: "https is for --mode gateway: a sidecar and a waypoint get clear text from the mesh".to_owned(),
            });
            return None;
        }
    };
    names.push((cluster.name.clone(), name));
    let tls = cluster.tls.as_ref()?;
    let is_service = host.split('.').any(|label| label == "svc");
    let number = match port {
        443 if !is_service => HTTPS,
        port => *port,
    };
    let server = Server {
        host,
        number,
        target: *port,
        tls: Some(tls),
    };
    if let Some((_, name)) = names.last_mut() {
        *name = outbound(number, host);
    }
    if is_service {
        documents.extend(tls_rule(&server, mesh));
    } else {
        external(&server, mesh, documents);
    }
    Some(format!(
        "the route to the registry leads to the host {host}, port {number}"
    ))
}

fn server<'a>(issuer: &'a Cluster, known: &[(String, u16, u16)]) -> Result<Server<'a>, String> {
    let Endpoint::Host(host, target) = &issuer.endpoint else {
        return Err("an issuer at a socket cannot be reached in a mesh".to_owned());
    };
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Err(format!(
            "{host} is an address, and a ServiceEntry needs a name: write the issuer or `jwksUri` with its name, or `keySource`: `push`"
        ));
    }
    // Istio treats it as a service of the namespace, and would find no rule for TLS.
    if !host.contains('.') {
        return Err(format!(
            "`{host}` is a short name, which a mesh takes for a service of its own: write the full name of the issuer"
        ));
    }
    let wanted = if *target == 443 { HTTPS } else { *target };
    let is_free = |number: &u16| {
        !known
            .iter()
            .any(|(name, used, other)| name == host && used == number && other != target)
    };
    let number = (wanted..=u16::MAX)
        .find(is_free)
        .ok_or_else(|| format!("too many servers at {host}"))?;
    Ok(Server {
        host,
        number,
        target: *target,
        tls: issuer.tls.as_ref(),
    })
}

fn outbound(port: u16, host: &str) -> String {
    format!("outbound|{port}||{host}")
}

/// The name of a resource for a server: a DNS label, as in the server's name.
fn name_of(server: &Server<'_>, mesh: &Mesh) -> String {
    let host = server.host.to_ascii_lowercase();
    match server.target {
        443 => format!("{}-{host}", mesh.name),
        port => format!("{}-{host}-{port}", mesh.name),
    }
}

/// A server outside of the mesh: its entry, and the rule for TLS to it.
fn external(server: &Server<'_>, mesh: &Mesh, documents: &mut Vec<Document>) {
    let mut port = json!({ "number": server.number, "name": "http-oidc", "protocol": "HTTP" });
    if let (true, Some(port)) = (server.number != server.target, port.as_object_mut()) {
        port.insert("targetPort".to_owned(), server.target.into());
    }
    let spec = map([
        member("hosts", json!([server.host])),
        member("location", "MESH_EXTERNAL"),
        member("resolution", "DNS"),
        member("exportTo", json!(["."])).why("For the proxies of this namespace only."),
        member("ports", list([port])).why(
            "An own port: TLS begins in the proxy, and what others send to port 443 stays as it is.",
        ),
    ]);
    documents.push(Document {
        node: resource(
            "networking.istio.io/v1",
            "ServiceEntry",
            &name_of(server, mesh),
            &mesh.namespace,
            member("spec", spec),
        ),
        head: "A server outside of the mesh.",
    });
    documents.extend(tls_rule(server, mesh));
}

/// The rule for TLS to a server, and the resource with its authorities if they are a text.
fn tls_rule(server: &Server<'_>, mesh: &Mesh) -> Vec<Document> {
    let Some(tls) = server.tls else {
        return Vec::new();
    };
    let name = name_of(server, mesh);
    let mut documents = Vec::new();
    let mut settings = vec![member(
        "mode",
        if tls.certificate.is_some() {
            "MUTUAL"
        } else {
            "SIMPLE"
        },
    )];
    match &tls.trust {
        Trust::System => {}
        Trust::File(path) => settings.push(
            member("caCertificates", path.as_str()).why("A file in the container of the proxy."),
        ),
        Trust::Text(text) => {
            documents.push(authorities(&name, text, mesh));
            let reference = format!("configmap://{}/{name}", mesh.namespace);
            settings.push(member("credentialName", reference));
        }
    }
    if let Some(certificate) = &tls.certificate {
        settings.push(member("clientCertificate", certificate.chain.as_str()));
        settings.push(member("privateKey", certificate.key.as_str()));
    }
    settings.extend(server_name(&tls.server));
    let rule = map([
        member("host", server.host),
        member("exportTo", json!(["."])),
        member(
            "trafficPolicy",
            map([member(
                "portLevelSettings",
                list([map([
                    member("port", json!({ "number": server.number })),
                    member("tls", Node::Map(settings)),
                ])]),
            )]),
        ),
    ]);
    documents.push(Document {
        node: resource(
            "networking.istio.io/v1",
            "DestinationRule",
            &name,
            &mesh.namespace,
            member("spec", rule),
        ),
        head: "TLS to it: without name and authorities, anybody on the way could answer.",
    });
    documents
}

/// The name that the certificate must have. Never one without the other: Istio takes a certificate
/// for any name as soon as there is an `sni` without `subjectAltNames`.
fn server_name(server: &str) -> [Member; 2] {
    [
        member("sni", server),
        member("subjectAltNames", json!([server]))
            .why("Never remove this and keep sni: a certificate for any name would do then."),
    ]
}

fn authorities(name: &str, text: &str, mesh: &Mesh) -> Document {
    Document {
        node: resource(
            "v1",
            "ConfigMap",
            name,
            &mesh.namespace,
            member("data", map([member("ca.crt", text)])),
        ),
        head: "The authorities of a server.",
    }
}

/// Writes the names of clusters of the mesh into the configuration of the filter.
fn rename(filter: &mut Value, names: &[(String, String)]) {
    let replace = |object: &mut Map<String, Value>, member: &str| {
        let new = members::key(object, member)
            .and_then(|key| object.get(key))
            .and_then(Value::as_str)
            .and_then(|old| names.iter().find(|(name, _)| name == old))
            .map(|(_, new)| new.clone());
        if let Some(new) = new {
            members::set(object, member, new);
        }
    };
    if let Some(proxy) = proxy(filter) {
        replace(proxy, "upstreamCluster");
        replace(proxy, "oidcCluster");
    }
    let mut at = Some(filter);
    for name in ["http", "auth", "bearer", "oidc"] {
        at = at.and_then(|value| {
            let object = value.as_object_mut()?;
            let key = members::key(object, name)?.to_owned();
            object.get_mut(&key)
        });
    }
    let entries: &mut [Value] = match at {
        Some(Value::Array(entries)) => entries,
        Some(single) => std::slice::from_mut(single),
        None => &mut [],
    };
    for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
        replace(entry, "cluster");
        replace(entry, "jwksCluster");
    }
}
