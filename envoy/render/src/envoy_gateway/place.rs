//! Where the filter is put.

use crate::completed::Completed;
use crate::foreign;
use crate::istio::Image;

/// What the caller says about the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// The Gateway that has the filter, for all of its routes.
    pub gateway: String,
    /// Its namespace.
    pub namespace: String,
    /// The module.
    pub image: Image,
    /// The name of the resources.
    pub name: String,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            gateway: "registry".to_owned(),
            namespace: "default".to_owned(),
            image: Image {
                url: format!(
                    "oci://registry.example.com/registry-auth:{}",
                    env!("CARGO_PKG_VERSION")
                ),
                sha256: None,
                pull_secret: None,
            },
            name: "registry-auth".to_owned(),
        }
    }
}

impl Gateway {
    /// Says what has to be true of the gateway.
    pub(super) fn assume(&self, completed: &Completed, assumptions: &mut Vec<String>) {
        assumptions.push(format!(
            "the Gateway `{}` is for the registry alone, and none of its routes has an EnvoyExtensionPolicy of its own: that would replace this one, and requests would pass without the filter",
            self.gateway
        ));
        assumptions.push(
            "EnvoyPatchPolicy is switched on in the configuration of Envoy Gateway (extensionApis.enableEnvoyPatchPolicy)".to_owned(),
        );
        assumptions.push(
            "the route to the registry has `timeouts: { request: 0s }`: large pushes and pulls take longer than the default".to_owned(),
        );
        assumptions.push(
            "the token endpoint answers GET only (Envoy Gateway lets no filter read request bodies): clients go on with it".to_owned(),
        );
        assumptions.push(
            "Envoy Gateway does not load a module again that trapped: every request gets an error until the proxy is started again".to_owned(),
        );
        assumptions.extend(self.image.assumption());
        if foreign::has(&completed.filter, &["http", "auth", "mtls"]) {
            assumptions.push(
                "a ClientTrafficPolicy has the proxy verify certificates of clients (tls.clientValidation)".to_owned(),
            );
        }
        if !completed.environment.is_empty() {
            assumptions.push(format!(
                "the proxy has the environment variables {}, from a Secret (EnvoyProxy)",
                completed.environment.join(", ")
            ));
        }
    }
}
