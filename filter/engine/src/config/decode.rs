//! The document as written, from JSON: every key known or refused with its path.

use serde_json::Value;

use super::raw::{
    AccessControl, AwsSecretsManager, Bearer, ClaimMapping, Condition, Decisions, Document,
    FromEnv, Intake, Login, Mint, Mtls, Oidc, PolicyEntry, PolicyGroup, Proxy, Shadow, Variable,
};
use super::reader::Object;
use super::sections::{ZOT_AUTH, ZOT_HTTP, ZOT_LOG, ZOT_ROOT};
use super::{Diagnostics, Role, protobuf};
use crate::json;

const ZOTS_OWN: &str = "ignored, as only zot reads them";
const OF_PEOPLE: &str = "is read by `registry-auth run` or `registry-auth render`, which write `http.auth.login` for the filter in its place: give the file to one of them, or remove it here";

/// Reads a plugin configuration.
///
/// What could be read is returned together with the diagnostics, so that compiling it can report
/// further errors at once; nothing may run on it if there are any.
#[must_use]
pub fn decode(text: &[u8]) -> (Role, Diagnostics) {
    match json::parse(text) {
        Ok(value) => decode_value(value),
        Err(error) => {
            let mut diagnostics = Diagnostics::default();
            diagnostics.error(
                "",
                what_it_is(text).map_or_else(|| error.to_string(), str::to_owned),
            );
            (Role::Unreadable, diagnostics)
        }
    }
}

/// What a text that is not JSON is instead, where that can be recognised.
fn what_it_is(text: &[u8]) -> Option<&'static str> {
    let empty = "is empty: the host handed over no configuration";
    let message = "is a protobuf message and not JSON: the host handed over a google.protobuf.Struct, or another type, as it is; write the configuration as a google.protobuf.StringValue that holds the JSON text";
    let mark = "begins with a byte order mark: write it as UTF-8 without one";
    if text.trim_ascii().is_empty() {
        Some(empty)
    } else if protobuf::is_message(text) {
        Some(message)
    } else if text.starts_with("\u{feff}".as_bytes()) {
        Some(mark)
    } else {
        std::str::from_utf8(text)
            .is_err()
            .then_some("is not UTF-8 text: write it as JSON in UTF-8")
    }
}

/// Reads a configuration that is JSON data already (from YAML, say).
#[must_use]
pub fn decode_value(value: Value) -> (Role, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    if value.is_null() {
        diagnostics.error("", "is empty: write at least a section `http`");
        return (Role::Unreadable, diagnostics);
    }
    let role = root(&mut Object::new("", value, &mut diagnostics));
    (role, diagnostics)
}

fn root(root: &mut Object<'_>) -> Role {
    if let Some(intake) = root.object("intake", intake) {
        root.refuse_rest(
            "cannot be combined with `intake`: the filter gets a configuration of its own",
        );
        return Role::Intake(intake);
    }
    let mut document = root.object("http", http).unwrap_or_default();
    document.proxy = root.object("proxy", proxy).unwrap_or_default();
    (document.log_level, document.decisions) = root.object("log", log).unwrap_or_default();
    document.shadow = root.object("shadow", shadow);
    root.ignore_together(ZOT_ROOT, ZOTS_OWN);
    document.tests = root.take("tests");
    // For `registry-auth check` alone.
    let _ = root.take("lint");
    root.end();
    Role::Filter(Box::new(document))
}

fn intake(object: &mut Object<'_>) -> Intake {
    let push_key = object.object("pushKey", from_env).unwrap_or_else(|| {
        object.error(
            "pushKey",
            "must be given, such as {\"env\": \"REGISTRY_AUTH_PUSH_KEY\"}",
        );
        FromEnv::default()
    });
    let intake = Intake {
        push_key,
        read_request_bodies: object.flag_or("readRequestBodies", true),
    };
    object.end();
    intake
}

