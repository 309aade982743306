//! The question to the login service: a user name and a secret.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The largest question that is read, in bytes: what a header of the largest size holds, escaped.
pub const MAX_QUESTION: usize = 128 * 1024;

/// What the token in an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginPurpose {
    /// The filter: its audience is [`Audience::Login`](super::Audience::Login).
    Login,
    /// The client, from the token endpoint: its audience is
    /// [`Audience::Token`](super::Audience::Token).
    Token,
}

/// Who somebody says to be.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginQuestion {
    /// The user name, as it was sent.
    pub user: String,
    /// The password or API key, as it was sent.
    pub secret: Zeroizing<String>,
    /// What the token is for.
    pub purpose: LoginPurpose,
    /// The address of the client, without port, if the proxy knows it.
    pub client: Option<String>,
}

/// It is none of [`LoginQuestion::to_json`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a question of this version")]
pub struct InvalidQuestion;

/// The question as JSON.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    user: String,
    secret: String,
    #[serde(rename = "for")]
    purpose: LoginPurpose,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<String>,
}

impl LoginQuestion {
    /// How many bytes of text it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        self.user.len() + self.secret.len() + self.client.as_ref().map_or(0, String::len)
    }

    /// The body of the request.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let wire = Wire {
            user: self.user.clone(),
            secret: self.secret.to_string(),
            purpose: self.purpose,
            client: self.client.clone(),
        };
        // Texts can be written always; what is empty would be refused.
        let json = Zeroizing::new(serde_json::to_vec(&wire).unwrap_or_default());
        drop(Zeroizing::new(wire.secret));
        json
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// Longer than [`MAX_QUESTION`], or something else.
    pub fn read(body: &[u8]) -> Result<Self, InvalidQuestion> {
        if body.len() > MAX_QUESTION {
            return Err(InvalidQuestion);
        }
        let wire: Wire = serde_json::from_slice(body).map_err(|_| InvalidQuestion)?;
        Ok(Self {
            user: wire.user,
            secret: Zeroizing::new(wire.secret),
            purpose: wire.purpose,
            client: wire.client,
        })
    }
}

impl fmt::Debug for LoginQuestion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("LoginQuestion");
        shown
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}
