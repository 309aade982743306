//! The pages on a loopback port, behind what the filter does: it reads the cookie `session` and
//! says who the caller is.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use registry_auth_engine::authn::token::UnverifiedToken;
use registry_auth_engine::authn::verify::{Expected, KeyIdRule, TokenKind, verify};
use registry_auth_engine::keys::KeySet;
use registry_auth_engine::login::{Caller, CallerIdentity, ISSUER};
use registry_auth_engine::{PureRust, UnixTime};
use registry_auth_people::Secret;
use registry_auth_people::pages::Pages;
use registry_auth_people::session::{Sessions, cookie};
use registry_auth_people::social::client::DirectClient;
use registry_auth_people::social::provider::{Credential, GitHub, Kind, OpenId};
use registry_auth_people::social::{
    AllowedOrigins, External, Parts, Provider, Sealer, Social, SpentInMemory,
};
use registry_auth_people::token::{LoginKey, Purpose, RootKey};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::memory::Memory;

struct Service {
    pages: Pages,
    memory: Arc<Memory>,
    keys: KeySet,
}

/// Listens on a free port.
pub(super) async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Providers of one issuer, and a GitHub Enterprise Server.
pub(super) fn providers(
    issuer: &str,
    credentials: Vec<(&'static str, Credential)>,
    github: &str,
) -> Vec<Provider> {
    let openid = credentials.into_iter().map(|(name, credential)| Provider {
        name: name.to_owned(),
        label: match name {
            "oidc" => "Example",
            "gitlab" => "GitLab",
            _ => "Google",
        }
        .to_owned(),
        client_id: format!("registry-{name}"),
        credential,
        scopes: ["openid", "email", "profile"].map(str::to_owned).to_vec(),
        kind: Kind::OpenId(OpenId::new(issuer, None, None).unwrap()),
    });
    let urls = ["authorize", "access_token"].map(|end| format!("{github}/login/oauth/{end}"));
    let (client, secret) = crate::github::CLIENT;
    let github = Provider {
        name: "github".to_owned(),
        label: "GitHub".to_owned(),
        client_id: client.to_owned(),
        credential: Credential::Secret(Secret::new(secret.as_bytes().to_vec())),
        scopes: vec!["read:org".to_owned()],
        kind: Kind::GitHub(GitHub::new(Some((&urls[0], &urls[1])), None).unwrap()),
    };
    openid.chain([github]).collect()
}

/// Serves the pages.
pub(super) async fn serve(listener: TcpListener, providers: Vec<Provider>) {
    let base = format!("http://{}", listener.local_addr().unwrap());
    let service = Arc::new(Service::new(&base, providers));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = Arc::clone(&service);
        let handle = service_fn(move |request| {
            let service = Arc::clone(&service);
            async move { Ok::<_, Infallible>(service.answer(request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), handle));
    }
}

impl Service {
    fn new(base: &str, providers: Vec<Provider>) -> Self {
        let root = RootKey::random().unwrap();
        let key = LoginKey::of(&root).unwrap();
        let keys = json!({ "keys": [key.public_jwk().unwrap()] });
        let tls = ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
        let memory = Arc::new(Memory::default());
        Self {
            pages: Pages {
                social: Social::new(Parts {
                    providers,
                    external: External::new(base).unwrap(),
                    origins: AllowedOrigins::default(),
                    sealer: Sealer::new(&root.derive(Purpose::LoginState)),
                    spent: Box::new(SpentInMemory::default()),
                    client: Arc::new(DirectClient::new(Arc::new(tls))),
                }),
                has_passwords: true,
                has_keys: true,
                sessions: Sessions::new(key, None, false, Arc::default()),
                api: Arc::<Memory>::clone(&memory),
            },
            memory,
            keys: KeySet::from_jwks_value(&keys).unwrap().keys,
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let request = Request::from_parts(head, body);
        // What the proxy would send to the registry.
        if ["/", "/home"].contains(&request.uri().path()) {
            return Response::new(Full::from("the registry"));
        }
        let now = now();
        let caller = Caller {
            at: now,
            method: request.method().to_string(),
            path: request.uri().to_string(),
            client: Some("127.0.0.1".to_owned()),
            identity: self.identity(&request, now),
        };
        let answered = self.pages.handle(&request, &caller, now).await;
        if let Some(problem) = answered.problem {
            println!("problem: {problem}");
        }
        answered.response.map(Full::new)
    }

    /// Who the cookie says it is, unless that session has ended.
    fn identity(&self, request: &Request<Bytes>, now: UnixTime) -> Option<CallerIdentity> {
        let token = cookie::value(request.headers(), "session")?;
        let token = UnverifiedToken::parse(token).ok()?;
        let expected = Expected {
            kind: TokenKind::Traditional,
            issuer: Some(ISSUER),
            audiences: &["session".to_owned()],
            clock_skew: Duration::ZERO,
            key_id: KeyIdRule::Required,
            algorithms: None,
        };
        let verified = verify(&token, &self.keys, &expected, now, &PureRust).ok()?;
        let claims = verified.claims().as_map();
        let texts = |name: &str| {
            let values = claims.get(name).and_then(Value::as_array);
            let values = values.into_iter().flatten().filter_map(Value::as_str);
            values.map(str::to_owned).collect::<Vec<_>>()
        };
        let id = claims.get("sid")?.as_str()?.to_owned();
        if self.memory.ended.lock().unwrap().contains(&id) {
            return None;
        }
        Some(CallerIdentity {
            user: claims.get("sub")?.as_str()?.to_owned(),
            groups: texts("groups"),
            methods: texts("amr"),
            id: Some(id),
            parents: texts("parents"),
            expires: Some(verified.expires()),
        })
    }
}

fn now() -> UnixTime {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    UnixTime::from_millis(i64::try_from(now.as_millis()).unwrap())
}
