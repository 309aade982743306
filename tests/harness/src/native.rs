//! The native substrate: the engine alone, with facts from issuers in memory.

mod head;

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_engine::authn::cache::IdentityCache;
use registry_auth_engine::authn::verify::PureRust;
use registry_auth_engine::compile::{self, Compiled};
use registry_auth_engine::config::{self, Diagnostics, Role};
use registry_auth_engine::decision::{Denied, Grant, Verdict};
use registry_auth_engine::edits::Edit;
use registry_auth_engine::facts::{Facts, Gathered, KeysAnswer, MAX_BODY, Need, RequestBody};
use registry_auth_engine::fields::{self, Fields};
use registry_auth_engine::keys::ended::Ended;
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::keys::fetch::{KeyFetch, ResponseHead, Step};
use registry_auth_engine::keys::source::{Callout, KeyRing, Keys, SourceId, SourceKind};
use registry_auth_engine::keys::{KeySet, SigningKey};
use registry_auth_engine::login::{LoginAnswer, LoginQuestion, LoginRequest, PATH, SET};
use registry_auth_engine::question::{Question, QuestionResponse};
use registry_auth_engine::reason::Reason;
use registry_auth_engine::reply::Reply;
use serde_json::json;

use self::head::{head, reply_to};
use crate::client::{Request, Response};
use crate::expect::Outcome;
use crate::issuer::{Issuers, Reaction};
use crate::key::{self, TestKey};
use crate::login;
use crate::scenario::Config;
use crate::substrate::{CLIENT, PUSH_KEY, Substrate, UPSTREAM_AUTHORIZATION, now};
use crate::upstream::{self, UpstreamRequest, sha256};

/// Facts that one request may need.
const PATIENCE: usize = 64;

/// The engine, compiled for each configuration.
pub struct Native {
    issuers: Issuers,
    served: Vec<Served>,
}

struct Served {
    config: Config,
    compiled: Compiled,
    keys: KeyRing,
    identities: IdentityCache,
    version: u64,
}

impl Native {
    /// The engine with the issuers of the scenarios.
    ///
    /// # Errors
    /// A test key is missing.
    pub fn new() -> Result<Self> {
        Ok(Self {
            issuers: Issuers::of_scenarios()?,
            served: Vec::new(),
        })
    }
}

impl Substrate for Native {
    fn serve(&mut self, config: &Config) -> Result<usize> {
        let (role, mut diagnostics) = config::decode(config.plugin.to_string().as_bytes());
        let Role::Filter(document) = role else {
            bail!("an intake decides nothing")
        };
        let compiled =
            compile::compile(&document, &mut diagnostics).filter(|_| diagnostics.errors.is_empty());
        let compiled = compiled.with_context(|| list(&diagnostics))?;
        let keys = KeyRing::of(compiled.engine.sources());
        let identities = IdentityCache::with_key([7; 32]);
        self.served.push(Served {
            config: config.clone(),
            compiled,
            keys,
            identities,
            version: 0,
        });
        Ok(self.served.len() - 1)
    }

    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    fn send(&mut self, config: usize, request: &Request) -> Result<Outcome> {
        let served = self
            .served
            .get_mut(config)
            .context("there is no such configuration")?;
        served.decide(request, &self.issuers)
    }
}

impl Served {
    fn decide(&mut self, request: &Request, issuers: &Issuers) -> Result<Outcome> {
        let rules = &self.compiled.proxy.head;
        if rules.refuses(&fields_of(request)?) {
            let denied = Denied::new(Reason::IdentityHeader);
            return Ok(sent(
                request,
                denied.reply(self.compiled.engine.realm(), reply_to(request)),
            ));
        }
        let head = head(request, self.config.is_secured());
        let mut gathered = Gathered::default();
        for _ in 0..PATIENCE {
            let facts = Facts {
                keys: &self.keys,
                gathered: &gathered,
                now: now().into(),
            };
            match self
                .compiled
                .engine
                .decide(&head, &facts, &mut self.identities, &PureRust)
            {
                Verdict::Allow(grant) => return self.forward(request, &grant),
                Verdict::Reply(answer) => return Ok(sent(request, answer.reply)),
                Verdict::Deny(denied) => {
                    return Ok(sent(
                        request,
                        denied.reply(self.compiled.engine.realm(), reply_to(request)),
                    ));
                }
                Verdict::Need(need) => self.gather(need, request, &mut gathered, issuers)?,
            }
        }
        bail!("the engine needs more than {PATIENCE} facts")
    }

