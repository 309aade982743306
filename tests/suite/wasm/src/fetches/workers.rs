//! Several VMs with one store of shared data and one clock, as workers of a proxy are, and an
//! issuer that they ask.

use crate::wasm::respond;
use anyhow::{Context as _, Result};
use registry_auth_engine::time::UnixTime;
use registry_auth_harness::client::Request;
use registry_auth_harness::issuer::{Endpoint, Issuer, Issuers};
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::registry::RegistryState;
use registry_auth_harness::shared::SharedData;
use registry_auth_harness::substrate::PUSH_KEY;
use registry_auth_vm::host::Clock;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};
use serde_json::{Map, Value, json};

pub(crate) const ISSUER: &str = "http://issuer.test";
/// A VM id that says that the store belongs to the module.
pub(crate) const OWN: &str = "registry-auth";
const TICK: i64 = 250;

/// A request on a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) worker: usize,
    pub(crate) id: u32,
}

pub(crate) struct Workers {
    pub(crate) vms: Vec<Vm>,
    pub(crate) issuer: Issuer,
    pub(crate) shared: SharedData,
    pub(crate) now: UnixTime,
    /// The push key that their environment has.
    pub(crate) push_key: String,
    /// True if their host has shared data.
    pub(crate) shares: bool,
    vm_id: String,
    document: Value,
}

/// Everybody whom the issuer knows may do everything; `more` is laid over the entry of the issuer.
pub(crate) fn configuration(more: &Value) -> Value {
    let mut entry = json!({ "issuer": ISSUER, "audiences": ["registry"], "cluster": "issuers" });
    if let (Some(entry), Some(more)) = (entry.as_object_mut(), more.as_object()) {
        entry.extend(more.clone());
    }
    json!({ "http": { "auth": { "bearer": { "oidc": [entry] } } } })
}

/// The same with a push key.
pub(crate) fn keyed() -> Value {
    let mut document = configuration(&json!({}));
    if let Some(document) = document.as_object_mut() {
        document.insert(
            "proxy".to_owned(),
            json!({ "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" } }),
        );
    }
    document
}

impl Workers {
    /// A number of workers with one configuration; the issuer publishes the key `es256`.
    pub(crate) fn start(count: usize, vm_id: &str, document: &Value) -> Result<Self> {
        let mut workers = Self {
            vms: Vec::new(),
            issuer: Issuer::new(ISSUER, &["es256"])?,
            shared: SharedData::default(),
            now: Clock::default().now(),
            push_key: PUSH_KEY.to_owned(),
            shares: true,
            vm_id: vm_id.to_owned(),
            document: document.clone(),
        };
        for _ in 0..count {
            workers.add_alike()?;
        }
        Ok(workers)
    }

    /// One more; gives its number.
    pub(crate) fn add_alike(&mut self) -> Result<usize> {
        self.add(&self.document.clone())
    }

    /// One more with another configuration.
    pub(crate) fn add(&mut self, document: &Value) -> Result<usize> {
        let setup = Setup {
            vm_id: self.vm_id.clone(),
            shared: self.shared.clone(),
            shares: self.shares,
            clock: Clock::At(self.now),
            environment: vec![("REGISTRY_AUTH_PUSH_KEY".to_owned(), self.push_key.clone())],
            ..Setup::of_scenarios(document.to_string().as_bytes())
        };
        self.vms.push(Vm::start(Compiled::built()?, setup)?);
        Ok(self.vms.len() - 1)
    }

    /// A token of the issuer, signed with this test key.
    pub(crate) fn token(&self, key: &str) -> Result<String> {
        self.issuer.token(key, claims()?, self.now)
    }

    /// A token of the issuer that names another key than it is signed with.
    pub(crate) fn token_of(&self, kid: &str) -> Result<String> {
        let mut claims = claims()?;
        claims.insert("iss".to_owned(), ISSUER.into());
        Recipe {
            kid: Some(kid.to_owned()),
            ..Recipe::plain("es256", claims)
        }
        .mint(self.now)
    }

