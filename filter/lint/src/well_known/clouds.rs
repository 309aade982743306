//! Clusters, clouds, directories.

use super::{Claim, Kind, WellKnown, claim, some_text, text};

// Who has an account of one's own before all directories of the same address.
pub(super) const ALL: &[WellKnown] = &[KUBERNETES, GOOGLE, ENTRA_PERSONAL, ENTRA, APPLE, SIGSTORE];

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

const ENTRA_PERSONAL: WellKnown = WellKnown {
    name: "Microsoft accounts",
    page: "https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc",
    hosts: &[
        "login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad",
        "login.microsoftonline.com/consumers",
        "login.live.com",
    ],
    anybody: Some("everybody with a personal Microsoft account"),
    owners: &["sub", "oid"],
    example: "{ expression: \"claims.oid == '00000000-0000-0000-66f3-3332eca7ea81'\", message: not a person of ours }",
    reused: &[],
    claims: ENTRA_CLAIMS,
};

const APPLE: WellKnown = WellKnown {
    name: "Apple",
    page: "https://developer.apple.com/documentation/signinwithapple/authenticating-users-with-sign-in-with-apple",
    hosts: &["appleid.apple.com"],
    anybody: Some("everybody with an Apple account"),
    owners: &["sub", "email"],
    example: "{ expression: \"claims.sub == '000000.0123456789abcdef0123456789abcdef.0000'\", message: not a person of ours }",
    reused: &[],
    claims: &[
        some_text("email"),
        claim("email_verified", Kind::Bool, false),
        claim("is_private_email", Kind::Bool, false),
        claim("nonce_supported", Kind::Bool, false),
        claim("real_user_status", Kind::Number, false),
        some_text("transfer_sub"),
    ],
};

const SIGSTORE: WellKnown = WellKnown {
    name: "Sigstore",
    page: "https://docs.sigstore.dev/certificate_authority/oidc-in-fulcio/",
    hosts: &["oauth2.sigstore.dev/auth"],
    anybody: Some("everybody with an account of GitHub, Google or Microsoft"),
    owners: &["sub", "email"],
    example: "{ expression: \"claims.email == 'ann@acme.example' && claims.email_verified\", message: not a person of ours }",
    reused: &[],
    claims: &[
        some_text("email"),
        claim("email_verified", Kind::Bool, false),
        claim("federated_claims", Kind::Object, false),
        some_text("name"),
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
