//! The document as written, from JSON: every key known or refused with its path.

use serde_json::Value;

use super::raw::{
    AccessControl, AwsSecretsManager, Bearer, ClaimMapping, Condition, Document, FromEnv, Mint, Mtls, Oidc,
    PolicyEntry, PolicyGroup, Proxy, Variable,
};
use super::reader::Object;
use super::{Diagnostics, Role};
use crate::json;

const NOT_OURS: &str = "is not looked at here: this filter authenticates by tokens and client certificates only";

/// Reads a plugin configuration.
///
/// What could be read is returned together with the diagnostics, so that compiling it can report further errors at once;
/// nothing may run on it if there are any.
#[must_use]
pub fn decode(text: &[u8]) -> (Role, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let value = json::parse(text).unwrap_or_else(|error| {
        diagnostics.error("", error.to_string());
        Value::Null
    });
    let role = root(&mut Object::new("", value, &mut diagnostics));
    (role, diagnostics)
}

/// Reads a configuration that is JSON data already (from YAML, say).
#[must_use]
pub fn decode_value(value: Value) -> (Role, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let role = root(&mut Object::new("", value, &mut diagnostics));
    (role, diagnostics)
}

fn root(root: &mut Object<'_>) -> Role {
    if let Some(intake) = root.object("intake", |intake| {
        let key = intake.object("pushKey", from_env).unwrap_or_else(|| {
            intake.error("pushKey", "must be given, such as {\"env\": \"REGISTRY_AUTH_PUSH_KEY\"}");
            FromEnv::default()
        });
        intake.end();
        key
    }) {
        root.end();
        return Role::Intake(intake);
    }
    let mut document = root.object("http", http).unwrap_or_default();
    document.proxy = root.object("proxy", proxy).unwrap_or_default();
    document.log_level = root.object("log", |log| log.text("level")).flatten();
    let ignored = root.rest();
    if !ignored.is_empty() {
        root.warn(format!("not looked at here: {}", ignored.join(", ")));
    }
    Role::Filter(Box::new(document))
}

fn http(http: &mut Object<'_>) -> Document {
    let mut document = Document { realm: http.text("realm"), ..Document::default() };
    http.object("auth", |auth| {
        document.fail_delay = auth.seconds("failDelay");
        document.bearer = auth.object("bearer", bearer);
        document.mtls = auth.object("mtls", mtls);
        auth.ignore(
            &["htpasswd", "ldap", "openid", "apiKey", "sessionKeysFile", "sessionDriver", "secureSession"],
            NOT_OURS,
        );
        auth.end();
    });
    document.access_control = http.object("accessControl", access_control);
    let ignored: Vec<_> = http.rest().iter().map(|name| http.path_of(name)).collect();
    if !ignored.is_empty() {
        http.warn(format!("not looked at here: {}", ignored.join(", ")));
    }
    document
}

fn bearer(object: &mut Object<'_>) -> Bearer {
    let bearer = Bearer {
        realm: object.text("realm"),
        service: object.text("service"),
        cert: object.text("cert").filter(|cert| !cert.is_empty()),
        aws_secrets_manager: object.object("awsSecretsManager", aws_secrets_manager),
        oidc: object.objects("oidc", oidc),
        audiences: object.texts("audiences"),
        issuer: object.text("issuer"),
        bypass_access_control: object.flag("bypassAccessControl"),
        mint: object.object("mint", mint),
    };
    object.ignore(&["upstreamTokenEndpoint"], "is not looked at here: tokens are not fetched for clients");
    object.end();
    bearer
}

fn aws_secrets_manager(object: &mut Object<'_>) -> AwsSecretsManager {
    let aws = AwsSecretsManager {
        region: object.text("region").unwrap_or_default(),
        secret_name: object.text("secretName").unwrap_or_default(),
        refresh_interval: object.duration("refreshInterval"),
        max_stale: object.duration("maxStale"),
        strict: object.flag("strict"),
    };
    object.end();
    aws
}

fn mint(object: &mut Object<'_>) -> Mint {
    let mint = Mint {
        issuer: object.text("issuer").unwrap_or_default(),
        key_id: object.text("keyId"),
        lifetime: object.duration("lifetime"),
        algorithm: object.text("algorithm"),
        aws_secrets_manager: object.object("awsSecretsManager", aws_secrets_manager),
    };
    object.end();
    mint
}