fn http(http: &mut Object<'_>) -> Document {
    let mut document = Document {
        realm: http.text("realm"),
        ..Document::default()
    };
    http.object("auth", |auth| {
        document.fail_delay = auth.seconds("failDelay");
        document.bearer = auth.object("bearer", bearer);
        document.mtls = auth.object("mtls", mtls);
        document.login = auth.object("login", login);
        auth.refuse(ZOT_AUTH, OF_PEOPLE);
        auth.end();
    });
    document.access_control = http.object("accessControl", access_control);
    http.ignore_together(ZOT_HTTP, ZOTS_OWN);
    http.end();
    document
}

fn log(log: &mut Object<'_>) -> (Option<String>, Option<Decisions>) {
    let level = log.text("level");
    let decisions = log.object("decisions", |object| {
        let decisions = Decisions {
            deny: object.rate("deny"),
            allow: object.rate("allow"),
            claims: object.filled_texts("claims"),
            trace: object.flag("trace"),
        };
        object.end();
        decisions
    });
    log.ignore_together(ZOT_LOG, ZOTS_OWN);
    log.end();
    (level, decisions)
}

fn shadow(object: &mut Object<'_>) -> Shadow {
    let shadow = Shadow {
        access_control: object.object("accessControl", access_control),
        claim_mapping: object.map("claimMapping", claim_mapping),
        warn: object.filled("warn"),
    };
    object.end();
    shadow
}

fn bearer(object: &mut Object<'_>) -> Bearer {
    let bearer = Bearer {
        realm: object.text("realm"),
        service: object.text("service"),
        cert: object.text("cert").filter(|cert| !cert.is_empty()),
        aws_secrets_manager: object.object("awsSecretsManager", aws_secrets_manager),
        oidc: object.objects("oidc", oidc),
        audiences: object.filled_texts("audiences"),
        issuer: object.filled("issuer"),
        bypass_access_control: object.flag("bypassAccessControl"),
        mint: object.object("mint", mint),
    };
    object.ignore(
        &["upstreamTokenEndpoint"],
        "is ignored: tokens are not fetched for clients",
    );
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
        certificate_authority: object
            .text("certificateAuthority")
            .filter(|text| !text.is_empty()),
        certificate_authority_file: object
            .text("certificateAuthorityFile")
            .filter(|path| !path.is_empty()),
        cluster: object.text("cluster"),
        jwks_uri: object.text("jwksUri"),
        jwks_cluster: object.filled("jwksCluster"),
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
        uri_san_pattern: object
            .text("uriSanPattern")
            .filter(|pattern| !pattern.is_empty()),
        uri_san_index: object.index("uriSanIndex"),
        dns_san_index: object.index("dnsSanIndex"),
        email_san_index: object.index("emailSanIndex"),
        bind_tokens: object.flag("bindTokens"),
    };
    object.end();
    mtls
}

fn login(object: &mut Object<'_>) -> Login {
    let login = Login {
        cluster: object.text("cluster").unwrap_or_default(),
        methods: object.texts("methods"),
        timeout: object.duration("timeout"),
    };
    object.end();
    login
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
    object.ignore(
        &["metrics"],
        "is ignored: it concerns zot's own metrics endpoint",
    );
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
        name: object.text("name"),
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
        upstream: object.filled("upstream"),
        upstream_cluster: object.filled("upstreamCluster"),
        upstream_host: object.text("upstreamHost"),
        oidc_cluster: object.text("oidcCluster"),
        push_key: object.object("pushKey", from_env),
        upstream_authorization: object.object("upstreamAuthorization", from_env),
        forward_authorization: object.flag("forwardAuthorization"),
        identity_header: object.text("identityHeader"),
        refuse_identity_header: object.flag("refuseIdentityHeader"),
        public_paths: object.texts("publicPaths"),
        read_request_bodies: object.flag("readRequestBodies"),
        extensions: object.flag("extensions"),
        mounts: object.flag("mounts"),
        client_address: object.text("clientAddress"),
    };
    object.end();
    proxy
}

fn from_env(object: &mut Object<'_>) -> FromEnv {
    let from_env = FromEnv {
        env: object.text("env").unwrap_or_default(),
    };
    let is_name = from_env
        .env
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && from_env
            .env
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit());
    if !is_name {
        // The value is not repeated: it may be the secret itself.
        object
            .error("env", "must be the name of an environment variable: letters, digits and `_`, not the value itself");
    }
    object.end();
    from_env
}
