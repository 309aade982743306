//! The service as the proxy and others ask it.

mod keys;
mod questions;

use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use registry_auth_engine::UnixTime;
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::login::{CALLER_HEADER, Caller, CallerIdentity};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

use super::methods::clock;
use super::*;
use crate::config;
use crate::social::External;

fn push_key(byte: u8) -> PushKey {
    PushKey::new(&[byte; 32]).unwrap()
}

/// A service of the users `ann` and `ben`, with API keys.
pub(super) struct Fixture {
    folder: tempfile::TempDir,
    kept: Kept,
    pub(super) service: Arc<LoginService>,
}

/// What came back.
struct Got {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn users(lines: &[(&str, &str)]) -> String {
    let line = |(user, password): &(&str, &str)| {
        let hash = bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap();
        format!("{user}:{hash}\n")
    };
    lines.iter().map(line).collect()
}

impl Fixture {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        std::fs::write(path, users(&[("ann", "pw"), ("ben", "pw")])).unwrap();
        let mut kept = Kept::default();
        let service = assemble(&folder, &mut kept).await;
        Self {
            folder,
            kept,
            service,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Got {
        let (head, body) = self.service.route(request, clock()).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Got {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Asks for a page or the API as the filter would for this caller.
    async fn visit(&self, method: &str, path: &str, user: Option<&str>, body: &str) -> Got {
        let caller = caller(method, path, user);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CALLER_HEADER, caller.sign(&push_key(1)));
        self.send(request.body(Full::from(body.to_owned())).unwrap())
            .await
    }
}

fn caller(method: &str, path: &str, user: Option<&str>) -> Caller {
    Caller {
        at: clock(),
        method: method.into(),
        path: path.into(),
        client: None,
        identity: user.map(|user| CallerIdentity {
            user: user.into(),
            methods: vec!["htpasswd".into()],
            id: Some("h.1".into()),
            ..CallerIdentity::default()
        }),
    }
}

async fn assemble(folder: &tempfile::TempDir, kept: &mut Kept) -> Arc<LoginService> {
    let document = json!({ "http": { "auth": {
        "htpasswd": { "path": folder.path().join("users") }, "apiKey": true,
    } } });
    let config = config::read(&document).unwrap().unwrap();
    let read = |path: &std::path::Path| std::fs::read(path).map_err(|error| error.to_string());
    let loaded = config::load(&config, &read).unwrap();
    let tls = ClientConfig::builder()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let around = Surroundings {
        push_key: push_key(1),
        listener: External::of_listener("127.0.0.1", "8080", false).unwrap(),
        store: folder.path().join("store"),
        tls: Arc::new(tls),
        allow_origins: Vec::new(),
    };
    Arc::new(
        kept.assemble(&config, &loaded, &around)
            .await
            .unwrap()
            .service,
    )
}