    /// A request with a token arrives at a worker.
    pub(crate) fn present(&mut self, worker: usize, token: &str) -> Result<Asked> {
        let request = Request::new("GET", "/v2/app/tags/list")
            .header("authorization", &format!("Bearer {token}"));
        let id = self.vm(worker)?.open(&request)?;
        Ok(Asked { worker, id })
    }

    /// The same with a fresh token of this test key.
    pub(crate) fn ask(&mut self, worker: usize, key: &str) -> Result<Asked> {
        let token = self.token(key)?;
        self.present(worker, &token)
    }

    /// The same at every worker.
    pub(crate) fn ask_all(&mut self, key: &str) -> Result<Vec<Asked>> {
        (0..self.vms.len())
            .map(|worker| self.ask(worker, key))
            .collect()
    }

    /// What the client has got: 200 from the upstream, the status of a refusal, nothing yet.
    pub(crate) fn status(&mut self, asked: Asked) -> Result<Option<u16>> {
        Ok(match self.progress(asked)? {
            Progress::Forwarded(_) => Some(200),
            Progress::Answered(answer) => Some(answer.status),
            Progress::Waiting => None,
        })
    }

    /// How far a request is.
    pub(crate) fn progress(&mut self, asked: Asked) -> Result<Progress> {
        self.vm(asked.worker)?.progress(asked.id)
    }

    /// The client is gone.
    pub(crate) fn close(&mut self, asked: Asked) -> Result<()> {
        self.vm(asked.worker)?.close(asked.id)
    }

    /// The statuses of several, each once.
    pub(crate) fn statuses(&mut self, asked: &[Asked]) -> Result<Vec<Option<u16>>> {
        let mut statuses = asked
            .iter()
            .map(|asked| self.status(*asked))
            .collect::<Result<Vec<_>>>()?;
        statuses.sort_unstable();
        statuses.dedup();
        Ok(statuses)
    }

    /// Brings the issuer's answers to all callouts, and to those that come of them.
    pub(crate) fn deliver(&mut self) -> Result<()> {
        while self.deliver_one()? {}
        Ok(())
    }

    /// Brings the oldest answer, if somebody waits for one of the cluster `issuers`.
    pub(crate) fn deliver_one(&mut self) -> Result<bool> {
        let issuers = Issuers(vec![self.issuer.clone()]);
        for vm in &mut self.vms {
            if let Some(callout) = vm
                .callouts()
                .iter()
                .find(|callout| callout.cluster == "issuers")
            {
                let answer = respond(&issuers, &RegistryState::default(), callout, vm.now())?;
                vm.answer(callout.token, answer)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Workers that wait for the issuer.
    pub(crate) fn asking(&self) -> Vec<usize> {
        let asks = |(number, vm): (usize, &Vm)| (!vm.callouts().is_empty()).then_some(number);
        self.vms.iter().enumerate().filter_map(asks).collect()
    }

    /// How often the issuer was asked for keys.
    pub(crate) fn fetches(&self) -> usize {
        self.issuer.requests(Endpoint::Keys)
    }

    /// One tick of every worker, in their order.
    pub(crate) fn tick(&mut self) -> Result<()> {
        self.now = UnixTime::from_millis(self.now.millis() + TICK);
        self.vms.iter_mut().try_for_each(Vm::tick)
    }

    /// Lets so much time pass, two ticks and the answers of the issuer in its end.
    pub(crate) fn pass(&mut self, millis: i64) -> Result<()> {
        let leap = millis - 2 * TICK;
        self.now = UnixTime::from_millis(self.now.millis() + leap);
        for vm in &mut self.vms {
            vm.advance(leap);
        }
        for _ in 0..2 {
            self.tick()?;
            self.deliver()?;
        }
        Ok(())
    }

    /// Every worker holds the issuer's keys.
    pub(crate) fn warm(&mut self) -> Result<()> {
        self.ask_all("es256")?;
        self.deliver()?;
        self.tick()
    }

    pub(crate) fn vm(&mut self, worker: usize) -> Result<&mut Vm> {
        self.vms.get_mut(worker).context("there is no such worker")
    }
}

fn claims() -> Result<Map<String, Value>> {
    let claims = json!({ "sub": "ci", "aud": "registry", "exp": "+9h", "iat": "-1m" });
    serde_json::from_value(claims).context("claims")
}
