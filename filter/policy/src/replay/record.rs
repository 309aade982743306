//! A line of a log, if it holds the record of a decision.

use registry_auth_engine::UnixTime;
use registry_auth_engine::access::Action;
use serde_json::{Map, Value};

/// Between the actions of a request that needs several.
const AND: char = '|';

/// How many objects a record may be within: the line, what a proxy has logged, its access log.
const DEPTH: usize = 3;

/// How many groups a record has at most: there may be others.
const GROUPS: usize = 16;

/// What was decided about a request, and about whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The id of the request.
    pub id: Option<String>,
    /// When it was decided.
    pub time: Option<UnixTime>,
    /// True if it was granted; absent if the record does not say.
    pub is_granted: Option<bool>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// Where the rule is that has granted it.
    pub rule: Option<String>,
    /// The user name; nobody if absent.
    pub user: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
    /// True if there are no others.
    pub has_all_groups: bool,
    /// The issuer of the token.
    pub issuer: Option<String>,
    /// What was done; nothing for requests that are about no repository.
    pub actions: Vec<Action>,
    /// The repository; empty for requests that are about none.
    pub repository: String,
    /// The tag or digest.
    pub reference: String,
    /// Whether the tag existed, if it was asked.
    pub tag_exists: Option<bool>,
    /// Those claims of the token that are recorded.
    pub claims: Map<String, Value>,
    /// The address of the client.
    pub client: Option<String>,
    /// The method of the request.
    pub method: Option<String>,
}

impl Record {
    /// Reads a line: the record itself, or an object with the record as a member (or as a member of
    /// a member, as in the log of `run`), as JSON or as JSON in a text. There may be text in front, as in the log of a proxy. `None` for every other
    /// line.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        let start = line.iter().position(|byte| *byte == b'{')?;
        let line: Map<String, Value> = serde_json::from_slice(line.get(start..)?).ok()?;
        Self::within(&line, DEPTH)
    }

    /// The record that an object is, or has as a member.
    fn within(object: &Map<String, Value>, depth: usize) -> Option<Self> {
        if let Some(record) = Self::of(object) {
            return Some(record);
        }
        let deeper = depth.checked_sub(1)?;
        object.values().find_map(|member| match member {
            Value::Object(inner) => Self::within(inner, deeper),
            Value::String(text) if text.trim_start().starts_with('{') => {
                Self::within(&serde_json::from_str(text).ok()?, deeper)
            }
            _ => None,
        })
    }

    /// `None` if the object is no record, or one whose members have other types.
    fn of(object: &Map<String, Value>) -> Option<Self> {
        let (action, repository) = (text(object, "action")?, text(object, "repository")?);
        let decision = text(object, "decision")?;
        let is_granted = match decision.as_deref() {
            Some("allow" | "answer") => Some(true),
            Some("deny" | "challenge") => Some(false),
            _ => None,
        };
        // A request that is about no repository has none of them, and is known by its decision.
        let is_about = object.contains_key("action") && object.contains_key("repository");
        if !is_about && is_granted.is_none() {
            return None;
        }
        let action = action.unwrap_or_default();
        let actions = action.split(AND).filter(|name| !name.is_empty());
        let actions: Option<Vec<Action>> = actions.map(Action::from_name).collect();
        let repository = repository.unwrap_or_default();
        // What is no action on a repository, such as a catalog.
        let actions = actions.or_else(|| repository.is_empty().then(Vec::new))?;
        let groups = groups(object.get("groups"))?;
        let is_cut = object.get("cut").and_then(Value::as_bool) == Some(true);
        let mut record = Self {
            id: text(object, "id")?,
            time: time(object.get("time")),
            is_granted,
            // Of an answer it says what was answered.
            reason: text(object, "reason")?.filter(|_| is_granted != Some(true)),
            // Of a refusal it is the one that has not granted.
            rule: rule(object.get("rule")).filter(|_| is_granted != Some(false)),
            user: text(object, "user")?,
            has_all_groups: !is_cut
                && groups.len() < GROUPS
                && !groups.iter().any(|it| is_clipped(it)),
            groups,
            issuer: text(object, "issuer")?,
            actions,
            repository,
            reference: text(object, "reference")?.unwrap_or_default(),
            tag_exists: object.get("tagExists").and_then(Value::as_bool),
            claims: match object.get("claims") {
                None | Some(Value::Null) => Map::new(),
                Some(claims) => claims.as_object()?.clone(),
            },
            client: client(object),
            method: text(object, "method")?,
        };
        record
            .claims
            .retain(|_, claim| !claim.as_str().is_some_and(is_clipped));
        Some(record)
    }

    /// Returns true if one of the texts that decide is not all there.
    pub(super) fn is_clipped(&self) -> bool {
        let texts = [&self.user, &self.issuer, &self.method];
        let texts = texts.into_iter().flatten();
        texts
            .chain([&self.repository, &self.reference])
            .any(|text| is_clipped(text))
    }
}

