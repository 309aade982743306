//! What a proxy of Istio can promise the filter.

use registry_auth_engine::config::ConfigError;

use super::mesh::{Form, Mesh, Workload};
use crate::complete::members;
use crate::completed::Completed;
use crate::foreign;

/// Writes it into the configuration, and checks the result with the engine.
pub(super) fn write(
    completed: &mut Completed,
    mesh: &Mesh,
    form: Form,
    assumptions: &mut Vec<String>,
    found: &mut Vec<ConfigError>,
) {
    if let Some(proxy) = foreign::proxy(&mut completed.filter) {
        if form != Form::EnvoyFilter {
            members::set(proxy, "readRequestBodies", false);
            assumptions.push(
                "the token endpoint answers GET only (a plugin of Istio gets no request bodies): clients go on with it".to_owned(),
            );
        }
        let behind = !matches!(mesh.workload, Workload::Gateway(..));
        if behind && members::remove(proxy, "clientAddress").is_some() {
            assumptions.push(
                "proxy.clientAddress: left out, because this proxy is not the one that clients connect to".to_owned(),
            );
        }
    }
    foreign::check(completed, found);
}
