//! The kubelet's configuration of the credential provider (`kubelet.config.k8s.io/v1`), and the right
//! of nodes to ask for tokens with the registry's audience.

use registry_auth_engine::config::ConfigError;

use crate::node::{Member, Node, list, map, member};
use crate::yaml;

/// The file of the kubelet's configuration.
pub const PROVIDER: &str = "credential-provider.yaml";
/// The file of the right.
pub const RBAC: &str = "rbac.yaml";
/// A service account with this annotation gives its token to the registry; with another value than `true`
/// it does not.
pub const OPT_IN: &str = "registry-auth.dev/pull";
/// The annotation with the user name of a service account.
pub const USERNAME: &str = "registry-auth.dev/username";
/// The longest user name that the program takes, in bytes.
const MAX_USERNAME: usize = 255;
const ROLE: &str = "registry-auth-audience";
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// What the operator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The name of the program in the folder of plugins.
    pub name: String,
    /// Which images it is asked about, in the form of `matchImages`.
    pub registries: Vec<String>,
    /// The audience of the tokens; the only registry when absent.
    pub audience: Option<String>,
    /// The user name; `kubelet` when absent.
    pub username: Option<String>,
    /// Whether each service account takes part, also one without the annotation [`OPT_IN`].
    pub every_account: bool,
}

/// Two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// For each node: [`PROVIDER`].
    pub provider: String,
    /// For the API server: [`RBAC`].
    pub rbac: String,
}

/// Returns the files.
///
/// # Errors
/// All that is wrong with the settings: a bad file stops the kubelet.
pub fn render(settings: &Settings) -> Result<Rendered, Vec<ConfigError>> {
    let mut found = Vec::new();
    settings.check(&mut found);
    match settings.audience() {
        Some(audience) if found.is_empty() => Ok(Rendered {
            provider: yaml::write(&settings.provider(audience), PROVIDER_HEAD),
            rbac: rbac(audience),
        }),
        Some(_) => Err(found),
        None => {
            found.push(error(
                "--audience",
                "is needed where `--registry` is not one host: write what the policy has in `audiences`",
            ));
            Err(found)
        }
    }
}

const PROVIDER_HEAD: &str = "For each node: the file of the kubelet's --image-credential-provider-config. The program registry-auth, by the name below, is in the folder of --image-credential-provider-bin-dir. Needs Kubernetes 1.34 (1.33 with the feature gate KubeletServiceAccountTokenForCredentialProviders).";
const ROLE_HEAD: &str = "For the API server: nodes may ask for tokens with this audience, for service accounts of their pods.";

impl Settings {
    fn audience(&self) -> Option<&str> {
        let only = match self.registries.as_slice() {
            [registry] if !registry.contains(['*', '/']) => Some(registry.as_str()),
            _ => None,
        };
        self.audience
            .as_deref()
            .or(only)
            .filter(|audience| !audience.is_empty())
    }

    fn check(&self, found: &mut Vec<ConfigError>) {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.name.is_empty()
            || !self.name.bytes().all(is_name)
            || [".", ".."].contains(&self.name.as_str())
        {
            found.push(error(
                "--name",
                "is the name of a file: letters, digits, `-`, `_` and `.`",
            ));
        }
        for registry in &self.registries {
            if let Some(problem) = problem_of_image(registry) {
                found.push(error("--registry", problem));
            }
        }
        let bad = |name: &String| {
            name.is_empty()
                || name.len() > MAX_USERNAME
                || name == "<token>"
                || name.contains(':')
                || name.contains(char::is_control)
        };
        if self.username.as_ref().is_some_and(bad) {
            found.push(error(
                "--username",
                "is any name of at most 255 bytes without `:` and control characters, but `<token>`",
            ));
        }
    }

    fn provider(&self, audience: &str) -> Node {
        let environment = self.username.as_ref().map(|name| {
            let variable = map([
                member("name", "REGISTRY_AUTH_USERNAME"),
                member("value", name.as_str()),
            ]);
            member("env", list([variable]))
        });
        let mut provider = vec![
            member("name", self.name.as_str()),
            member("apiVersion", "credentialprovider.kubelet.k8s.io/v1"),
            member("matchImages", list(self.registries.iter().map(String::as_str))),
            member("defaultCacheDuration", "0s"),
            member("args", list(["kubelet-credential-provider", "--audience", audience]))
                .why("Another audience needs another entry, with another name: that of a link to the program."),
        ];
        provider.extend(environment);
        provider.push(member("tokenAttributes", self.attributes(audience)));
        map([
            member("apiVersion", "kubelet.config.k8s.io/v1"),
            member("kind", "CredentialProviderConfig"),
            member("providers", list([Node::Map(provider)])),
        ])
    }

    fn attributes(&self, audience: &str) -> Node {
        let mut attributes: Vec<Member> = vec![
            member("serviceAccountTokenAudience", audience),
            member("cacheType", "Token").why("The password is the token itself."),
            member("requireServiceAccount", true),
        ];
        let optional = if self.every_account {
            list([OPT_IN, USERNAME])
        } else {
            attributes.push(
                member("requiredServiceAccountAnnotationKeys", list([OPT_IN]))
                    .why("Only for pods whose service account has this annotation."),
            );
            list([USERNAME])
        };
        // The program sees no other annotations than those that are named here.
        attributes.push(member("optionalServiceAccountAnnotationKeys", optional));
        Node::Map(attributes)
    }
}

/// Returns what is wrong with an entry of `matchImages`.
fn problem_of_image(image: &str) -> Option<&'static str> {
    let (domain, path) = image.split_once('/').unwrap_or((image, ""));
    let in_domain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.*:[]".contains(&byte);
    if image.contains("://") {
        Some("has no scheme: write `registry.example.com`")
    } else if domain.is_empty() || !domain.bytes().all(in_domain) {
        Some(
            "begins with a host: write `registry.example.com`, `*.example.com:8443` or `registry.example.com/team`",
        )
    } else if path.contains('*') {
        Some("has `*` only in its host: a path is how the name of the image begins")
    } else if path.contains(['@', ':']) {
        Some("has no tag and no digest: the kubelet leaves them out")
    } else {
        None
    }
}

fn rbac(audience: &str) -> String {
    let rule = map([
        member("apiGroups", list([""])),
        member("resources", list([audience])).why("The audience."),
        member("verbs", list(["request-serviceaccounts-token-audience"])),
    ]);
    let granted = object("ClusterRole", [member("rules", list([rule]))]);
    let reference = map([
        member("apiGroup", RBAC_GROUP),
        member("kind", "ClusterRole"),
        member("name", ROLE),
    ]);
    let nodes = map([
        member("apiGroup", RBAC_GROUP),
        member("kind", "Group"),
        member("name", "system:nodes"),
    ]);
    let binding = object(
        "ClusterRoleBinding",
        [
            member("roleRef", reference),
            member("subjects", list([nodes])),
        ],
    );
    [yaml::write(&granted, ROLE_HEAD), yaml::write(&binding, "")].join("---\n")
}

fn object<const N: usize>(kind: &str, rest: [Member; N]) -> Node {
    let head = [
        member("apiVersion", format!("{RBAC_GROUP}/v1")),
        member("kind", kind),
        member("metadata", map([member("name", ROLE)])),
    ];
    Node::Map(head.into_iter().chain(rest).collect())
}

fn error(path: &str, message: &str) -> ConfigError {
    ConfigError {
        path: path.to_owned(),
        message: message.to_owned(),
    }
}
