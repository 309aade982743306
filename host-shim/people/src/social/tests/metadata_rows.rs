//! Rows of discovery documents.

use serde_json::json;

use super::issuer::{Fixture, Script};
use crate::social::metadata::{Metadata, SecretForm};

#[tokio::test]
async fn a_document_has_to_be_the_issuers_own() {
    let rows = [
        (
            "another issuer",
            json!({ "issuer": "https://other.example" }),
        ),
        (
            "no place to ask people",
            json!({ "authorization_endpoint": null }),
        ),
        ("no token endpoint", json!({ "token_endpoint": null })),
        (
            "codes without TLS",
            json!({ "token_endpoint": "http://idp.example/token" }),
        ),
        (
            "people without TLS",
            json!({ "authorization_endpoint": "http://idp.example/a" }),
        ),
        (
            "a script",
            json!({ "authorization_endpoint": "javascript:alert(1)" }),
        ),
        (
            "claims without TLS",
            json!({ "userinfo_endpoint": "http://idp.example/me" }),
        ),
        (
            "no algorithm that is supported",
            json!({ "id_token_signing_alg_values_supported": ["HS256"] }),
        ),
    ];
    for (name, metadata) in rows {
        let script = Script {
            metadata,
            ..Script::default()
        };
        let error = Fixture::new(script).begin("oidc", "/").await.unwrap_err();
        assert_eq!(error.reason.id(), "provider_answer", "{name}");
    }
}

#[test]
fn a_secret_is_sent_as_the_provider_takes_it() {
    let rows = [
        (json!(null), SecretForm::Either),
        (json!(["client_secret_basic"]), SecretForm::Basic),
        (
            json!(["client_secret_post", "private_key_jwt"]),
            SecretForm::Post,
        ),
        (
            json!(["client_secret_basic", "client_secret_post"]),
            SecretForm::Either,
        ),
        (json!([]), SecretForm::Either),
    ];
    for (methods, expected) in rows {
        let document = json!({
            "issuer": "https://i.example",
            "authorization_endpoint": "https://i.example/a",
            "token_endpoint": "https://i.example/t",
            "jwks_uri": "https://i.example/k",
            "token_endpoint_auth_methods_supported": methods,
        });
        let metadata = Metadata::parse(document.to_string().as_bytes(), "https://i.example");
        assert_eq!(metadata.unwrap().secret_form, expected, "{methods}");
    }
}