    /// Gets what the engine needs, as the filter does.
    fn gather(
        &mut self,
        need: Need,
        request: &Request,
        gathered: &mut Gathered,
        issuers: &Issuers,
    ) -> Result<()> {
        match need {
            Need::Keys { source, .. } => {
                let again = gathered.keys.iter().any(|(known, _)| *known == source);
                ensure!(!again, "the engine needs again what it was given");
                gathered.keys.push((source, self.learn(source, issuers)?));
            }
            Need::Tag(name) => self.ask(Question::Tag(name), gathered)?,
            Need::Catalog(listing) => self.ask(Question::Catalog(listing), gathered)?,
            Need::Login(question) => {
                ensure!(gathered.login.is_none(), "the engine asks again");
                gathered.login = Some(log_in(&question)?);
            }
            Need::Time => bail!("the time is exact"),
            Need::Body => {
                let body = request.body.bytes();
                gathered.body = Some(match body.len() {
                    _ if !self.compiled.proxy.read_request_bodies => RequestBody::NotRead,
                    ..=MAX_BODY => RequestBody::Whole(body),
                    _ => RequestBody::TooLong,
                });
            }
        }
        Ok(())
    }

    /// Asks the registry, until the answer is known.
    fn ask(&self, question: Question, gathered: &mut Gathered) -> Result<()> {
        let upstream = self
            .compiled
            .proxy
            .upstream
            .as_ref()
            .context("the engine asks a registry that there is not")?;
        let mut next = Some(question);
        while let Some(question) = next.take() {
            let request = question.request();
            let answer =
                self.config
                    .registry
                    .answer(request.method, &request.target, Some(&upstream.host));
            let status = answer.status.to_string();
            let mut headers = vec![(":status", status.as_bytes())];
            headers.extend(
                answer
                    .headers
                    .iter()
                    .map(|(name, value)| (*name, value.as_bytes())),
            );
            let headers =
                Fields::parse(fields::write(&headers)).context("fields that cannot be read")?;
            let body = answer.body.unwrap_or_default().into_bytes();
            next = question.answer(QuestionResponse { headers, body }, gathered);
        }
        Ok(())
    }

    /// Gets the keys of a source; whatever is wrong with them, there are none then.
    fn learn(&mut self, source: SourceId, issuers: &Issuers) -> Result<KeysAnswer> {
        let kind = self
            .compiled
            .engine
            .sources()
            .get(source.index())
            .map(|source| source.kind.clone());
        let kind = kind.context("the engine needs a source that there is not")?;
        // No shim is there to be asked for newer keys.
        let is_asked = matches!(kind, SourceKind::Callout(_));
        let keys = match kind {
            SourceKind::Inline(_) => return Ok(KeysAnswer::Current),
            SourceKind::Callout(callout) => fetch(&callout, issuers),
            SourceKind::Signing(_) => match &self.config.minting {
                None => None,
                Some(name) => {
                    let jwks = json!({ "keys": [TestKey::named(name)?.private_jwk()?] });
                    let (key, set) = SigningKey::from_jwks_value(&jwks)?;
                    self.keys.set_signing(key);
                    Some(Keys::new(set))
                }
            },
            SourceKind::Pushed(set) if set == SET => match &self.config.login {
                None => None,
                Some(ended) => {
                    let set = ended.set()?;
                    let members = set.as_object().context("a set is no object")?;
                    Some(Keys {
                        ended: Some(Arc::new(Ended::read(members)?)),
                        ..load(set.to_string().as_bytes()).context("no keys")?
                    })
                }
            },
            SourceKind::Pushed(_) => match &self.config.pushed {
                None => None,
                Some(names) => {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    load(key::jwks(&names)?.to_string().as_bytes())
                }
            },
        };
        let Some(keys) = keys else {
            return Ok(KeysAnswer::Unavailable);
        };
        self.version += 1;
        self.keys.set(
            source,
            Some(Keys {
                version: self.version,
                ..keys
            }),
        );
        Ok(if is_asked {
            KeysAnswer::Current
        } else {
            KeysAnswer::Unavailable
        })
    }

