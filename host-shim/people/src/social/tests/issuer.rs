//! A provider that answers as a row says.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::body::Bytes;
use hyper::{Request, Response};
use registry_auth_engine::UnixTime;
use registry_auth_engine::keys::KeySet;
use serde_json::{Value, json};

use crate::Secret;
use crate::social::http::{Answer, HttpClient, NoAnswer};
use crate::social::provider::{Credential, GitHub, Kind, OpenId};
use crate::social::{
    AllowedOrigins, External, Finished, Parts, Provider, Sealer, Social, SocialError, SpentInMemory,
};

/// The issuer.
pub(crate) const ISSUER: &str = "https://idp.example";
/// The client.
pub(crate) const CLIENT: &str = "registry";
/// The access token.
pub(crate) const ACCESS: &str = "access-token-1";
/// Now.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

static RSA: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
static P256: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());

/// What the provider answers.
#[derive(Clone)]
pub(crate) struct Script {
    /// More members of the discovery document; null removes one.
    pub(crate) metadata: Value,
    /// Changes of the ID token's claims; null removes one.
    pub(crate) claims: Value,
    /// Its header.
    pub(crate) header: Value,
    /// The answer of the token endpoint instead of tokens.
    pub(crate) token: Option<(u16, Value)>,
    /// Refuse a secret in the header field.
    pub(crate) form_only: bool,
    /// The answer of the userinfo endpoint.
    pub(crate) userinfo: (u16, Value),
    /// Answers of other paths, with the header field `link`.
    pub(crate) others: BTreeMap<String, (u16, Value, &'static str)>,
    /// The keys that the JWKS has.
    pub(crate) keys: Vec<&'static str>,
}

/// Method, path, form and `Authorization` of a request.
pub(crate) type Asked = (String, String, BTreeMap<String, String>, String);

/// A provider, and what it was asked.
pub(crate) struct Issuer {
    pub(crate) script: Mutex<Script>,
    nonce: Mutex<String>,
    /// What it was asked.
    pub(crate) asked: Mutex<Vec<Asked>>,
}

/// A provider, and logins by it.
pub(crate) struct Fixture {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) social: Social,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            metadata: json!({}),
            claims: json!({}),
            header: json!({ "alg": "RS256", "kid": "rsa" }),
            token: None,
            form_only: false,
            userinfo: (
                200,
                json!({ "sub": "sub-1", "email": "u@example.org", "email_verified": true }),
            ),
            others: BTreeMap::new(),
            keys: vec!["rsa", "p256"],
        }
    }
}

impl Fixture {
    /// Providers `oidc` and `gitlab` with a secret and without, and `github`.
    pub(crate) fn new(script: Script) -> Self {
        Self::with(
            script,
            None,
            Credential::Secret(Secret::new(b"s:1%".to_vec())),
        )
    }

    pub(crate) fn with(script: Script, username: Option<&str>, credential: Credential) -> Self {
        let issuer = Arc::new(Issuer {
            script: Mutex::new(script),
            nonce: Mutex::default(),
            asked: Mutex::default(),
        });
        let openid = || Kind::OpenId(OpenId::new(ISSUER, username, None).unwrap());
        let github = GitHub::new(
            Some(("https://ghe.example/a", "https://ghe.example/t")),
            None,
        );
        let provider = |name: &str, credential, kind, scopes: &[&str]| Provider {
            name: name.to_owned(),
            label: name.to_owned(),
            client_id: CLIENT.to_owned(),
            credential,
            scopes: scopes.iter().copied().map(str::to_owned).collect(),
            kind,
        };
        let secret = || Credential::Secret(Secret::new(b"s:1%".to_vec()));
        let social = Social::new(Parts {
            providers: vec![
                provider("oidc", credential, openid(), &["openid", "email"]),
                provider(
                    "gitlab",
                    Credential::None,
                    openid(),
                    &["read_user", "profile"],
                ),
                provider(
                    "github",
                    secret(),
                    Kind::GitHub(github.unwrap()),
                    &["read:org"],
                ),
            ],
            external: External::new("https://reg.example/").unwrap(),
            origins: AllowedOrigins::new(["https://reg.example", "http://localhost:3000"]),
            sealer: Sealer::new(&zeroize::Zeroizing::new([7; 32])),
            spent: Box::new(SpentInMemory::default()),
            client: Arc::<Issuer>::clone(&issuer),
        });
        Self { issuer, social }
    }

    /// Begins a login. Returns the parameters of the authorization request, and the cookie.
    pub(crate) async fn begin(
        &self,
        provider: &str,
        callback_ui: &str,
    ) -> Result<(BTreeMap<String, String>, String), SocialError> {
        let begun = self.social.begin(provider, callback_ui, NOW).await?;
        let (_, query) = begun.location.split_once('?').unwrap();
        let query = parameters(query);
        if let Some(nonce) = query.get("nonce") {
            self.issuer.expect_nonce(nonce);
        }
        Ok((query, begun.cookie))
    }

