//! The configuration exactly as it is written: strings, lists, nothing checked beyond types.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

/// A claim mapping, `http.auth.bearer.oidc[].claimMapping`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimMapping {
    /// Evaluated in order; each sees the earlier ones through `vars`.
    pub variables: Vec<Variable>,
    /// Evaluated in order after the variables.
    pub validations: Vec<Condition>,
    /// CEL for the user name; `claims.iss + '/' + claims.sub` when absent.
    pub username: Option<String>,
    /// CEL for the list of groups; no groups when absent.
    pub groups: Option<String>,
}

/// A named intermediate value of a claim mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// The name under `vars`.
    pub name: String,
    /// Its CEL expression.
    pub expression: String,
}

/// An expression that must be true, with what to say when it is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// A CEL expression.
    pub expression: String,
    /// Shown when the expression is false; optional in policies, required in claim validations.
    pub message: String,
}

/// `http.accessControl`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessControl {
    /// Groups by configuration: name to members.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Glob pattern to policies.
    pub repositories: BTreeMap<String, PolicyGroup>,
    /// Applies to every repository.
    pub admin_policy: Option<PolicyEntry>,
}

/// What holds for the repositories of one pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyGroup {
    /// Grants for named users and groups.
    pub policies: Vec<PolicyEntry>,
    /// Actions of every authenticated caller.
    pub default_policy: Vec<String>,
    /// Actions of all callers, with or without a credential.
    pub anonymous_policy: Vec<String>,
}

/// One grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyEntry {
    /// What it is called where its place is shown.
    pub name: Option<String>,
    /// User names, compared exactly.
    pub users: Vec<String>,
    /// Group names, compared exactly.
    pub groups: Vec<String>,
    /// `read`, `create`, `update`, `delete`, `detectManifestCollision`.
    pub actions: Vec<String>,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// One entry of `http.auth.bearer.oidc`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Oidc {
    /// The issuer, compared exactly.
    pub issuer: String,
    /// At least one must be in the token's `aud`.
    pub audiences: Vec<String>,
    /// Claims to user and groups.
    pub claim_mapping: Option<ClaimMapping>,
    /// Do not compare the token's `iss`.
    pub skip_issuer_verification: bool,
    /// PEM text of the issuer's CA.
    pub certificate_authority: Option<String>,
    /// Path of the issuer's CA; the native binary's only.
    pub certificate_authority_file: Option<String>,
    /// The host's name for the issuer.
    pub cluster: Option<String>,
    /// Skips discovery.
    pub jwks_uri: Option<String>,
    /// The host's name for the JWKS server, when it is another.
    pub jwks_cluster: Option<String>,
    /// Inline keys: no fetch at all.
    pub jwks: Option<Value>,
    /// `callout` (default) or `push`.
    pub key_source: Option<String>,
    /// Path of a bearer token for the issuer; the shim's only.
    pub token_file: Option<String>,
    /// Leeway for `exp`, `nbf` and `iat`.
    pub clock_skew: Option<Duration>,
    /// How long keys are used after the last successful fetch.
    pub max_stale: Option<Duration>,
}

impl Oidc {
    /// Returns true if the keys are pushed (`keySource` is `push`).
    #[must_use]
    pub fn is_pushed(&self) -> bool {
        self.key_source.as_deref() == Some("push")
    }
}

/// `http.auth.bearer.awsSecretsManager`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsSecretsManager {
    /// AWS region.
    pub region: String,
    /// Name or ARN of the secret.
    pub secret_name: String,
    /// Time between refreshes; one minute when absent or zero.
    pub refresh_interval: Option<Duration>,
    /// How long keys are used after the last successful refresh; ours, one hour when absent.
    pub max_stale: Option<Duration>,
    /// Ours: one bad entry refuses the whole set.
    pub strict: bool,
}

/// `http.auth.bearer.mint`; not a section of zot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mint {
    /// `iss` of the tokens.
    pub issuer: String,
    /// `kid` of the tokens; the thumbprint of the key when absent, its id of Distribution 2.8 for
    /// `libtrust`.
    pub key_id: Option<String>,
    /// How long a token is valid.
    pub lifetime: Option<Duration>,
    /// `ES256` (default) or `EdDSA`.
    pub algorithm: Option<String>,
    /// The secret with the private key.
    pub aws_secrets_manager: Option<AwsSecretsManager>,
}