    /// Edits the head as the filter does.
    fn forward(&self, request: &Request, grant: &Grant) -> Result<Outcome> {
        let proxy = &self.compiled.proxy;
        let fields = fields_of(request)?;
        let credential = proxy
            .upstream_authorization
            .as_ref()
            .map(|_| UPSTREAM_AUTHORIZATION);
        let key = PushKey::new(PUSH_KEY.as_bytes())?;
        let client = || Some(CLIENT.to_owned());
        let caller = grant.caller(&head(request, self.config.is_secured()), client, now());
        let caller = caller.map(|caller| caller.sign(&key));
        let mut path = upstream::latin1(&request.target);
        let mut headers: Vec<(String, Vec<u8>)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect();
        grant
            .edits(&fields, &proxy.head, credential)
            .naming(caller.as_deref())
            .apply(|edit| {
                match edit {
                    Edit::Target(target) => target.clone_into(&mut path),
                    Edit::Remove(name) => headers.retain(|(other, _)| other.as_bytes() != name),
                    Edit::Add(name, value) => {
                        headers.push((name.to_ascii_lowercase(), value.as_bytes().to_vec()));
                    }
                }
                anyhow::Ok(())
            })?;
        let body = request.body.bytes();
        let status = self
            .config
            .registry
            .answer(&request.method, &path, None)
            .status;
        let seen = UpstreamRequest {
            method: request.method.clone(),
            path,
            headers,
            body: body.len(),
            sha256: sha256(&body),
        };
        Ok(Outcome::Forwarded { seen, status })
    }
}

/// The header fields of a request as a proxy hands them over, with names in lower case.
fn fields_of(request: &Request) -> Result<Fields> {
    let sent: Vec<(String, &[u8])> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_slice()))
        .collect();
    let sent: Vec<(&str, &[u8])> = sent
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    Fields::parse(fields::write(&sent)).context("the head is no head")
}

/// A reply as it is sent: none to HEAD has a body.
fn sent(request: &Request, mut reply: Reply) -> Outcome {
    if request.method == "HEAD" {
        reply.body.clear();
    }
    let headers = reply
        .headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into_bytes()));
    Outcome::Answered(Response {
        status: reply.status,
        headers: headers.collect(),
        body: reply.body,
    })
}

/// Asks the login service, with the filter's own words.
fn log_in(question: &LoginQuestion) -> Result<LoginAnswer> {
    let body = question.to_json();
    let request = LoginRequest {
        nonce: vec![7; 16],
        at: now(),
    };
    let key = PushKey::new(PUSH_KEY.as_bytes())?;
    let authorization = format!("Bearer {}", request.sign(&body, &key));
    let (question, _) = login::read("POST", PATH, &authorization, &body, now())?;
    let login::Answer {
        status,
        retry_after,
        body,
    } = login::answer(&question, now())?;
    let retry_after = retry_after.as_deref().map(str::as_bytes);
    Ok(LoginAnswer::read(status, retry_after, &body))
}

fn fetch(callout: &Callout, issuers: &Issuers) -> Option<Keys> {
    let mut fetch = KeyFetch::new(&callout.issuer, &callout.first);
    loop {
        let url = &fetch.request().url;
        let Reaction::Answer {
            status,
            cache_control,
            body,
            ..
        } = issuers.react(url.authority(), url.target())
        else {
            return None;
        };
        let head = ResponseHead {
            status: Some(status),
            length: body.len(),
            cache_control: cache_control.as_deref().map(str::as_bytes),
        };
        match fetch.head(&head).ok()?.body(&body).ok()? {
            Step::Next(next) => fetch = next,
            Step::Done(fetched) => {
                return Some(Keys {
                    algorithms: fetched.algorithms,
                    ..Keys::new(fetched.keys)
                });
            }
        }
    }
}

fn load(jwks: &[u8]) -> Option<Keys> {
    let loaded = KeySet::from_jwks(jwks).ok()?;
    Some(Keys::new(loaded.keys))
}

fn list(diagnostics: &Diagnostics) -> String {
    let lines: Vec<String> = diagnostics.errors.iter().map(ToString::to_string).collect();
    format!("the configuration is refused\n    {}", lines.join("\n    "))
}
