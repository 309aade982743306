//! Clusters, clouds, directories.

use super::{Claim, Kind, WellKnown, claim, some_text, text};

pub(super) const ALL: &[WellKnown] = &[KUBERNETES, GOOGLE, ENTRA];

pub(super) const KUBERNETES: WellKnown = WellKnown {
    name: "Kubernetes",
    page: "https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/",
    hosts: &[
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "container.googleapis.com/v1/projects/",
    ],
    anybody: None,
    owners: &[],
    example: "",
    reused: &[],
    claims: &[claim("kubernetes.io", Kind::Object, true)],
};

const GOOGLE: WellKnown = WellKnown {
    name: "Google",
    page: "https://developers.google.com/identity/openid-connect/openid-connect",
    hosts: &["accounts.google.com"],
    anybody: Some("everybody with a Google account"),
    owners: &["sub", "email", "hd"],
    example: "{ expression: \"claims.email == 'builder@acme.iam.gserviceaccount.com'\", message: not the builder of acme }",
    reused: &[],
    claims: &[
        some_text("email"),
        claim("email_verified", Kind::Bool, false),
        some_text("family_name"),
        some_text("given_name"),
        claim("google", Kind::Object, false),
        some_text("hd"),
        some_text("locale"),
        some_text("name"),
        some_text("picture"),
        some_text("profile"),
    ],
};

const ENTRA: WellKnown = WellKnown {
    name: "Microsoft Entra",
    page: "https://learn.microsoft.com/en-us/entra/identity-platform/id-token-claims-reference",
    hosts: &["login.microsoftonline.com", "sts.windows.net"],
    anybody: None,
    owners: &[],
    example: "",
    reused: &[
        ("preferred_username", "oid"),
        ("email", "oid"),
        ("upn", "oid"),
        ("unique_name", "oid"),
        ("name", "oid"),
    ],
    claims: ENTRA_CLAIMS,
};

const ENTRA_CLAIMS: &[Claim] = &[
    some_text("acct"),
    some_text("aio"),
    some_text("appid"),
    some_text("appidacr"),
    some_text("azpacr"),
    some_text("email"),
    some_text("family_name"),
    some_text("given_name"),
    claim("groups", Kind::List, false),
    claim("hasgroups", Kind::Bool, false),
    some_text("idp"),
    some_text("idtyp"),
    some_text("ipaddr"),
    some_text("login_hint"),
    some_text("name"),
    text("oid"),
    some_text("onprem_sid"),
    some_text("preferred_username"),
    some_text("rh"),
    claim("roles", Kind::List, false),
    some_text("scp"),
    text("tid"),
    some_text("unique_name"),
    some_text("upn"),
    some_text("uti"),
    text("ver"),
    claim("wids", Kind::List, false),
    claim("xms_edov", Kind::Bool, false),
    some_text("xms_mirid"),
    some_text("xms_az_rid"),
];
