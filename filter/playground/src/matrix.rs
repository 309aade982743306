//! Who may do what: callers times repositories times actions.

use std::collections::BTreeSet;

use registry_auth_engine::UnixTime;
use registry_auth_engine::authz::{Named, Policy};
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::{Engine, Principal, Report, Simulated, Situation};
use registry_auth_engine::request::RequestHead;
use registry_auth_engine::trace::{Evaluated, RuleOutcome, Step};
use registry_auth_policy::tests::{self, PolicyTest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most callers and the most repositories that are shown.
const MOST: usize = 40;
/// The tag that is pushed and read.
const TAG: &str = "v1";
/// A user whom no rule names.
const SOMEBODY: &str = "somebody";

/// The actions, each with a request for it, and whether the tag exists.
const ACTIONS: [(&str, &str, Option<bool>); 4] = [
    ("read", "GET", None),
    ("create", "PUT", Some(false)),
    ("update", "PUT", Some(true)),
    ("delete", "DELETE", None),
];

/// What of it is wanted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wanted {
    /// Only callers whose label has this text.
    #[serde(default)]
    pub(crate) callers: String,
    /// Only repositories that have this text. If there are none, it is the name of one.
    #[serde(default)]
    pub(crate) repositories: String,
    /// When, in seconds since 1970.
    pub(crate) now: i64,
}

/// The answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Matrix {
    /// The callers, a row each.
    pub(crate) callers: Vec<Caller>,
    /// The repositories, a column each.
    pub(crate) repositories: Vec<String>,
    /// For each caller and repository: the answers for read, create, update and delete.
    pub(crate) cells: Vec<Vec<[Cell; 4]>>,
    /// How many callers and repositories are left out.
    pub(crate) left_out: [usize; 2],
}

/// Somebody.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Caller {
    /// How it is shown.
    pub(crate) label: String,
    /// `anonymous`, `user`, `group` or `test`.
    pub(crate) kind: &'static str,
    /// The same as `Who`.
    pub(crate) who: Value,
    #[serde(skip)]
    principal: Principal,
}

/// Whether somebody may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Cell {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Yes, by a rule with conditions, which hold for this tag.
    Holds,
    /// No, since conditions do not hold.
    Fails,
    /// It is not known.
    Unknown,
}

/// Answers for the callers and repositories that the configuration names.
#[must_use]
pub(crate) fn of(engine: &Engine, document: &Document, wanted: &Wanted) -> Matrix {
    let now = UnixTime::from_secs(wanted.now);
    let has = |text: &str, part: &str| text.to_lowercase().contains(&part.trim().to_lowercase());
    let mut callers = callers(engine, document);
    callers.retain(|caller| has(&caller.label, &wanted.callers));
    let mut names = repositories(engine, document);
    names.retain(|name| has(name, &wanted.repositories));
    let more = wanted.repositories.trim();
    if names.is_empty() && is_name(engine, more) {
        names.push(more.to_owned());
    }
    let left_out = [&callers.len(), &names.len()].map(|count| count.saturating_sub(MOST));
    callers.truncate(MOST);
    names.truncate(MOST);
    let cells = callers.iter().map(|caller| {
        let row = names.iter().map(|name| cells(engine, caller, name, now));
        row.collect()
    });
    Matrix {
        cells: cells.collect(),
        callers,
        repositories: names,
        left_out,
    }
}

/// What a caller may do in a repository.
fn cells(engine: &Engine, caller: &Caller, repository: &str, now: UnixTime) -> [Cell; 4] {
    ACTIONS.map(|(action, method, tags_exist)| {
        let path = format!("/v2/{repository}/manifests/{TAG}");
        let head = RequestHead {
            method: method.as_bytes(),
            path: path.as_bytes(),
            ..RequestHead::default()
        };
        let situation = Situation { now, tags_exist };
        cell(
            &engine.simulate(&caller.principal, &head, situation),
            action,
        )
    })
}

fn cell(report: &Report, action: &str) -> Cell {
    let is_check = |step: &Step| matches!(step, Step::Check { .. });
    let mut checks = report.steps.split(is_check);
    let is_conditional = checks.clone().any(grants_by_condition);
    // A push is checked as `create` and as `update`: only one of them is asked for.
    let asked =
        report.steps.iter().filter(|step| is_check(step)).position(
            |step| matches!(step, Step::Check { action: checked, .. } if *checked == action),
        );
    // In front of the first check is who asks.
    let asked = asked.and_then(|asked| checks.nth(asked + 1));
    let by_condition = asked.into_iter().flatten().any(|step| {
        matches!(
            step,
            Step::Rule {
                outcome: RuleOutcome::Condition,
                ..
            }
        )
    });
    match &report.outcome {
        Simulated::Allowed(_) | Simulated::Answered(_) if is_conditional => Cell::Holds,
        Simulated::Allowed(_) | Simulated::Answered(_) => Cell::Yes,
        Simulated::Refused(..) if by_condition => Cell::Fails,
        Simulated::Refused(..) => Cell::No,
        Simulated::Unknown(_) => Cell::Unknown,
    }
}

