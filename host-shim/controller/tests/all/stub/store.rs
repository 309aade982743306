//! The objects of the stub.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::answer::{Answer, refusal};
use super::path::Target;

/// Where an object is: resource, namespace, name.
type Place = (String, Option<String>, String);

/// The objects, and what has changed.
#[derive(Default)]
pub(super) struct Store {
    objects: BTreeMap<Place, Stored>,
    history: Vec<Change>,
    version: u64,
    compacted: u64,
}

#[derive(Clone)]
struct Stored {
    target: Target,
    object: Value,
    /// The managers of members of `data`.
    managers: BTreeMap<String, String>,
}

struct Change {
    version: u64,
    kind: &'static str,
    target: Target,
    object: Value,
}

fn place(target: &Target) -> Place {
    let name = target.name.clone().unwrap_or_default();
    (target.resource.clone(), target.namespace.clone(), name)
}

impl Store {
    pub(super) fn handle(
        &mut self,
        method: &str,
        target: &Target,
        kind: &str,
        body: &Value,
    ) -> Answer {
        let stored = self.objects.get(&place(target)).cloned();
        match (method, &target.name, stored) {
            ("POST", Some(_), Some(_)) if target.is_token => self.token(target, body),
            ("POST", None, _) => self.create(target, body),
            ("GET", None, _) => self.list(target),
            ("PATCH", Some(_), stored) if kind.contains("apply-patch") => {
                self.apply(target, stored, body)
            }
            (_, _, None) => refusal(404, "NotFound", "not found", None),
            ("GET", _, Some(stored)) => Answer::object(200, &stored.object),
            ("PUT", _, Some(stored)) => self.replace(target, stored, body),
            ("PATCH", _, Some(stored)) if kind.contains("json-patch") => {
                match patched(&stored.object, body) {
                    Some(object) => self.put(target, object, stored.managers, "MODIFIED"),
                    None => refusal(422, "Invalid", "the server rejected our request", None),
                }
            }
            ("PATCH", _, Some(stored)) => {
                let mut object = stored.object;
                merge(&mut object, body);
                self.put(target, object, stored.managers, "MODIFIED")
            }
            ("DELETE", _, Some(stored)) => self.delete(target, stored),
            _ => refusal(405, "MethodNotAllowed", "no such method", None),
        }
    }

    /// Returns what has changed since the version of a watch.
    pub(super) fn since(&self, target: &Target) -> Result<Vec<(&'static str, Value)>, Answer> {
        let since = target.query("resourceVersion").unwrap_or("0");
        let since = since.parse::<u64>().unwrap_or(0);
        if since < self.compacted {
            return Err(refusal(410, "Expired", "too old resource version", None));
        }
        let new = self.history.iter().filter(|change| change.version > since);
        let listed = new.filter(|change| target.lists(&change.target, &change.object));
        Ok(listed
            .map(|change| (change.kind, change.object.clone()))
            .collect())
    }

    pub(super) fn compact(&mut self) {
        self.history.clear();
        self.version += 1;
        self.compacted = self.version;
    }

    /// A list, of as many objects as are asked for, from where the last one ended, and with its version.
    fn list(&self, target: &Target) -> Answer {
        let (from, version) = match target.query("continue").and_then(|at| at.split_once('.')) {
            Some((from, version)) => (from.parse().unwrap_or_default(), version.to_owned()),
            None => (0, self.version.to_string()),
        };
        let limit = target.query("limit").and_then(|limit| limit.parse().ok());
        let limit: usize = limit.unwrap_or(1_000_000);
        let all = self.objects.values();
        let listed = all.filter(|stored| target.lists(&stored.target, &stored.object));
        let items = listed.skip(from).map(|stored| stored.object.clone());
        let mut items: Vec<_> = items.take(limit + 1).collect();
        let mut metadata = json!({"resourceVersion": version});
        if items.len() > limit {
            items.truncate(limit);
            metadata["continue"] = format!("{}.{version}", from + limit).into();
        }
        Answer::object(
            200,
            &json!({"apiVersion": target.version, "kind": "List", "metadata": metadata, "items": items}),
        )
    }

