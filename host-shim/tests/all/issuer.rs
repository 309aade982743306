//! An OIDC issuer over TLS with a private certificate authority, like a Kubernetes API server: it
//! requires a bearer token and names another address for its keys. Tests inject faults.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::http::{self, Answer, Listener, ReceivedRequest};
use crate::sample::{jwk, with};

const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/openid/v1/jwks";
/// A second path of the JWKS, with `@` and a query as some issuers have it.
pub(crate) const ACCOUNT_KEYS: &str =
    "/jwk/builder@project.iam.gserviceaccount.com?appid=6731de76&p=B2C_1";

/// A running issuer.
pub(crate) struct Issuer {
    url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

struct State {
    discovery: Value,
    keys: Vec<Value>,
    token: Option<String>,
    fault: Option<Fault>,
    asked: Vec<Asked>,
}

/// A received request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: String,
}

/// A fault of the issuer.
#[derive(Clone)]
pub(crate) enum Fault {
    /// The response for both documents.
    Both(Answer),
    /// The response for the JWKS.
    Keys(Answer),
    /// Members that replace those of the discovery document.
    Discovery(Value),
}

/// Returns the path of a test certificate.
pub(crate) fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/fixtures/certificates/{name}.pem"))
}

impl Issuer {
    /// Listens on a free port with a certificate of `issuer-ca`. The issuer is
    /// `https://localhost:PORT`, its keys are at `https://127.0.0.1:PORT`.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(certificate("issuer"))?],
                PrivateKeyDer::from_pem_file(certificate("issuer.key"))?,
            )?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let url = format!("https://localhost:{port}");
        let discovery = json!({
            "issuer": url,
            "jwks_uri": format!("https://127.0.0.1:{port}{KEYS}"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        });
        let state = State {
            discovery,
            keys: Vec::new(),
            token: None,
            fault: None,
            asked: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let handler = Arc::new(move |seen| lock(&shared).answer(seen));
        let task = http::serve(
            Listener::Tls(listener, TlsAcceptor::from(Arc::new(config))),
            handler,
        );
        Ok(Self { url, state, task })
    }

    /// Returns its name.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Returns the name of its set.
    pub(crate) fn set(&self) -> String {
        format!("oidc:{}", self.url)
    }

    /// Returns the address of its JWKS.
    pub(crate) fn jwks_uri(&self) -> String {
        self.url.replace("localhost", "127.0.0.1") + KEYS
    }

    /// Returns the address of the JWKS at [`ACCOUNT_KEYS`].
    pub(crate) fn account_keys(&self) -> String {
        self.url.clone() + ACCOUNT_KEYS
    }

    /// Returns an entry of `oidc` for this issuer with further members.
    pub(crate) fn entry(&self, members: &Value) -> Value {
        with(
            &json!({"issuer": self.url, "audiences": ["registry"], "keySource": "push"}),
            members,
        )
    }

    /// Replaces the published keys: key ids and PEM.
    pub(crate) fn publish(&self, keys: &[(&str, &str)]) -> anyhow::Result<()> {
        let keys = keys
            .iter()
            .map(|(key_id, pem)| jwk(key_id, pem))
            .collect::<anyhow::Result<_>>()?;
        lock(&self.state).keys = keys;
        Ok(())
    }

    /// Publishes a further key, any JSON.
    pub(crate) fn add(&self, key: Value) {
        lock(&self.state).keys.push(key);
    }

    /// Refuses requests without this token with 403.
    pub(crate) fn want(&self, token: &str) {
        lock(&self.state).token = Some(token.to_owned());
    }

    /// Injects a fault; `None` removes it.
    pub(crate) fn fault(&self, fault: Option<Fault>) {
        lock(&self.state).fault = fault;
    }

    /// Returns the requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.state).asked.clone()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn answer(&mut self, seen: ReceivedRequest) -> Answer {
        let ReceivedRequest {
            path,
            authorization,
            ..
        } = seen;
        self.asked.push(Asked {
            path: path.clone(),
            authorization: authorization.clone(),
        });
        if self
            .token
            .as_ref()
            .is_some_and(|token| authorization != format!("Bearer {token}"))
        {
            return (403, "forbidden".to_owned()).into();
        }
        match (path.as_str(), &self.fault) {
            (_, Some(Fault::Both(answer))) | (KEYS, Some(Fault::Keys(answer))) => answer.clone(),
            (DISCOVERY, Some(Fault::Discovery(members))) => {
                (200, with(&self.discovery, members).to_string()).into()
            }
            (DISCOVERY, _) => (200, self.discovery.to_string()).into(),
            (KEYS, _) => Answer {
                status: 200,
                headers: vec![
                    ("content-type", "application/jwk-set+json".to_owned()),
                    ("cache-control", "public, max-age=3600".to_owned()),
                ],
                body: json!({"keys": self.keys}).to_string(),
                after: Duration::ZERO,
            },
            // With a byte order mark, as some servers send files.
            (ACCOUNT_KEYS, _) => (200, format!("\u{feff}{}", json!({"keys": self.keys}))).into(),
            _ => (404, String::new()).into(),
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