fn oidc(object: &mut Object<'_>) -> Oidc {
    let oidc = Oidc {
        issuer: object.text("issuer").unwrap_or_default(),
        audiences: object.texts("audiences"),
        claim_mapping: object.object("claimMapping", claim_mapping),
        skip_issuer_verification: object.flag("skipIssuerVerification"),
        certificate_authority: object.text("certificateAuthority").filter(|text| !text.is_empty()),
        certificate_authority_file: object.text("certificateAuthorityFile").filter(|path| !path.is_empty()),
        cluster: object.text("cluster"),
        jwks_uri: object.text("jwksUri"),
        jwks_cluster: object.text("jwksCluster"),
        jwks: object.take("jwks"),
        key_source: object.text("keySource"),
        token_file: object.text("tokenFile").filter(|path| !path.is_empty()),
        clock_skew: object.duration("clockSkew"),
        max_stale: object.duration("maxStale"),
    };
    object.end();
    oidc
}

fn mtls(object: &mut Object<'_>) -> Mtls {
    let mtls = Mtls {
        identity_attributes: object.texts("identityAttributes"),
        uri_san_pattern: object.text("uriSanPattern").filter(|pattern| !pattern.is_empty()),
        uri_san_index: object.index("uriSanIndex"),
        dns_san_index: object.index("dnsSanIndex"),
        email_san_index: object.index("emailSanIndex"),
        bind_tokens: object.flag("bindTokens"),
    };
    object.end();
    mtls
}

fn claim_mapping(object: &mut Object<'_>) -> ClaimMapping {
    let mapping = ClaimMapping {
        variables: object.objects("variables", |object| {
            let variable = Variable {
                name: object.text("name").unwrap_or_default(),
                expression: object.text("expression").unwrap_or_default(),
            };
            object.end();
            variable
        }),
        validations: object.objects("validations", condition),
        username: object.text("username").filter(|text| !text.is_empty()),
        groups: object.text("groups").filter(|text| !text.is_empty()),
    };
    object.end();
    mapping
}

fn condition(object: &mut Object<'_>) -> Condition {
    let condition = Condition {
        expression: object.text("expression").unwrap_or_default(),
        message: object.text("message").unwrap_or_default(),
    };
    object.end();
    condition
}

fn access_control(object: &mut Object<'_>) -> AccessControl {
    let control = AccessControl {
        groups: object.map("groups", |group| {
            let users = group.texts("users");
            group.end();
            users
        }),
        repositories: object.map("repositories", policy_group),
        admin_policy: object.object("adminPolicy", policy_entry),
    };
    object.ignore(&["metrics"], "is not looked at here: it concerns zot's own metrics endpoint");
    object.end();
    control
}

fn policy_group(object: &mut Object<'_>) -> PolicyGroup {
    let group = PolicyGroup {
        policies: object.objects("policies", policy_entry),
        default_policy: object.texts("defaultPolicy"),
        anonymous_policy: object.texts("anonymousPolicy"),
    };
    object.end();
    group
}

fn policy_entry(object: &mut Object<'_>) -> PolicyEntry {
    let entry = PolicyEntry {
        users: object.texts("users"),
        groups: object.texts("groups"),
        actions: object.texts("actions"),
        conditions: object.objects("conditions", condition),
    };
    object.end();
    entry
}

fn proxy(object: &mut Object<'_>) -> Proxy {
    let proxy = Proxy {
        upstream_cluster: object.text("upstreamCluster"),
        oidc_cluster: object.text("oidcCluster"),
        push_key: object.object("pushKey", from_env),
        upstream_authorization: object.object("upstreamAuthorization", from_env),
        forward_authorization: object.flag("forwardAuthorization"),
        identity_header: object.text("identityHeader"),
        public_paths: object.texts("publicPaths"),
        read_request_bodies: object.flag("readRequestBodies"),
        extensions: object.flag("extensions"),
    };
    object.end();
    proxy
}

fn from_env(object: &mut Object<'_>) -> FromEnv {
    let from_env = FromEnv { env: object.text("env").unwrap_or_default() };
    if from_env.env.is_empty() {
        object.error("env", "must name an environment variable");
    }
    object.end();
    from_env
}