    fn create(&mut self, target: &Target, body: &Value) -> Answer {
        let Some(name) = body["metadata"]["name"].as_str() else {
            return refusal(422, "Invalid", "no name", None);
        };
        let target = target.named(name);
        if self.objects.contains_key(&place(&target)) {
            return refusal(409, "AlreadyExists", "already exists", None);
        }
        if let Some(refused) = self.closed(&target) {
            return refused;
        }
        let mut object = body.clone();
        object["metadata"]["uid"] = format!("uid-{}", self.version).into();
        object["metadata"]["namespace"] = target.namespace.clone().into();
        self.put(&target, object, BTreeMap::new(), "ADDED")
    }

    /// Nothing new comes into a namespace that is missing or being deleted.
    fn closed(&self, target: &Target) -> Option<Answer> {
        let namespace = target.namespace.clone()?;
        let place = ("namespaces".to_owned(), None, namespace);
        let Some(stored) = self.objects.get(&place) else {
            return Some(refusal(404, "NotFound", "no such namespace", None));
        };
        stored.object["metadata"].get("deletionTimestamp")?;
        let mut body = refusal(403, "Forbidden", "the namespace is being terminated", None).body();
        body["details"] = json!({"causes": [{"reason": "NamespaceTerminating"}]});
        Some(Answer::object(403, &body))
    }

    fn replace(&mut self, target: &Target, stored: Stored, body: &Value) -> Answer {
        let version = &body["metadata"]["resourceVersion"];
        if *version != stored.object["metadata"]["resourceVersion"] {
            return refusal(409, "Conflict", "the object has been modified", None);
        }
        let mut object = body.clone();
        object["metadata"]["uid"] = stored.object["metadata"]["uid"].clone();
        self.put(target, object, stored.managers, "MODIFIED")
    }

    /// Server-side apply, with managers of the members of `data` only.
    fn apply(&mut self, target: &Target, stored: Option<Stored>, body: &Value) -> Answer {
        let Some(mut stored) = stored else {
            return self.create(target, body);
        };
        let differs = |name: &str| {
            let wanted = body["metadata"].get(name);
            wanted.is_some_and(|wanted| *wanted != stored.object["metadata"][name])
        };
        if differs("uid") || differs("resourceVersion") {
            return refusal(409, "Conflict", "the object has been modified", None);
        }
        let manager = target.query("fieldManager").unwrap_or_default().to_owned();
        let data = body.get("data").and_then(Value::as_object);
        for (name, value) in data.into_iter().flatten() {
            let other = stored.managers.get(name).filter(|other| **other != manager);
            let is_changed = stored.object["data"].get(name) != Some(value);
            if let (Some(other), true, Some("false")) = (other, is_changed, target.query("force")) {
                let message = format!(
                    "Apply failed with 1 conflict: conflict with \"{other}\" using v1: .data.{name}"
                );
                return refusal(409, "Conflict", &message, None);
            }
            stored.managers.insert(name.clone(), manager.clone());
        }
        // What this manager applied before and does not now is removed.
        let own = |other: &String| *other == manager;
        let gone = stored.managers.iter().filter(|(_, other)| own(other));
        let is_applied = |name: &str| data.is_some_and(|data| data.contains_key(name));
        let gone: Vec<_> = gone
            .map(|(name, _)| name.clone())
            .filter(|name| !is_applied(name))
            .collect();
        for name in gone {
            stored.managers.remove(&name);
            if let Some(data) = stored.object["data"].as_object_mut() {
                data.remove(&name);
            }
        }
        let applied = body["metadata"].get("annotations");
        if let Some(all) = stored.object["metadata"]["annotations"].as_object_mut() {
            all.retain(|name, _| {
                !name.starts_with("registry-auth.dev/")
                    || applied.is_some_and(|applied| applied.get(name).is_some())
            });
        }
        merge(&mut stored.object, body);
        self.put(target, stored.object, stored.managers, "MODIFIED")
    }