/// `http.auth.bearer`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bearer {
    /// Realm of the challenge; an absolute URL names the token endpoint.
    pub realm: Option<String>,
    /// Service of the challenge.
    pub service: Option<String>,
    /// PEM or JWKS text, or a path (native binary only).
    pub cert: Option<String>,
    /// Keys from AWS Secrets Manager.
    pub aws_secrets_manager: Option<AwsSecretsManager>,
    /// OIDC issuers, in order.
    pub oidc: Vec<Oidc>,
    /// Ours (D4): checked on tokens of `cert`/Secrets Manager when set.
    pub audiences: Vec<String>,
    /// Ours (D4): checked on tokens of `cert`/Secrets Manager when set.
    pub issuer: Option<String>,
    /// Ours (D3): their `access` claim alone decides, as in zot.
    pub bypass_access_control: bool,
    /// Ours: the token endpoint signs tokens.
    pub mint: Option<Mint>,
}

/// `http.auth.mtls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mtls {
    /// `CommonName`, `Subject`, `Email`, `URI`, `DNSName`, in order; the common name when empty.
    pub identity_attributes: Vec<String>,
    /// Regular expression for URIs; its first group is the user name.
    pub uri_san_pattern: Option<String>,
    /// Which of the certificate's URIs.
    pub uri_san_index: usize,
    /// Which of its DNS names.
    pub dns_san_index: usize,
    /// Which of its e-mail addresses.
    pub email_san_index: usize,
    /// Ours: a token with `cnf.x5t#S256` is valid only with that certificate.
    pub bind_tokens: bool,
}

/// `http.auth.login`; not a section of zot. `registry-auth run` and `render` write it for zot's
/// sections of people, which hold secrets and paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The host's name for the login service.
    pub cluster: String,
    /// How people log in: `htpasswd`, `ldap`, `openid`, `apiKey`.
    pub methods: Vec<String>,
    /// How long an answer may take.
    pub timeout: Option<Duration>,
}

/// A secret that the proxy's environment holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromEnv {
    /// Name of the environment variable.
    pub env: String,
}

/// `intake`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intake {
    /// Key that authenticates pushed key sets.
    pub push_key: FromEnv,
    /// The host hands request bodies over while headers wait.
    pub read_request_bodies: bool,
}

/// `proxy`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the document"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// URL of the registry, for those who write the proxy; the filter does not read it.
    pub upstream: Option<String>,
    /// The host's name for the registry, for questions of our own.
    pub upstream_cluster: Option<String>,
    /// `Host` of those questions; the cluster's name when absent.
    pub upstream_host: Option<String>,
    /// The host's name for issuers that name no cluster.
    pub oidc_cluster: Option<String>,
    /// Key that authenticates pushed key sets.
    pub push_key: Option<FromEnv>,
    /// Authorization sent upstream.
    pub upstream_authorization: Option<FromEnv>,
    /// Leave the client's Authorization in place.
    pub forward_authorization: bool,
    /// Header that passes the user name to the upstream.
    pub identity_header: Option<String>,
    /// Refuse requests with that header instead of removing it.
    pub refuse_identity_header: bool,
    /// Globs of paths that need no identity.
    pub public_paths: Vec<String>,
    /// The host hands request bodies over while headers wait.
    pub read_request_bodies: bool,
    /// Let zot's extension routes through.
    pub extensions: bool,
    /// Forward mounts; the registry keeps repositories apart itself.
    pub mounts: bool,
    /// Who sets the client's address: `proxy`.
    pub client_address: Option<String>,
}

/// `log.decisions`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decisions {
    /// The part of refusals that is logged; all when absent.
    pub deny: Option<f64>,
    /// The part of everything else that is logged; nothing when absent.
    pub allow: Option<f64>,
    /// Claims that records show.
    pub claims: Vec<String>,
    /// Clients get the record of their refusal, encrypted.
    pub trace: bool,
}

/// `shadow`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shadow {
    /// The next `http.accessControl`.
    pub access_control: Option<AccessControl>,
    /// Issuer to its next claim mapping.
    pub claim_mapping: BTreeMap<String, ClaimMapping>,
    /// From when on it will be enforced, for warnings to clients.
    pub warn: Option<String>,
}

/// The whole document, in the filter role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// `http.realm`.
    pub realm: Option<String>,
    /// `http.auth.failDelay`, seconds.
    pub fail_delay: Option<u64>,
    /// `http.auth.bearer`.
    pub bearer: Option<Bearer>,
    /// `http.auth.mtls`; an empty one takes the common name.
    pub mtls: Option<Mtls>,
    /// `http.auth.login`.
    pub login: Option<Login>,
    /// `http.accessControl`; absent and empty mean different things (D2).
    pub access_control: Option<AccessControl>,
    /// `proxy`.
    pub proxy: Proxy,
    /// `log.level`.
    pub log_level: Option<String>,
    /// `log.decisions`.
    pub decisions: Option<Decisions>,
    /// `shadow`.
    pub shadow: Option<Shadow>,
    /// `tests`, as it is written.
    pub tests: Option<Value>,
}
