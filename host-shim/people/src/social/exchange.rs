//! A code becomes tokens (RFC 6749 section 4.1.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use hyper::Response;
use hyper::body::Bytes;
use registry_auth_engine::UnixTime;
use registry_auth_engine::url::HttpUrl;
use serde_json::Value;
use zeroize::Zeroizing;

use super::error::{Reason, SocialError};
use super::http::{self, HttpClient};
use super::metadata::SecretForm;
use super::provider::{Credential, Provider};

/// What is being asked for, in messages.
const TOKENS: &str = "the tokens";
/// RFC 7523 section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a code was exchanged for.
pub(super) struct Tokens {
    pub(super) access: Zeroizing<String>,
    pub(super) id: Option<Zeroizing<String>>,
}

/// A code, and what it is redeemed with.
pub(super) struct Code<'a> {
    pub(super) provider: &'a Provider,
    pub(super) endpoint: &'a HttpUrl,
    pub(super) issuer: Option<&'a str>,
    pub(super) secret_form: SecretForm,
    pub(super) redirect_uri: &'a str,
    pub(super) value: &'a str,
    pub(super) verifier: &'a str,
}

/// How the request of a client looks: its header field, and what is added to the form.
struct Proof {
    authorization: Option<Zeroizing<String>>,
    fields: Vec<(&'static str, Zeroizing<String>)>,
}

impl Code<'_> {
    /// Exchanges the code.
    ///
    /// # Errors
    /// [`Reason::CodeRefused`], [`Reason::ClientRefused`], or the provider does not answer.
    pub(super) async fn exchange(
        &self,
        client: &dyn HttpClient,
        now: UnixTime,
    ) -> Result<Tokens, SocialError> {
        let answer = self.send(client, self.proof(self.secret_form, now)?).await;
        let refused = |error: &SocialError| error.reason == Reason::ClientRefused;
        let may_change = self.secret_form == SecretForm::Either
            && matches!(self.provider.credential, Credential::Secret(_));
        match answer {
            Err(error) if may_change && refused(&error) => {
                self.send(client, self.proof(SecretForm::Post, now)?).await
            }
            answer => answer,
        }
    }

    async fn send(&self, client: &dyn HttpClient, proof: Proof) -> Result<Tokens, SocialError> {
        let authorization = proof.authorization.as_ref().map(|value| value.as_str());
        let request = http::post(self.endpoint, self.form(&proof), authorization)?;
        read(&http::send(client, TOKENS, request).await?)
    }

    fn form(&self, proof: &Proof) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", self.value)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("code_verifier", self.verifier);
        for (name, value) in &proof.fields {
            form.append_pair(name, value);
        }
        form.finish()
    }

    fn proof(&self, form: SecretForm, now: UnixTime) -> Result<Proof, SocialError> {
        let id = &self.provider.client_id;
        let name = || ("client_id", Zeroizing::new(id.clone()));
        Ok(match (&self.provider.credential, form) {
            (Credential::None, _) => Proof {
                authorization: None,
                fields: vec![name()],
            },
            (Credential::Key(key), _) => {
                let endpoint = self.endpoint.to_string();
                let audiences: Vec<&str> = self.issuer.into_iter().chain([&*endpoint]).collect();
                Proof {
                    authorization: None,
                    fields: vec![
                        name(),
                        (
                            "client_assertion_type",
                            Zeroizing::new(ASSERTION_TYPE.to_owned()),
                        ),
                        ("client_assertion", key.sign(id, &audiences, now)?),
                    ],
                }
            }
            (Credential::Secret(secret), SecretForm::Either | SecretForm::Basic) => Proof {
                authorization: Some(basic(id, secret.expose())),
                fields: Vec::new(),
            },
            (Credential::Secret(secret), SecretForm::Post) => Proof {
                authorization: None,
                fields: vec![
                    name(),
                    (
                        "client_secret",
                        Zeroizing::new(String::from_utf8_lossy(secret.expose()).into_owned()),
                    ),
                ],
            },
        })
    }
}

/// Name and secret, each form-encoded, as Basic (RFC 6749 section 2.3.1).
fn basic(id: &str, secret: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(byte_serialize(id.as_bytes()).collect::<String>());
    text.push(':');
    text.extend(byte_serialize(secret));
    Zeroizing::new(format!("Basic {}", STANDARD.encode(text.as_bytes())))
}

/// Reads the answer. GitHub reports errors with status 200.
fn read(response: &Response<Bytes>) -> Result<Tokens, SocialError> {
    let status = response.status().as_u16();
    let body = match (http::json(TOKENS, response), status) {
        (Ok(body), _) => body,
        (Err(error), 200) => return Err(error),
        (Err(_), _) => Value::Null,
    };
    let text = |name: &str| {
        let text = body.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    let error = text("error");
    let reason = match (status, error) {
        (200, None) => {
            let access = text("access_token").map(|token| Zeroizing::new(token.to_owned()));
            let id = text("id_token").map(|token| Zeroizing::new(token.to_owned()));
            let access =
                access.ok_or_else(|| Reason::ProviderAnswer.because("there is no access token"))?;
            return Ok(Tokens { access, id });
        }
        (_, Some("invalid_client" | "unauthorized_client" | "incorrect_client_credentials"))
        | (401, None) => Reason::ClientRefused,
        (200, Some(_)) | (400..=499, _) => Reason::CodeRefused,
        _ => Reason::ProviderAnswer,
    };
    Err(http::status_error(reason, TOKENS, response))
}
