//! The resources of Istio: a plugin where one is enough, and an `EnvoyFilter` where it is not.
//!
//! A plugin of Istio cannot let the filter read request bodies. Without them keys cannot be pushed,
//! and the token endpoint answers no POST. An `EnvoyFilter` can: it has the whole configuration of
//! Envoy's filter.

mod adapt;
mod envoy_filter;
mod intake;
mod mesh;
mod plugin;
mod resource;
mod servers;
mod shim;

use registry_auth_engine::config::ConfigError;
use serde_json::Value;

use crate::complete::complete;
use crate::files::Files;
use crate::node::Node;
use crate::options::Options;
use crate::yaml;

pub use mesh::{Form, Image, Mesh, Workload};

/// Resources, and what is to be said about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// YAML documents: the same bytes for the same input.
    pub yaml: String,
    /// What was assumed, and what the operator has to do; one line each.
    pub assumptions: Vec<String>,
    /// The warnings about the document.
    pub warnings: Vec<ConfigError>,
}

/// A resource, with a comment above it.
struct Document {
    node: Node,
    head: &'static str,
}

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
    let alone = adapt::without_listener(document, &mut assumptions);
    let mut completed = complete(&alone, options, files)?;
    assumptions.append(&mut completed.assumptions);
    let mut found = Vec::new();
    let form = mesh::form(mesh, document, &completed, &mut assumptions, &mut found);
    let servers = servers::of(&mut completed, mesh, &mut assumptions, &mut found);
    adapt::filter(&mut completed, mesh, form, &mut assumptions, &mut found);
    if !found.is_empty() {
        return Err(found);
    }
    let mut documents = servers;
    match form {
        Form::EnvoyFilter => {
            if let Some(configuration) = &completed.intake {
                documents.extend(intake::listener(mesh));
                documents.push(shim::configuration(&completed, mesh));
                documents.push(envoy_filter::of(&completed, Some(configuration), mesh));
                assumptions.push(shim::to_do(mesh));
            } else {
                documents.push(envoy_filter::of(&completed, None, mesh));
            }
        }
        form => documents.push(plugin::of(&completed, form, mesh)),
    }
    mesh.assume(&completed, &mut assumptions);
    Ok(Rendered {
        yaml: join(&documents),
        assumptions,
        warnings: completed.warnings,
    })
}

fn join(documents: &[Document]) -> String {
    let texts: Vec<_> = documents
        .iter()
        .map(|document| yaml::write(&document.node, document.head))
        .collect();
    texts.join("---\n")
}