    fn delete(&mut self, target: &Target, stored: Stored) -> Answer {
        if target.resource == "namespaces" {
            // What is in it stays: nobody here removes it.
            let mut object = stored.object;
            object["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z".into();
            return self.put(target, object, stored.managers, "MODIFIED");
        }
        let answer = self.put(target, stored.object, stored.managers, "DELETED");
        self.objects.remove(&place(target));
        answer
    }

    fn put(
        &mut self,
        target: &Target,
        mut object: Value,
        mut managers: BTreeMap<String, String>,
        kind: &'static str,
    ) -> Answer {
        self.version += 1;
        let target = target.named(target.name.as_deref().unwrap_or_default());
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if let (Some(data), "ADDED") = (object.get("data").and_then(Value::as_object), kind) {
            managers.extend(data.keys().map(|name| (name.clone(), "kubectl".to_owned())));
        }
        let stored = Stored {
            target: target.clone(),
            object: object.clone(),
            managers,
        };
        self.objects.insert(place(&target), stored);
        self.history.push(Change {
            version: self.version,
            kind,
            target,
            object: object.clone(),
        });
        Answer::object(if kind == "ADDED" { 201 } else { 200 }, &object)
    }

    /// A token as the API server makes it, but that nobody has signed.
    fn token(&self, target: &Target, body: &Value) -> Answer {
        let bound = &body["spec"]["boundObjectRef"];
        let secret = (
            "secrets".to_owned(),
            target.namespace.clone(),
            bound["name"].as_str().unwrap_or_default().to_owned(),
        );
        let secret = self.objects.get(&secret);
        if secret.is_none_or(|secret| secret.object["metadata"]["uid"] != bound["uid"]) {
            return refusal(
                409,
                "Conflict",
                "the UID in the bound object reference does not match",
                None,
            );
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let life = body["spec"]["expirationSeconds"].as_u64().unwrap_or(3_600);
        let claims = json!({
            "aud": body["spec"]["audiences"],
            "exp": now + life,
            "kubernetes.io": {
                "namespace": target.namespace,
                "serviceaccount": {"name": target.name},
                "secret": {"name": bound["name"], "uid": bound["uid"]},
            },
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.c2ln", part(&json!({"alg": "ES256"})), part(&claims));
        let mut answer = body.clone();
        answer["status"] = json!({"token": token});
        Answer::object(201, &answer)
    }
}

/// JSON patch (RFC 6902), as far as it is used; `None` if it fails.
fn patched(object: &Value, steps: &Value) -> Option<Value> {
    let mut object = object.clone();
    for step in steps.as_array()? {
        let path = step["path"].as_str()?;
        let (parent, member) = path.rsplit_once('/')?;
        match step["op"].as_str()? {
            "test" if object.pointer(path) != Some(&step["value"]) => return None,
            "test" => {}
            "add" => match object.pointer_mut(parent)? {
                Value::Array(list) => list.push(step["value"].clone()),
                Value::Object(members) => {
                    members.insert(member.to_owned(), step["value"].clone());
                }
                _ => return None,
            },
            "remove" => {
                let list = object.pointer_mut(parent)?.as_array_mut()?;
                let index = member.parse().ok()?;
                (index < list.len()).then(|| list.remove(index))?;
            }
            _ => return None,
        }
    }
    Some(object)
}

/// JSON merge patch (RFC 7396).
fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    for (name, value) in patch {
        if value.is_null() {
            object
                .as_object_mut()
                .and_then(|object| object.remove(name));
        } else {
            merge(&mut object[name.as_str()], value);
        }
    }
}