/// Returns true for a text that ends as those do that were too long for a record.
fn is_clipped(text: &str) -> bool {
    let length = text
        .strip_suffix(" bytes)")
        .and_then(|text| text.rsplit_once("... ("));
    length.is_some_and(|(_, length)| length.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A member that is a text; nothing if it is absent or empty, `None` if it is something else.
#[expect(clippy::option_option, reason = "absent is fine, another type is not")]
fn text(object: &Map<String, Value>, name: &str) -> Option<Option<String>> {
    match object.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => None,
    }
}

/// The members of a list of texts.
fn groups(value: Option<&Value>) -> Option<Vec<String>> {
    let list = match value {
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(value) => value.as_array()?,
    };
    let texts = list.iter().map(|group| group.as_str().map(str::to_owned));
    texts.collect()
}

/// A time as RFC 3339 has it, or in seconds.
fn time(value: Option<&Value>) -> Option<UnixTime> {
    match value? {
        Value::String(text) => {
            let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
            Some(UnixTime::from_millis(time.timestamp_millis()))
        }
        value => value.as_i64().map(UnixTime::from_secs),
    }
}

/// The place of a rule: a text, or the member `path` of an object.
fn rule(value: Option<&Value>) -> Option<String> {
    let place = match value? {
        Value::Object(rule) => rule.get("path")?,
        other => other,
    };
    place.as_str().map(str::to_owned)
}

fn client(object: &Map<String, Value>) -> Option<String> {
    let nested = || object.get("client")?.get("ip");
    let address = object.get("client.ip").or_else(nested)?;
    address
        .as_str()
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_found_wherever_it_is_in_a_line() {
        let record = r#"{"action":"create|update","repository":"a/b","user":"u","groups":["g"]}"#;
        let text = Value::from(record).to_string();
        let access = format!(r#"{{"status":200,"registry_auth":{text}}}"#);
        let logged = format!(r#"{{"message":{},"target":"access"}}"#, Value::from(access));
        assert!(Record::read(logged.as_bytes()).is_some(), "{logged}");
        let rows = [
            (record.to_owned(), true),
            (
                format!(r#"{{"status":200,"registry_auth":{record}}}"#),
                true,
            ),
            (format!(r#"{{"status":200,"decision":{text}}}"#), true),
            (format!(r#"{{"anything":{text},"x":"{{"}}"#), true),
            (format!(r#"{{"x":[1],"y":{{}},"z":{record}}}"#), true),
            (
                r#"{"action":"","repository":"","user":"u"}"#.to_owned(),
                true,
            ),
            (r#"{"action":"catalog","repository":""}"#.to_owned(), true),
            (
                r#"{"action":"read","repository":"a","groups":null}"#.to_owned(),
                true,
            ),
            (r#"{"decision":"allow","user":"u"}"#.to_owned(), true),
            (
                r#"{"registry_auth":{"decision":"challenge"}}"#.to_owned(),
                true,
            ),
            (
                format!("[2026-01-01 00:00:00][info] wasm log: {record}"),
                true,
            ),
            // Other lines.
            (r#"{"decision":"perhaps"}"#.to_owned(), false),
            (String::new(), false),
            ("plain text".to_owned(), false),
            ("[1]".to_owned(), false),
            (r#"{"path":"/v2/"}"#.to_owned(), false),
            (r#"{"registry_auth":"-"}"#.to_owned(), false),
            (r#"{"action":"read"}"#.to_owned(), false),
            (r#"{"action":"steal","repository":"a"}"#.to_owned(), false),
            (
                r#"{"action":"read","repository":"a","user":1}"#.to_owned(),
                false,
            ),
            (
                r#"{"action":"read","repository":"a","groups":"g"}"#.to_owned(),
                false,
            ),
            (
                r#"{"action":"read","repository":"a","claims":[]}"#.to_owned(),
                false,
            ),
            (record.replace('}', ""), false),
        ];
        for (line, expected) in rows {
            assert_eq!(Record::read(line.as_bytes()).is_some(), expected, "{line}");
        }
        assert_eq!(
            Record::read(b"{\"action\":\"read\",\"repository\":\"\xff\"}"),
            None
        );
    }

    #[test]
    fn the_members_of_a_record_are_read() {
        let line = r#"{"time":"2026-01-02T03:04:05.006Z","id":"7","decision":"allow","reason":"","rule":{"path":"policies[0]"},
            "user":"u","groups":["g","h"],"issuer":"https://i","action":"create|update","repository":"a","reference":"v1",
            "tagExists":false,"claims":{"ref":"x"},"client.ip":"10.0.0.1"}"#;
        let record = Record::read(line.as_bytes()).unwrap();
        assert_eq!(record.time.unwrap().millis(), 1_767_323_045_006);
        assert_eq!(record.actions, [Action::Create, Action::Update]);
        assert_eq!(record.rule.as_deref(), Some("policies[0]"));
        assert_eq!(record.groups, ["g", "h"]);
        assert_eq!(
            (record.is_granted, record.tag_exists, record.reason),
            (Some(true), Some(false), None)
        );
        assert_eq!(record.client.as_deref(), Some("10.0.0.1"));
        assert_eq!(record.claims.len(), 1);
        let nested = br#"{"action":"read","repository":"a","client":{"ip":"::1"},"time":5,"decision":"challenge"}"#;
        let record = Record::read(nested).unwrap();
        assert_eq!(
            (record.client.as_deref(), record.is_granted),
            (Some("::1"), Some(false))
        );
        assert_eq!(record.time, Some(UnixTime::from_secs(5)));
    }

    #[test]
    fn what_was_cut_is_not_taken_for_the_whole() {
        let clipped = "abc... (300 bytes)";
        let many: Vec<String> = (0..16).map(|number| number.to_string()).collect();
        let rows = [
            (json!({}), true, false),
            (json!({ "groups": ["a"] }), true, false),
            (json!({ "groups": many }), false, false),
            (json!({ "groups": [clipped] }), false, false),
            (json!({ "cut": true }), false, false),
            (json!({ "user": clipped }), true, true),
            (json!({ "user": "abc (300 bytes)" }), true, false),
        ];
        for (more, has_all_groups, is_clipped) in rows {
            let mut record = json!({ "action": "read", "repository": "a", "claims": { "x": clipped, "y": "z" } });
            record
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let read = Record::read(record.to_string().as_bytes()).unwrap();
            let found = (read.has_all_groups, read.is_clipped(), read.claims.len());
            assert_eq!(found, (has_all_groups, is_clipped, 1), "{record}");
        }
    }
}
