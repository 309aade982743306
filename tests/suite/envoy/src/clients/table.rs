//! The clients, with the arguments of each for each operation.
//!
//! A command is words between spaces, several commands are joined by ` && `. `{host}` is the
//! registry, `{repo}` a repository and `{parent}`/`{name}` its two halves, `{digest}` that of the
//! image in the OCI layout `{layout}`, `{layer}` the file of its layer, `{folder}` the caller's own
//! folder, `{storage}` the configuration of containers/storage that keeps its data in that folder,
//! `{containerd}` the socket of containerd. `{user}` is the name of a login, `{token}` the caller's
//! token or password; for a caller without one, its word and the one before are left out.

use Operation::{Catalog, Delete, Inspect, Login, Mount, Pull, Push, Referrers, Tags};

/// What a client is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Login,
    Push,
    Pull,
    /// The manifest alone, shown.
    Inspect,
    Tags,
    Referrers,
    /// A copy into another repository of the registry.
    Mount,
    Catalog,
    Delete,
}

/// How a client gets the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    /// As the password of its login.
    Password,
    /// As `registrytoken` of the Docker configuration.
    Configuration,
    /// By an argument of each command.
    Argument,
    /// From the credential helper `docker-credential-registry-auth`.
    Helper,
}

impl Credential {
    /// Its word in the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Configuration => "configuration",
            Self::Argument => "argument",
            Self::Helper => "helper",
        }
    }
}

/// A client with one kind of credential: a row of the table.
pub(super) struct Client {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// The programs that it needs, in `.tools/bin`; the first word of a command is one of them.
    pub(super) programs: &'static [&'static str],
    pub(super) credential: Credential,
    /// What has to be done once per caller.
    pub(super) setup: &'static str,
    /// The commands; operations that are not here are none of this client's.
    pub(super) commands: &'static [(Operation, &'static str)],
}

impl Client {
    /// The commands of an operation, if the client has it.
    pub(super) fn command(&self, operation: Operation) -> Option<&'static str> {
        // A token in the configuration, or a helper there, takes the place of a login.
        if operation == Login && self.credential != Credential::Password {
            return None;
        }
        self.commands
            .iter()
            .find(|(known, _)| *known == operation)
            .map(|(_, command)| *command)
    }
}

/// All rows. That of containerd pushes an image that crane has pushed.
pub(super) const CLIENTS: &[Client] = &[
    Client {
        name: "docker",
        programs: DOCKER_PROGRAMS,
        credential: Credential::Password,
        setup: "",
        commands: DOCKER,
    },
    Client {
        name: "docker",
        programs: DOCKER_PROGRAMS,
        credential: Credential::Helper,
        setup: "",
        commands: DOCKER,
    },
    Client {
        name: "crane",
        programs: &["crane"],
        credential: Credential::Password,
        setup: "",
        commands: CRANE,
    },
    Client {
        name: "crane",
        programs: &["crane"],
        credential: Credential::Configuration,
        setup: "",
        commands: CRANE,
    },
    Client {
        name: "crane",
        programs: &["crane"],
        credential: Credential::Helper,
        setup: "",
        commands: CRANE,
    },
    Client {
        name: "containerd",
        programs: &["containerd", "ctr"],
        credential: Credential::Password,
        setup: "",
        commands: CONTAINERD,
    },
    Client {
        name: "regctl",
        programs: &["regctl"],
        credential: Credential::Password,
        setup: "regctl registry set {host} --tls disabled --skip-check",
        commands: REGCTL,
    },
    Client {
        name: "regctl",
        programs: &["regctl"],
        credential: Credential::Helper,
        setup: "regctl registry set {host} --tls disabled --skip-check",
        commands: REGCTL,
    },
    Client {
        name: "oras",
        programs: &["oras"],
        credential: Credential::Password,
        setup: "",
        commands: ORAS,
    },
    Client {
        name: "oras",
        programs: &["oras"],
        credential: Credential::Configuration,
        setup: "",
        commands: ORAS,
    },
    Client {
        name: "oras",
        programs: &["oras"],
        credential: Credential::Helper,
        setup: "",
        commands: ORAS,
    },
    Client {
        name: "helm",
        programs: &["helm"],
        credential: Credential::Password,
        setup: "",
        commands: HELM,
    },
    Client {
        name: "helm",
        programs: &["helm"],
        credential: Credential::Helper,
        setup: "",
        commands: HELM,
    },
    Client {
        name: "skopeo",
        programs: &["skopeo"],
        credential: Credential::Password,
        setup: "",
        commands: SKOPEO,
    },
    Client {
        name: "skopeo",
        programs: &["skopeo"],
        credential: Credential::Argument,
        setup: "",
        commands: SKOPEO_TOKEN,
    },
    Client {
        name: "skopeo",
        programs: &["skopeo"],
        credential: Credential::Helper,
        setup: "",
        commands: SKOPEO,
    },
    Client {
        name: "buildah",
        programs: &["buildah"],
        credential: Credential::Password,
        setup: "",
        commands: BUILDAH,
    },
    Client {
        name: "buildah",
        programs: &["buildah"],
        credential: Credential::Helper,
        setup: "",
        commands: BUILDAH,
    },
];

