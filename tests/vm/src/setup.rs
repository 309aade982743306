//! Options with which a VM is started.

use std::collections::BTreeMap;

use crate::host::{Clock, Fault, HostState};
use crate::vm::ROOT;
use registry_auth_harness::shared::SharedData;
use registry_auth_harness::substrate::ENVIRONMENT;

/// Options with which a VM is started.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a host has and has not, each by itself"
)]
pub struct Setup {
    /// The plugin configuration.
    pub configuration: Vec<u8>,
    /// Environment variables of the module.
    pub environment: Vec<(String, String)>,
    /// Clusters for HTTP calls.
    pub clusters: Vec<String>,
    /// The VM id.
    pub vm_id: String,
    /// The shared data of the VM id.
    pub shared: SharedData,
    /// True if the host has shared data.
    pub shares: bool,
    /// The clock.
    pub clock: Clock,
    /// True if the host has `verify_signature`.
    pub verifies: bool,
    /// True if the body waits whenever the head does, as in Envoy without
    /// `allow_on_headers_stop_iteration`.
    pub holds_bodies: bool,
    /// True if connections use TLS.
    pub secured: bool,
    /// True if the address of the client is added to `x-forwarded-for`, as Envoy does with
    /// `use_remote_address`.
    pub forwards: bool,
    /// True if the host has the ABI and nothing that only Envoy has: no `xds` attribute, action 4 and
    /// an unknown foreign function are fatal, `_initialize` is not called, and the VM starts in
    /// context 0.
    pub plain: bool,
    /// Major and minor version that an Envoy gives as its own; `None`: there is no such attribute.
    pub envoy: Option<(u64, u64)>,
    /// A fault in host calls, counted from the start of the VM.
    pub fault: Option<Fault>,
}

impl Setup {
    /// Returns options with the environment and the clusters of the scenarios, and defaults
    /// otherwise.
    #[must_use]
    pub fn of_scenarios(configuration: &[u8]) -> Self {
        Self {
            configuration: configuration.to_vec(),
            environment: ENVIRONMENT
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            clusters: vec![
                "issuers".to_owned(),
                "login".to_owned(),
                "upstream".to_owned(),
            ],
            vm_id: "registry-auth".to_owned(),
            shared: SharedData::default(),
            shares: true,
            clock: Clock::Ahead(0),
            verifies: true,
            holds_bodies: false,
            secured: false,
            forwards: true,
            plain: false,
            envoy: Some((1, 40)),
            fault: None,
        }
    }
}

impl HostState {
    pub(crate) fn new(setup: Setup) -> Self {
        let properties = [
            ("source\0address", "127.0.0.1:40000"),
            ("connection\0mtls", "\0"),
            (
                "connection\0tls_version",
                if setup.secured { "TLSv1.3" } else { "" },
            ),
            ("plugin_root_id", ""),
            ("plugin_vm_id", setup.vm_id.as_str()),
            ("plugin_name", "registry-auth"),
        ];
        let properties =
            properties.map(|(path, value)| (path.as_bytes().to_vec(), value.as_bytes().to_vec()));
        let mut properties = BTreeMap::from(properties);
        if let Some((major, minor)) = setup.envoy.filter(|_| !setup.plain) {
            for (part, number) in [("major", major), ("minor", minor)] {
                let path = format!("xds\0node\0user_agent_build_version\0version\0{part}_number");
                properties.insert(path.into_bytes(), number.to_le_bytes().to_vec());
            }
        }
        Self {
            plugin_configuration: setup.configuration,
            environment: setup.environment,
            properties,
            clusters: setup.clusters.into_iter().collect(),
            shared: setup.shared,
            shares: setup.shares,
            clock: setup.clock,
            verifies: setup.verifies,
            holds_bodies: setup.holds_bodies,
            forwards: setup.forwards,
            plain: setup.plain,
            fault: setup.fault,
            roots: [ROOT].into(),
            ..Self::default()
        }
    }
}
