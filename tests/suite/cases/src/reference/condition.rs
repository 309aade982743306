//! Conditions whose meaning is written down.

/// The attributes that conditions read.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) action: &'a str,
    pub(super) repository: &'a str,
    pub(super) reference: &'a str,
    pub(super) user: &'a str,
    pub(super) groups: &'a [String],
    pub(super) team: Option<&'a str>,
    pub(super) admin: bool,
}

type Meaning = fn(&Request<'_>) -> Option<bool>;

/// Each expression with what it says of a request; `None`: it cannot be evaluated, or is no bool.
const MEANINGS: &[(&str, Meaning)] = &[
    ("true", |_| Some(true)),
    ("1 == 2", |_| Some(false)),
    ("req.action == 'create'", |request| {
        Some(request.action == "create")
    }),
    ("req.action != 'update' || req.tag != 'latest'", |request| {
        Some(request.action != "update" || request.reference != "latest")
    }),
    ("req.referenceType == 'digest'", |request| {
        Some(request.reference.contains(':'))
    }),
    ("req.referenceType != 'tag'", |request| {
        Some(request.reference.is_empty() || request.reference.contains(':'))
    }),
    ("req.tag == ''", |request| {
        Some(request.reference.is_empty() || request.reference.contains(':'))
    }),
    ("req.digest.startsWith('sha256:')", |request| {
        Some(request.reference.starts_with("sha256:"))
    }),
    ("req.reference in ['v1', 'latest']", |request| {
        Some(matches!(request.reference, "v1" | "latest"))
    }),
    ("req.repository.startsWith('team/')", |request| {
        Some(request.repository.starts_with("team/"))
    }),
    ("req.user.username == 'ann'", |request| {
        Some(request.user == "ann")
    }),
    ("'devs' in req.user.groups", |request| {
        Some(request.groups.iter().any(|group| group == "devs"))
    }),
    ("req.auth.anonymous", |request| {
        Some(request.user.is_empty())
    }),
    ("!req.auth.admin", |request| Some(!request.admin)),
    ("req.method == 'PUT'", |request| {
        Some(request.method == "PUT")
    }),
    (
        "has(req.claims.team) && req.claims.team == 'x'",
        |request| Some(request.team == Some("x")),
    ),
    ("req.claims.team == 'x'", |request| {
        request.team.map(|team| team == "x")
    }),
    (
        "req.claims.team == 'x' || req.action == 'read'",
        |request| match (request.team, request.action) {
            (Some("x"), _) | (_, "read") => Some(true),
            (Some(_), _) => Some(false),
            (None, _) => None,
        },
    ),
    ("req.missing == 1", |_| None),
    ("req.repository", |_| None),
    ("req.client.ip == '10.0.0.5' && !req.tls.enabled", |_| {
        Some(true)
    }),
    ("size(req.client.forwardedFor) > 1", |_| Some(false)),
];

/// The expressions that configurations may be made of. Requests come from 10.0.0.5, as the proxy
/// says, and without TLS.
#[must_use]
pub fn conditions() -> Vec<&'static str> {
    MEANINGS.iter().map(|(expression, _)| *expression).collect()
}

/// What an expression says.
pub(super) fn evaluate(expression: &str, request: &Request<'_>) -> Option<bool> {
    let (_, meaning) = MEANINGS.iter().find(|(known, _)| *known == expression)?;
    meaning(request)
}