const DOCKER_PROGRAMS: &[&str] = &["containerd", "dockerd", "docker"];

const DOCKER: &[(Operation, &str)] = &[
    (Login, "docker login -u {user} -p {token} {host}"),
    (
        Push,
        "docker import {layer} {host}/{repo}:1 && docker push {host}/{repo}:1",
    ),
    (Pull, "docker pull {host}/{repo}:1"),
    (
        Inspect,
        "docker manifest inspect --insecure {host}/{repo}:1",
    ),
    (
        Mount,
        "docker tag {host}/{repo}:1 {host}/{repo}-mounted:1 && docker push {host}/{repo}-mounted:1",
    ),
];

const CONTAINERD: &[(Operation, &str)] = &[
    (
        Push,
        "ctr --address {containerd} content fetch --plain-http {host}/public/crane:1 \
         && ctr --address {containerd} images tag --force {host}/public/crane:1 {host}/{repo}:1 \
         && ctr --address {containerd} images push --plain-http --user {user}:{token} {host}/{repo}:1",
    ),
    (
        Pull,
        "ctr --address {containerd} content fetch --plain-http --user {user}:{token} {host}/{repo}:1",
    ),
    (
        Mount,
        "ctr --address {containerd} images tag --force {host}/{repo}:1 {host}/{repo}-mounted:1 \
         && ctr --address {containerd} images push --plain-http --user {user}:{token} {host}/{repo}-mounted:1",
    ),
];

const CRANE: &[(Operation, &str)] = &[
    (Login, "crane auth login {host} -u {user} -p {token}"),
    (Push, "crane push {layout} {host}/{repo}:1"),
    (Pull, "crane pull {host}/{repo}:1 {folder}/pulled"),
    (Inspect, "crane manifest {host}/{repo}:1"),
    (Tags, "crane ls {host}/{repo}"),
    (Mount, "crane copy {host}/{repo}:1 {host}/{repo}-mounted:1"),
    (Catalog, "crane catalog {host}"),
    (Delete, "crane delete {host}/{repo}@{digest}"),
];

const REGCTL: &[(Operation, &str)] = &[
    (Login, "regctl registry login {host} -u {user} -p {token}"),
    (
        Push,
        "regctl image copy ocidir://{layout}:1 {host}/{repo}:1",
    ),
    (
        Pull,
        "regctl image copy {host}/{repo}:1 ocidir://{folder}/pulled:1",
    ),
    (Tags, "regctl tag ls {host}/{repo}"),
    (
        Referrers,
        "regctl artifact put --artifact-type application/example --subject {host}/{repo}:1 -f {layout}/oci-layout \
         && regctl artifact list {host}/{repo}:1",
    ),
    (
        Mount,
        "regctl image copy {host}/{repo}:1 {host}/{repo}-mounted:1",
    ),
    (Catalog, "regctl repo ls {host}"),
    (Delete, "regctl manifest delete {host}/{repo}@{digest}"),
];

