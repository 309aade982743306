//! A line of a log, if it holds the record of a decision.

use registry_auth_engine::UnixTime;
use registry_auth_engine::access::Action;
use serde_json::{Map, Value};

/// Between the actions of a request that needs several.
const AND: char = '|';

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
}

impl Record {
    /// Reads a line: the record itself, or an object with the record as a member, as JSON or as
    /// JSON in a text. `None` for every other line.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        let line: Map<String, Value> = serde_json::from_slice(line).ok()?;
        if let Some(record) = Self::of(&line) {
            return Some(record);
        }
        line.values().find_map(|member| match member {
            Value::Object(inner) => Self::of(inner),
            Value::String(text) if text.trim_start().starts_with('{') => {
                Self::of(&serde_json::from_str(text).ok()?)
            }
            _ => None,
        })
    }

    /// `None` if the object is no record, or one whose members have other types.
    fn of(object: &Map<String, Value>) -> Option<Self> {
        let (Value::String(action), Value::String(repository)) =
            (object.get("action")?, object.get("repository")?)
        else {
            return None;
        };
        let actions = action.split(AND).filter(|name| !name.is_empty());
        let actions: Vec<Action> = actions
            .map(Action::from_name)
            .collect::<Option<_>>()
            // What is no action on a repository, such as a catalog.
            .or_else(|| repository.is_empty().then(Vec::new))?;
        if actions.is_empty() != repository.is_empty() {
            return None;
        }
        Some(Self {
            id: text(object, "id")?,
            time: time(object.get("time")),
            is_granted: text(object, "decision")?.map(|decision| decision == "allow"),
            reason: text(object, "reason")?,
            rule: rule(object.get("rule")),
            user: text(object, "user")?,
            groups: groups(object.get("groups"))?,
            issuer: text(object, "issuer")?,
            actions,
            repository: repository.clone(),
            reference: text(object, "reference")?.unwrap_or_default(),
            tag_exists: object.get("tagExists").and_then(Value::as_bool),
            claims: match object.get("claims") {
                None | Some(Value::Null) => Map::new(),
                Some(claims) => claims.as_object()?.clone(),
            },
            client: client(object),
        })
    }
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
    use super::*;

    #[test]
    fn a_record_is_found_wherever_it_is_in_a_line() {
        let record = r#"{"action":"create|update","repository":"a/b","user":"u","groups":["g"]}"#;
        let text = Value::from(record).to_string();
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
            // Other lines.
            (String::new(), false),
            ("plain text".to_owned(), false),
            ("[1]".to_owned(), false),
            (r#"{"path":"/v2/"}"#.to_owned(), false),
            (r#"{"registry_auth":"-"}"#.to_owned(), false),
            (r#"{"action":"read"}"#.to_owned(), false),
            (r#"{"action":"","repository":"a"}"#.to_owned(), false),
            (r#"{"action":"read","repository":""}"#.to_owned(), false),
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
}