/// Returns true if the rule that grants has a condition. The conditions of a rule are in front of it.
fn grants_by_condition(steps: &[Step]) -> bool {
    let mut has_condition = false;
    for step in steps {
        match step {
            Step::Expression {
                what: Evaluated::Condition(_),
                ..
            } => has_condition = true,
            Step::Rule {
                outcome: RuleOutcome::Granted,
                ..
            } => return has_condition,
            Step::Rule { .. } => has_condition = false,
            _ => {}
        }
    }
    false
}

/// Everybody whom the configuration names, and those in its tests, each once.
fn callers(engine: &Engine, document: &Document) -> Vec<Caller> {
    let mut callers = vec![
        Caller {
            label: "anybody, without a credential".to_owned(),
            kind: "anonymous",
            who: json!({ "kind": "anonymous" }),
            principal: Principal::Anonymous,
        },
        user(
            "everybody with a credential".to_owned(),
            "user",
            SOMEBODY,
            Vec::new(),
        ),
    ];
    let rules = engine.policy().map(Policy::rules).unwrap_or_default();
    let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
    for rule in rules {
        if let Named::Some {
            users: more_users,
            groups: more_groups,
        } = rule.names
        {
            users.extend(more_users);
            groups.extend(more_groups);
        }
    }
    callers.extend(groups.into_iter().map(|group| {
        let label = format!("group {group}");
        user(label, "group", SOMEBODY, vec![group])
    }));
    callers.extend(users.into_iter().map(|name| {
        let label = format!("user {name}");
        user(label, "user", &name, Vec::new())
    }));
    // One that cannot be read takes none of the others away: the tab Tests says what is wrong.
    let tests = document.tests.as_ref().map(tests::read_each);
    let (tests, _) = tests.unwrap_or_default();
    for caller in tests.iter().filter_map(of_test) {
        // Many tests have the same caller, and rules name some of them.
        if !callers.iter().any(|known: &Caller| known.who == caller.who) {
            callers.push(caller);
        }
    }
    callers
}

fn user(label: String, kind: &'static str, name: &str, groups: Vec<String>) -> Caller {
    Caller {
        label,
        kind,
        who: json!({ "kind": "user", "name": name, "groups": groups }),
        principal: Principal::User {
            name: name.to_owned(),
            groups,
        },
    }
}

/// The caller of a test, unless that is nobody.
fn of_test(test: &PolicyTest) -> Option<Caller> {
    let who = match test.principal() {
        Principal::Claims { issuer, claims } => {
            json!({ "kind": "claims", "issuer": issuer, "claims": claims })
        }
        Principal::User { name, groups } => {
            json!({ "kind": "user", "name": name, "groups": groups })
        }
        Principal::Anonymous | Principal::Mapped { .. } | Principal::Token { .. } => return None,
    };
    Some(Caller {
        label: format!("test: {}", test.name),
        kind: "test",
        who,
        principal: test.principal().clone(),
    })
}

/// A repository for each pattern, and those in the tests.
fn repositories(engine: &Engine, document: &Document) -> Vec<String> {
    let rules = engine.policy().map(Policy::rules).unwrap_or_default();
    let patterns = rules.iter().filter_map(|rule| rule.pattern.as_deref());
    let mut names: BTreeSet<String> = patterns.map(example).collect();
    let tests = document.tests.as_ref().and_then(Value::as_array);
    let wishes = tests.into_iter().flatten().flat_map(|test| {
        let lists = ["allow", "deny"]
            .into_iter()
            .filter_map(|name| test.get(name));
        lists.filter_map(Value::as_array).flatten()
    });
    let words = wishes.filter_map(|wish| wish.as_str().or_else(|| wish.get("do")?.as_str()));
    names.extend(words.filter_map(repository));
    let known = names.into_iter().filter(|name| is_name(engine, name));
    let mut known: Vec<_> = known.collect();
    if known.is_empty() {
        known.push("team/app".to_owned());
    }
    known
}

/// The repository of a client's words.
fn repository(words: &str) -> Option<String> {
    let image = words.split_whitespace().nth(1)?;
    let image = image.split('@').next()?;
    let name = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    };
    (!name.starts_with('/') && !name.is_empty()).then(|| name.to_owned())
}

/// A name that a pattern matches, if it is a simple one.
fn example(pattern: &str) -> String {
    let named = pattern.replace("${username}", SOMEBODY);
    named.replace("**", "x").replace(['*', '?'], "x")
}

/// Returns true if a registry has repositories of this name.
fn is_name(engine: &Engine, name: &str) -> bool {
    let path = format!("/v2/{name}/tags/list");
    let head = RequestHead {
        method: b"GET",
        path: path.as_bytes(),
        ..RequestHead::default()
    };
    let situation = Situation {
        now: UnixTime::from_secs(0),
        tags_exist: None,
    };
    let report = engine.simulate(&Principal::Anonymous, &head, situation);
    match report.outcome {
        Simulated::Refused(reason, _) => matches!(reason.descriptor().status, 401 | 403),
        _ => true,
    }
}