const ORAS: &[(Operation, &str)] = &[
    (Login, "oras login {host} --plain-http -u {user} -p {token}"),
    (
        Push,
        "oras cp --no-tty --from-oci-layout {layout}:1 --to-plain-http {host}/{repo}:1",
    ),
    (
        Pull,
        "oras cp --no-tty --from-plain-http {host}/{repo}:1 --to-oci-layout {folder}/pulled:1",
    ),
    (Tags, "oras repo tags --plain-http {host}/{repo}"),
    (
        Referrers,
        "oras attach --no-tty --plain-http --disable-path-validation --artifact-type application/example \
         {host}/{repo}:1 {layout}/oci-layout && oras discover --plain-http {host}/{repo}:1",
    ),
    (
        Mount,
        "oras cp --no-tty --from-plain-http --to-plain-http {host}/{repo}:1 {host}/{repo}-mounted:1",
    ),
    (Catalog, "oras repo ls --plain-http {host}"),
    (
        Delete,
        "oras manifest delete --force --plain-http {host}/{repo}@{digest}",
    ),
];

const HELM: &[(Operation, &str)] = &[
    (
        Login,
        "helm registry login {host} --plain-http -u {user} -p {token}",
    ),
    (
        Push,
        "helm package {folder}/{name} --destination {folder} \
         && helm push {folder}/{name}-1.0.0.tgz oci://{host}/{parent} --plain-http",
    ),
    (
        Pull,
        "helm pull oci://{host}/{repo} --version 1.0.0 --plain-http --destination {folder}",
    ),
];

const SKOPEO: &[(Operation, &str)] = &[
    (
        Login,
        "skopeo login {host} --tls-verify=false -u {user} -p {token}",
    ),
    (
        Push,
        "skopeo --insecure-policy copy --dest-tls-verify=false oci:{layout}:1 docker://{host}/{repo}:1",
    ),
    (
        Pull,
        "skopeo --insecure-policy copy --src-tls-verify=false docker://{host}/{repo}:1 oci:{folder}/pulled:1",
    ),
    (
        Inspect,
        "skopeo inspect --raw --tls-verify=false docker://{host}/{repo}:1",
    ),
    (
        Tags,
        "skopeo list-tags --tls-verify=false docker://{host}/{repo}",
    ),
    (
        Mount,
        "skopeo --insecure-policy copy --src-tls-verify=false --dest-tls-verify=false docker://{host}/{repo}:1 \
         docker://{host}/{repo}-mounted:1",
    ),
    (
        Delete,
        "skopeo delete --tls-verify=false docker://{host}/{repo}:1",
    ),
];

const SKOPEO_TOKEN: &[(Operation, &str)] = &[
    (
        Push,
        "skopeo --insecure-policy copy --dest-tls-verify=false --dest-registry-token {token} oci:{layout}:1 \
         docker://{host}/{repo}:1",
    ),
    (
        Pull,
        "skopeo --insecure-policy copy --src-tls-verify=false --src-registry-token {token} docker://{host}/{repo}:1 \
         oci:{folder}/pulled:1",
    ),
    (
        Inspect,
        "skopeo inspect --raw --tls-verify=false --registry-token {token} docker://{host}/{repo}:1",
    ),
    (
        Tags,
        "skopeo list-tags --tls-verify=false --registry-token {token} docker://{host}/{repo}",
    ),
    (
        Mount,
        "skopeo --insecure-policy copy --src-tls-verify=false --dest-tls-verify=false --src-registry-token {token} \
         --dest-registry-token {token} docker://{host}/{repo}:1 docker://{host}/{repo}-mounted:1",
    ),
    (
        Delete,
        "skopeo delete --tls-verify=false --registry-token {token} docker://{host}/{repo}:1",
    ),
];

const BUILDAH: &[(Operation, &str)] = &[
    (
        Login,
        "buildah login --tls-verify=false -u {user} -p {token} {host}",
    ),
    (
        Push,
        "buildah {storage} from --name built scratch \
         && buildah {storage} commit --tls-verify=false --signature-policy {folder}/policy.json built \
         docker://{host}/{repo}:1 && buildah {storage} rm built",
    ),
    (
        Pull,
        "buildah {storage} pull --policy always --retry 0 --tls-verify=false --signature-policy {folder}/policy.json \
         docker://{host}/{repo}:1",
    ),
];