    /// A whole login.
    pub(crate) async fn login(&self, provider: &str) -> Result<Finished, SocialError> {
        let (query, cookie) = self.begin(provider, "/home").await?;
        let callback = format!("code=code-1&state={}", query["state"]);
        self.social
            .finish(provider, &callback, Some(&cookie), NOW)
            .await
    }
}

/// Parameters of a query or a form.
pub(crate) fn parameters(text: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

/// `0` or the status of an error.
pub(crate) fn status<T>(result: &Result<T, SocialError>) -> u16 {
    result
        .as_ref()
        .err()
        .map_or(0, |error| error.reason.status())
}

impl Issuer {
    /// The ID tokens to come have this nonce.
    pub(crate) fn expect_nonce(&self, nonce: &str) {
        nonce.clone_into(&mut self.nonce.lock().unwrap());
    }

    fn answer(&self, request: &Request<Bytes>) -> Option<(u16, Value, &'static str)> {
        let script = self.script.lock().unwrap().clone();
        let form = parameters(std::str::from_utf8(request.body()).unwrap());
        let authorization = request.headers().get("authorization");
        let authorization = authorization.map_or("", |value| value.to_str().unwrap());
        let path = request.uri().to_string();
        self.asked.lock().unwrap().push((
            request.method().to_string(),
            path.clone(),
            form,
            authorization.to_owned(),
        ));
        let path = path.strip_prefix(ISSUER).unwrap_or(&path);
        let json = |value| Some((200, value, ""));
        match path {
            "/.well-known/openid-configuration" => json(changed(
                json!({
                    "issuer": ISSUER,
                    "authorization_endpoint": format!("{ISSUER}/authorize"),
                    "token_endpoint": format!("{ISSUER}/token"),
                    "userinfo_endpoint": format!("{ISSUER}/me"),
                    "jwks_uri": format!("{ISSUER}/jwks"),
                    "id_token_signing_alg_values_supported": ["RS256", "ES256", "PS256"],
                }),
                &script.metadata,
            )),
            "/jwks" => {
                json(json!({ "keys": script.keys.iter().map(|id| jwk(id)).collect::<Vec<_>>() }))
            }
            "/token" | "https://ghe.example/t" => {
                if let Some((status, body)) = script.token {
                    return Some((status, body, ""));
                }
                if script.form_only && !authorization.is_empty() {
                    return Some((401, json!({ "error": "invalid_client" }), ""));
                }
                json(changed(
                    json!({ "access_token": ACCESS, "token_type": "Bearer", "id_token": self.id_token(&script) }),
                    &json!({}),
                ))
            }
            "/me" => Some((script.userinfo.0, script.userinfo.1, "")),
            other => script.others.get(other).cloned(),
        }
    }

    fn id_token(&self, script: &Script) -> String {
        let claims = json!({
            "iss": ISSUER,
            "sub": "sub-1",
            "aud": CLIENT,
            "iat": NOW.secs(),
            "exp": NOW.after(Duration::from_mins(5)).secs(),
            "nonce": *self.nonce.lock().unwrap(),
        });
        let claims = changed(claims, &script.claims);
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&script.header), encode(&claims));
        let random = SystemRandom::new();
        let rsa = |encoding| {
            let mut signature = vec![0; RSA.public_modulus_len()];
            RSA.sign(encoding, &random, message.as_bytes(), &mut signature)
                .unwrap();
            signature
        };
        let signature = match script.header["alg"].as_str().unwrap() {
            "PS256" => rsa(&RSA_PSS_SHA256),
            "ES256" => P256
                .sign(&random, message.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec(),
            _ => rsa(&RSA_PKCS1_SHA256),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl HttpClient for Issuer {
    fn send(&self, request: Request<Bytes>) -> Answer<'_, Result<Response<Bytes>, NoAnswer>> {
        Box::pin(async move {
            let (status, body, link) = self
                .answer(&request)
                .ok_or_else(|| NoAnswer("connection refused".to_owned()))?;
            let response = Response::builder().status(status).header("link", link);
            Ok(response.body(body.to_string().into()).unwrap())
        })
    }
}

fn jwk(id: &str) -> Value {
    let der = match id {
        "p256" => P256.public_key().as_der().unwrap().as_ref().to_vec(),
        _ => RSA.public_key().as_der().unwrap().as_ref().to_vec(),
    };
    let pem = pem::encode(&pem::Pem::new("PUBLIC KEY", der));
    let mut jwk = KeySet::from_cert(&pem).unwrap().to_jwks()["keys"][0].take();
    jwk["kid"] = id.into();
    jwk
}

/// An object with changes; null removes a member.
fn changed(mut object: Value, changes: &Value) -> Value {
    let members = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}
