//! Values that are refused, each with a message that says where and what to write instead.

use crate::programs::{run, template};

/// A file of values, what is changed in it, and what the message says.
const ROWS: &[(&str, &[&str], &str)] = &[
    (
        "standalone",
        &["--set=config.storage.secretkey=h1dd3n"],
        "config.storage: leave it out",
    ),
    (
        "istio",
        &["--set=config.extensions.sync.enable=true"],
        "config.extensions: leave it out",
    ),
    (
        "standalone",
        &["--set=config.http.auth.ldap.bindPassword=h1dd3n"],
        "config.http.auth.ldap: leave it out",
    ),
    (
        "plain",
        &["--set=projectedToken.enabled=false"],
        "config.http.auth.bearer.oidc[0]: its keys are fetched with a token",
    ),
    (
        "standalone",
        &["--set=controller.enabled=true"],
        "controller.registries: write the registries",
    ),
    (
        "controller",
        &["--set=controller.registries={https://registry.example.com}"],
        "'/controller/registries/0'",
    ),
    (
        "controller",
        &["--set=controller.lifetimeSeconds=60"],
        "'/controller/lifetimeSeconds'",
    ),
    (
        "controller",
        &["--set=controller.username=a:b"],
        "'/controller/username'",
    ),
    (
        "standalone",
        &["--set=replicas=3"],
        "'replicas' not allowed",
    ),
    ("standalone", &["--set=upstream.uri=x"], "'uri' not allowed"),
    ("standalone", &["--set=mode=daemonset"], "'/mode'"),
    ("standalone", &["--set=replicaCount=0"], "'/replicaCount'"),
    (
        "standalone",
        &["--set=containerPort=80"],
        "'/containerPort'",
    ),
    (
        "standalone",
        &["--set=upstream.url=registry:5000"],
        "'/upstream/url'",
    ),
    (
        "standalone",
        &["--set=upstream.url=http://user@registry"],
        "'/upstream/url'",
    ),
    (
        "standalone",
        &["--set=image.digest=latest"],
        "'/image/digest'",
    ),
    (
        "standalone",
        &["--set=tmpSizeLimit=much"],
        "'/tmpSizeLimit'",
    ),
    (
        "standalone",
        &["--set=service.type=ExternalName"],
        "'/service/type'",
    ),
    (
        "standalone",
        &["--set=config.http.accessControl.repositories.x.defaultPolicy={pull}"],
        "'/config/http/accessControl/repositories/x/defaultPolicy/0'",
    ),
    (
        "standalone",
        &["--set-json=config.http.auth.bearer.oidc=[{\"issuer\":\"https://i.example.com\"}]"],
        "missing property 'audiences'",
    ),
    (
        "standalone",
        &["--set=config.log.level=loud"],
        "'/config/log/level'",
    ),
    (
        "standalone",
        &["--set-json=config=null"],
        "config: write the policy, or name a ConfigMap",
    ),
    (
        "standalone",
        &["--set=existingConfigMap.name=policy"],
        "config and existingConfigMap.name: write one of them",
    ),
    (
        "standalone",
        &["--set=upstream.url="],
        "upstream.url: write where the registry is",
    ),
    (
        "standalone",
        &["--set=upstream.ca.secret=a,upstream.ca.configMap=b"],
        "upstream.ca: write secret or configMap, not both",
    ),
    (
        "standalone",
        &["--set=config.http.port=5000"],
        "config.http.port: remove it",
    ),
    (
        "standalone",
        &["--set=config.http.tls.cert=/x"],
        "config.http.tls: remove it",
    ),
    (
        "standalone",
        &["--set-json=networkPolicy.registry.podSelector=null"],
        "networkPolicy.registry.podSelector: write the labels of the registry's pods",
    ),
    (
        "standalone",
        &["--set-json=config.http.auth.mtls={}"],
        "config.http.auth.mtls: needs tls.secret and tls.clientCAKey",
    ),
    (
        "standalone",
        &["--set=tls.clientCAKey=ca.crt"],
        "tls.clientCAKey: is a key of tls.secret",
    ),
    (
        "standalone",
        &["--set=serviceAccount.create=false"],
        "serviceAccount.name: write the name",
    ),
    (
        "standalone",
        &["--set=autoscaling.enabled=true,autoscaling.maxReplicas=1"],
        "autoscaling.maxReplicas: is less than minReplicas",
    ),
    (
        "sidecar",
        &["--set-json=sidecar.podSelector=null"],
        "sidecar.podSelector: write the labels",
    ),
    (
        "istio",
        &["--set=module.sha256="],
        "module: write url (oci://...) and sha256",
    ),
    ("istio", &["--set=module.url=registry/x"], "'/module/url'"),
    (
        "istio",
        &["--set-json=istio.gatewaySelector={\"istio\":null}"],
        "'/istio/gatewaySelector'",
    ),
    (
        "istio",
        &["--set=config.http.auth.bearer.awsSecretsManager.region=x"],
        "config.http.auth.bearer.awsSecretsManager: keys are pushed",
    ),
    (
        "istio",
        &[
            "--set=config.http.auth.bearer.oidc[0].keySource=push,config.http.auth.bearer.oidc[0].issuer=https://i,config.http.auth.bearer.oidc[0].audiences={a}",
        ],
        "config.http.auth.bearer.oidc[0].keySource: push needs registry-auth serve",
    ),
    (
        "istio",
        &[
            "--set=config.http.auth.bearer.oidc[0].issuer=http://i.example.com,config.http.auth.bearer.oidc[0].audiences={a}",
        ],
        "is not https",
    ),
    (
        "envoy-gateway",
        &[
            "--set=existingConfigMap.name=policy",
            "--set-json=config=null",
        ],
        "existingConfigMap.name: is for standalone and sidecar",
    ),
    (
        "envoy-gateway",
        &["--set=envoyGateway.gateway="],
        "envoyGateway.gateway: write the name",
    ),
    (
        "envoy-gateway",
        &["--set=upstream.url=https://registry"],
        "needs a BackendTLSPolicy",
    ),
];

#[test]
fn wrong_values_are_refused_with_their_place() {
    let mut wrong = Vec::new();
    for (sample, changes, message) in ROWS {
        let output = run(&mut template(sample, changes));
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.success() || !errors.contains(message) {
            wrong.push(format!("{sample} {changes:?}, not `{message}`: {errors}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
