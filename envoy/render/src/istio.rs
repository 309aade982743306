//! The resources of Istio: a plugin where one is enough, and an `EnvoyFilter` where it is not.
//!
//! A plugin of Istio cannot let the filter read request bodies. Without them keys cannot be pushed,
//! and the token endpoint answers no POST. An `EnvoyFilter` can: it has the whole configuration of
//! Envoy's filter.

mod envoy_filter;
mod intake;
mod mesh;
mod plugin;
mod promises;
mod servers;
mod shim;

use registry_auth_engine::config::ConfigError;
use serde_json::Value;

use crate::complete::complete;
use crate::files::Files;
use crate::foreign;
use crate::metrics::LABELS;
use crate::options::Options;
use crate::resources::{self, Rendered};

pub use mesh::{Form, Image, Mesh, Workload};

/// Returns the resources for a document of zot.
///
/// Listeners belong to Istio: `http.address`, `http.port` and `http.tls` of the document are not
/// used.
///
/// # Errors
/// All that is wrong with the document, and what Istio cannot do.
pub fn render(
    document: &Value,
    options: &Options,
    mesh: &Mesh,
    files: &dyn Files,
) -> Result<Rendered, Vec<ConfigError>> {
    if options.upstream.is_none() && !matches!(mesh.workload, Workload::Sidecar(_)) {
        return Err(vec![ConfigError {
            path: "--upstream".to_owned(),
            message: "must be given: http://NAME.NAMESPACE.svc.cluster.local:PORT, the Service of the registry"
                .to_owned(),
        }]);
    }
    let mut assumptions = Vec::new();
    let alone = foreign::without_listener(document, "Istio", &mut assumptions);
    let mut completed = complete(&alone, options, files)?;
    assumptions.append(&mut completed.assumptions);
    let mut found = Vec::new();
    let form = mesh::form(mesh, document, &completed, &mut assumptions, &mut found);
    let servers = servers::of(&mut completed, mesh, &mut assumptions, &mut found);
    promises::write(&mut completed, mesh, form, &mut assumptions, &mut found);
    if !found.is_empty() {
        return Err(found);
    }
    let mut documents = servers;
    let intake = completed.intake.as_ref();
    if intake.is_some() {
        documents.extend(intake::listener(mesh));
        documents.push(shim::configuration(&completed, mesh));
        assumptions.push(shim::to_do(mesh));
    }
    if form == Form::EnvoyFilter {
        documents.push(envoy_filter::of(&completed, intake, mesh));
    } else {
        documents.push(plugin::filter(&completed, form, mesh));
        documents.extend(intake.map(|intake| plugin::intake(&completed, intake, form, mesh)));
    }
    mesh.assume(&completed, &mut assumptions);
    resources::assume_route(&completed, &mut assumptions);
    assumptions.push(format!(
        "metrics have labels only where the proxy is started with `extraStatTags: [{}]`: in the annotation proxy.istio.io/config of its pods, or in meshConfig.defaultConfig",
        LABELS.join(", ")
    ));
    Ok(Rendered {
        yaml: resources::join(&documents),
        assumptions,
        warnings: completed.warnings,
    })
}
