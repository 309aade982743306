//! Watches of service accounts and namespaces.

use futures_util::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::Api;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Client, Resource as _, ResourceExt as _};
use registry_auth_credential_helper::kubelet::ANNOTATION as USERNAME;

use crate::account::{Account, Listed};
use crate::bounded::PAGE;
use crate::known::Shown;
use crate::light::Light;
use crate::names::{OPT_IN, REGISTRIES, secret_name};
use crate::said::{innermost, status_text};

/// The namespace and the name of a service account.
pub(crate) type Key = (String, String);

/// What is watched, as messages name it.
pub(crate) const ACCOUNTS: &str = "service accounts";
pub(crate) const NAMESPACES: &str = "namespaces";

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
    let accounts = watcher(
        Api::<Light<ServiceAccount>>::all(client.clone()),
        config.clone(),
    );
    let accounts = accounts.default_backoff().map(|event| match event {
        Ok(event) => Seen::Accounts(shown(event, account)),
        Err(error) => failed(ACCOUNTS, &error),
    });
    let namespaces = watcher(Api::<Light<Namespace>>::all(client.clone()), config);
    let namespaces = namespaces.default_backoff().map(|event| match event {
        Ok(event) => Seen::Namespaces(shown(event, namespace)),
        Err(error) => failed(NAMESPACES, &error),
    });
    futures_util::stream::select(accounts.boxed(), namespaces.boxed())
}

fn failed(what: &'static str, error: &watcher::Error) -> Seen {
    let reason = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => match error {
            kube::Error::Api(status) => of_status(status),
            // Its message may quote the answer.
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
                "the API server gave an answer that is not what was asked for".to_owned()
            }
            error => innermost(error),
        },
        watcher::Error::WatchError(status) => of_status(status),
        watcher::Error::NoResourceVersion => innermost(error),
    };
    Seen::Failed(what, reason)
}

fn of_status(status: &kube::core::Status) -> String {
    status_text(status.code, &status.reason, &status.message)
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

fn account(object: &Light<ServiceAccount>) -> (Key, Account) {
    let annotation = |name: &str| object.annotations().get(name).cloned();
    let name = object.name_any();
    let secret = secret_name(&name);
    let listed = object.pull_secrets.as_ref().map(|list| {
        let place = list.iter().find(|(_, name)| *name == secret);
        place.map_or(Listed::Not, |(place, _)| Listed::At(*place))
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
        is_ending: object.meta().deletion_timestamp.is_some(),
    };
    ((account.namespace.clone(), account.name.clone()), account)
}

fn namespace(object: &Light<Namespace>) -> (String, Option<String>) {
    (object.name_any(), object.labels().get(OPT_IN).cloned())
}

/// A label that is neither `true` nor `false` opts nobody in; that is said for a namespace whose label has changed.
pub(crate) fn report_label(name: &str, label: Option<&str>) {
    if let Some(label) = label.filter(|label| !matches!(*label, "true" | "false")) {
        let (label, key) = (crate::registry::shown(label), OPT_IN);
        tracing::warn!(
            namespace = name,
            "the label {key} is `{label}`: write \"true\" or \"false\""
        );
    }
}
