//! Watches of service accounts and namespaces.

use futures_util::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Client, ResourceExt as _};
use registry_auth_credential_helper::kubelet::ANNOTATION as USERNAME;

use crate::account::{Account, Listed, MAX_VALUE};
use crate::call::shown_message;
use crate::known::Shown;
use crate::names::{OPT_IN, REGISTRIES, secret_name};

/// How many objects a list has at a time: each may have a megabyte.
const PAGE: u32 = 50;

/// The namespace and the name of a service account.
pub(crate) type Key = (String, String);

/// What a watch has to say.
pub(crate) enum Seen {
    /// Of service accounts.
    Accounts(Shown<Key, Account>),
    /// Of namespaces: the values of the label.
    Namespaces(Shown<String, Option<String>>),
    /// A watch failed, and is tried again; why.
    Failed(&'static str, String),
}

/// Watches all service accounts and namespaces. After 410 (Gone) they are listed again; after other
/// failures too, with growing pauses.
pub(crate) fn all(client: &Client) -> impl Stream<Item = Seen> + use<> {
    let config = Config::default().page_size(PAGE);
    let accounts = watcher(Api::<ServiceAccount>::all(client.clone()), config.clone());
    let accounts = accounts.default_backoff().map(|event| match event {
        Ok(event) => Seen::Accounts(shown(event, account)),
        Err(error) => failed("service accounts", &error),
    });
    let namespaces = watcher(
        Api::<PartialObjectMeta<Namespace>>::all(client.clone()),
        config,
    );
    let namespaces = namespaces.default_backoff().map(|event| match event {
        Ok(event) => Seen::Namespaces(shown(event, namespace)),
        Err(error) => failed("namespaces", &error),
    });
    futures_util::stream::select(accounts.boxed(), namespaces.boxed())
}

fn failed(what: &'static str, error: &watcher::Error) -> Seen {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Seen::Failed(what, shown_message(&cause.to_string()))
}

fn shown<O, K, V>(event: Event<O>, read: impl Fn(&O) -> (K, V)) -> Shown<K, V> {
    match event {
        Event::Init => Shown::ListBegins,
        Event::InitApply(object) => {
            let (key, value) = read(&object);
            Shown::Listed(key, value)
        }
        Event::InitDone => Shown::ListEnds,
        Event::Apply(object) => {
            let (key, value) = read(&object);
            Shown::Changed(key, value)
        }
        Event::Delete(object) => Shown::Gone(read(&object).0),
    }
}

fn account(object: &ServiceAccount) -> (Key, Account) {
    // More than is read shows that it was longer.
    let cut = |value: &String| value.chars().take(MAX_VALUE.saturating_add(1)).collect();
    let annotation = |name: &str| object.annotations().get(name).map(cut);
    let name = object.name_any();
    let secret = secret_name(&name);
    let listed = object.image_pull_secrets.as_ref().map(|list| {
        let place = list.iter().position(|entry| entry.name == secret);
        place.map_or(Listed::Not, Listed::At)
    });
    let account = Account {
        namespace: object.namespace().unwrap_or_default(),
        name,
        uid: object.uid().unwrap_or_default(),
        resource_version: object.resource_version().unwrap_or_default(),
        opt_in: object.labels().get(OPT_IN).cloned(),
        registries: annotation(REGISTRIES),
        username: annotation(USERNAME),
        listed: listed.unwrap_or_default(),
        is_ending: object.metadata.deletion_timestamp.is_some(),
    };
    ((account.namespace.clone(), account.name.clone()), account)
}

fn namespace(object: &PartialObjectMeta<Namespace>) -> (String, Option<String>) {
    (object.name_any(), object.labels().get(OPT_IN).cloned())
}
