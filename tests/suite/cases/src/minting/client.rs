//! One configuration on one substrate, and what is asked of it.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use registry_auth_harness::client::Request;
use registry_auth_harness::expect::Outcome as Became;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::substrate::Substrate;
use registry_auth_harness::tls;
use serde_json::{Value, json};

/// One configuration on one substrate.
pub struct Client<'a> {
    /// The substrate.
    pub substrate: &'a mut dyn Substrate,
    /// Its number of the configuration.
    pub config: usize,
    /// Name of the certificate that the client shows.
    pub certificate: Option<&'static str>,
}

impl<'a> Client<'a> {
    /// Without a certificate.
    pub fn new(substrate: &'a mut dyn Substrate, config: usize) -> Self {
        Self {
            substrate,
            config,
            certificate: None,
        }
    }

    /// With the certificate of this name, or none.
    pub fn showing(&mut self, certificate: Option<&'static str>) -> &mut Self {
        self.certificate = certificate;
        self
    }

    /// A token of the issuer `http://issuer.test`, with these claims besides.
    ///
    /// # Errors
    /// A test key is missing.
    pub fn credential(&self, claims: &Value) -> Result<String> {
        let mut all = json!({ "iss": "http://issuer.test", "aud": "registry", "sub": "ci", "iat": "-1m", "exp": "+30m" });
        if let (Some(all), Some(claims)) = (all.as_object_mut(), claims.as_object()) {
            all.extend(claims.clone());
        }
        self.signed("es256", all)
    }

    /// A token with exactly these claims, signed with the test key `key`.
    ///
    /// # Errors
    /// There is no such key.
    pub fn signed(&self, key: &str, claims: Value) -> Result<String> {
        let Value::Object(claims) = claims else {
            anyhow::bail!("claims are an object")
        };
        Recipe::plain(key, claims).mint(self.substrate.now())
    }

    /// The outcome of a request, `METHOD TARGET`, with this token.
    ///
    /// # Errors
    /// There is no outcome.
    pub fn send(&mut self, line: &str, token: Option<&str>) -> Result<Became> {
        let (method, target) = line.split_once(' ').context("METHOD TARGET")?;
        let certificate = self.certificate.map(tls::pem).transpose()?;
        let mut request = Request {
            certificate,
            ..Request::new(method, target)
        };
        if let Some(token) = token {
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        self.substrate.send(self.config, &request)
    }

    /// The status, and what follows the code and the challenge of an answer that is made here.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn status(&mut self, line: &str, token: Option<&str>) -> Result<(u16, String)> {
        Ok(match self.send(line, token)? {
            Became::Forwarded { seen, status } => {
                (status, seen.values("x-registry-user").join(","))
            }
            Became::Answered(answer) => (
                answer.status,
                answer.header("www-authenticate").unwrap_or_default(),
            ),
        })
    }

    /// A minted token that is good for five minutes.
    ///
    /// # Errors
    /// There is none.
    pub fn mint(&mut self, scopes: &str, credential: Option<&str>) -> Result<String> {
        let (token, expires_in) = self.issue(scopes, credential)?;
        ensure!(expires_in == 300, "it is good for {expires_in} s");
        Ok(token)
    }

    /// A minted token, and how long it is good.
    ///
    /// # Errors
    /// There is none.
    pub fn issue(&mut self, scopes: &str, credential: Option<&str>) -> Result<(String, i64)> {
        match self.send(
            &format!("GET /auth/token?service=registry.test&scope={scopes}"),
            credential,
        )? {
            Became::Answered(answer) if answer.status == 200 => {
                let body: Value = serde_json::from_slice(&answer.body)?;
                ensure!(
                    member(&body, "token") == member(&body, "access_token"),
                    "{body}"
                );
                let token = member(&body, "token")
                    .as_str()
                    .context("no token")?
                    .to_owned();
                Ok((
                    token,
                    member(&body, "expires_in")
                        .as_i64()
                        .context("no lifetime")?,
                ))
            }
            other => anyhow::bail!("no token: {other:?}"),
        }
    }

    /// Insists that a request is let through as this user.
    ///
    /// # Errors
    /// It is not.
    pub fn passes(&mut self, line: &str, token: Option<&str>, user: &str) -> Result<()> {
        let (status, seen) = self.status(line, token)?;
        ensure!(
            status == 200 && seen == user,
            "{line}: {status}, user `{seen}` instead of `{user}`"
        );
        Ok(())
    }

    /// Insists that a request is a 401 with this text in its challenge.
    ///
    /// # Errors
    /// It is not.
    pub fn refused(&mut self, line: &str, token: Option<&str>, challenge: &str) -> Result<()> {
        let (status, seen) = self.status(line, token)?;
        ensure!(
            status == 401 && seen.contains(challenge),
            "{line}: {status} {seen}"
        );
        Ok(())
    }
}

/// A member; null if there is none.
#[must_use]
pub fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

/// A part of a token, decoded.
///
/// # Errors
/// There is none of that number, or it is no base64url.
pub fn part(token: &str, index: usize) -> Result<Vec<u8>> {
    Ok(BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(index).context("no such part")?)?)
}

/// The claims of a token.
///
/// # Errors
/// It is no token.
pub fn claims(token: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&part(token, 1)?)?)
}
