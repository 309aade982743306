//! The Deployment: a check of the policy, then Envoy with the filter.

use serde_json::{Value, json};

use super::settings::Settings;
use super::{ADMIN_PORT, KEY, PORT, object};
use crate::node::{Member, Node, list, map, member};
use crate::options::{Options, UPSTREAM_AUTHORIZATION};
use crate::resources::Document;

/// The user of the containers.
const USER: u32 = 65_532;

/// Returns the Deployment.
pub(super) fn deployment(settings: &Settings, options: &Options) -> Document {
    let metadata = map([member("labels", settings.labels())]);
    let template = map([
        member("metadata", metadata),
        member("spec", pod(settings, options)),
    ]);
    let spec = map([
        member("replicas", 2_u16),
        member(
            "selector",
            map([member("matchLabels", settings.selector())]),
        ),
        member(
            "strategy",
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}),
        )
        .why("A new pod serves before an old one ends."),
        member("template", template),
    ]);
    Document {
        node: object(
            settings,
            "apps/v1",
            "Deployment",
            "",
            [member("spec", spec)],
        ),
        head: "Envoy with the filter.",
    }
}

fn pod(settings: &Settings, options: &Options) -> Node {
    let check = container(settings, options, "registry-auth-check", &["--check"], []);
    let serving = container(settings, options, "registry-auth", &[], serving());
    let spread = map([
        member("maxSkew", 1_u16),
        member("topologyKey", "kubernetes.io/hostname"),
        member("whenUnsatisfiable", "ScheduleAnyway"),
        member(
            "labelSelector",
            map([member("matchLabels", settings.selector())]),
        ),
    ]);
    map([
        member("serviceAccountName", settings.name.as_str()),
        member("automountServiceAccountToken", false),
        member("enableServiceLinks", false),
        member(
            "securityContext",
            json!({"fsGroup": USER, "runAsNonRoot": true}),
        )
        .why("So that the user of the container reads secrets and the token."),
        member("terminationGracePeriodSeconds", 60_u16),
        member("initContainers", list([check]))
            .why("A policy that is wrong ends here, with all errors in the log."),
        member("containers", list([serving])),
        member("volumes", volumes(settings)),
        member("topologySpreadConstraints", list([spread])),
    ])
}

/// What only the container that serves has.
fn serving() -> [Member; 4] {
    let probe = |path: &str, mut more: Value| {
        if let Some(more) = more.as_object_mut() {
            more.insert(
                "httpGet".to_owned(),
                json!({"path": path, "port": "auth-metrics"}),
            );
        }
        more
    };
    let ports = [
        json!({"name": "registry-auth", "containerPort": PORT}),
        json!({"name": "auth-metrics", "containerPort": ADMIN_PORT}),
    ];
    [
        member("ports", list(ports)),
        member(
            "startupProbe",
            probe(
                "/healthz",
                json!({"periodSeconds": 2, "failureThreshold": 30}),
            ),
        ),
        member(
            "livenessProbe",
            probe("/healthz", json!({"periodSeconds": 10})),
        ),
        member(
            "readinessProbe",
            probe("/readyz", json!({"periodSeconds": 5})),
        ),
    ]
}

fn container<const N: usize>(
    settings: &Settings,
    options: &Options,
    name: &str,
    more: &[&str],
    rest: [Member; N],
) -> Node {
    let mut members = vec![
        member("name", name),
        member("image", settings.image.as_str()),
        member("imagePullPolicy", "IfNotPresent"),
        member("args", list(arguments(options, more))),
    ];
    if let Some(secret) = &settings.authorization_secret {
        let value = json!({"secretKeyRef": {"name": secret, "key": "authorization"}});
        let variable = json!({"name": UPSTREAM_AUTHORIZATION, "valueFrom": value});
        members.push(member("env", list([variable])));
    }
    members.extend(rest);
    members.push(member(
        "securityContext",
        json!({
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        }),
    ));
    members.push(member(
        "resources",
        json!({"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}),
    ));
    let mounts = mounts(settings);
    let mounts = mounts.into_iter().map(|(name, path, is_written)| {
        let mut mount = json!({"name": name, "mountPath": path});
        if let (false, Some(mount)) = (is_written, mount.as_object_mut()) {
            mount.insert("readOnly".to_owned(), true.into());
        }
        mount
    });
    members.push(member("volumeMounts", list(mounts)));
    Node::Map(members)
}

fn arguments(options: &Options, more: &[&str]) -> Vec<String> {
    let mut arguments = vec![
        "run".to_owned(),
        format!("--config=/etc/registry-auth/policy/{KEY}"),
    ];
    if let Some(upstream) = &options.upstream {
        arguments.push(format!("--upstream={}", upstream.url));
        if upstream.rewrite_host {
            arguments.push("--upstream-rewrite-host".to_owned());
        }
        if upstream.authorization {
            arguments.push("--upstream-authorization".to_owned());
        }
    }
    arguments.push("--concurrency=2".to_owned());
    arguments.push(format!("--listen=0.0.0.0:{ADMIN_PORT}"));
    arguments.extend(more.iter().map(|&each| each.to_owned()));
    arguments
}

/// Volumes with their paths, and whether something is written there.
fn mounts(settings: &Settings) -> Vec<(&'static str, &'static str, bool)> {
    let mut mounts = vec![
        ("registry-auth-policy", "/etc/registry-auth/policy", false),
        ("registry-auth-tmp", "/tmp", true),
    ];
    if settings.tls_secret.is_some() {
        mounts.push(("registry-auth-tls", "/etc/registry-auth/tls", false));
    }
    if settings.token {
        mounts.push((
            "registry-auth-token",
            "/var/run/secrets/kubernetes.io/serviceaccount",
            false,
        ));
    }
    mounts
}

fn volumes(settings: &Settings) -> Node {
    let mut volumes = vec![
        json!({"name": "registry-auth-policy", "configMap": {"name": settings.name}}),
        json!({"name": "registry-auth-tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}),
    ];
    if let Some(secret) = &settings.tls_secret {
        volumes.push(json!({"name": "registry-auth-tls", "secret": {"secretName": secret}}));
    }
    if settings.token {
        let sources = json!([
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ]);
        volumes.push(json!({"name": "registry-auth-token", "projected": {"sources": sources}}));
    }
    list(volumes)
}
