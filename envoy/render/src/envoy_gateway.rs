//! The resources of Envoy Gateway: the filter as a policy, and a patch with the clusters that it
//! asks, for which Envoy Gateway has no resource.

mod extension;
mod place;
mod servers;

use registry_auth_engine::config::ConfigError;
use serde_json::Value;

use crate::complete::{complete, members};
use crate::files::Files;
use crate::foreign;
use crate::options::Options;
use crate::resources::{self, Rendered};

pub use place::Gateway;

/// Returns the resources for a document of zot. Listeners belong to the Gateway: `http.address`,
/// `http.port` and `http.tls` of the document are not used.
///
/// # Errors
/// All that is wrong with the document, and what Envoy Gateway cannot do.
pub fn render(
    document: &Value,
    options: &Options,
    gateway: &Gateway,
    files: &dyn Files,
) -> Result<Rendered, Vec<ConfigError>> {
    let refused = |path: &str, message: &str| {
        vec![ConfigError {
            path: path.to_owned(),
            message: message.to_owned(),
        }]
    };
    if options.upstream.is_none() {
        let message = "must be given: http://NAME.NAMESPACE.svc.cluster.local:PORT, the Service of the registry";
        return Err(refused("--upstream", message));
    }
    let mut assumptions = Vec::new();
    let alone = foreign::without_listener(document, "Envoy Gateway", &mut assumptions);
    let mut completed = complete(&alone, options, files)?;
    assumptions.append(&mut completed.assumptions);
    if completed.intake.is_some() {
        let message = "keys are pushed to the filter, and Envoy Gateway lets no filter read request bodies: let the proxy fetch the keys (keySource `callout`, or inline `jwks`), or use `render istio` or `render envoy`";
        return Err(refused("http.auth.bearer", message));
    }
    if foreign::wants_bodies(document) {
        let message = "Envoy Gateway lets no filter read request bodies: leave it out, and the token endpoint answers GET";
        return Err(refused("proxy.readRequestBodies", message));
    }
    if let Some(proxy) = foreign::proxy(&mut completed.filter) {
        members::set(proxy, "readRequestBodies", false);
    }
    let mut found = Vec::new();
    foreign::check(&completed, &mut found);
    if !found.is_empty() {
        return Err(found);
    }
    let mut documents = vec![servers::patch(&completed, gateway)];
    documents.extend(servers::registry(&completed, gateway));
    documents.push(extension::of(&completed, gateway));
    gateway.assume(&completed, &mut assumptions);
    resources::assume_route(&completed, &mut assumptions);
    Ok(Rendered {
        yaml: resources::join(&documents),
        assumptions,
        warnings: completed.warnings,
    })
}
