//! What a token of the login service says of the login.

use serde_json::Value;

use crate::authn::claims::Claims;
use crate::keys::ended::{Ended, is_id};
use crate::login::{Audience, claim};
use crate::time::UnixTime;

/// What a token of the login service says of the login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LoginClaims {
    /// How the user logged in.
    pub(crate) methods: Vec<String>,
    /// The groups of the directory or the provider.
    pub(crate) groups: Vec<String>,
    /// The id of the login.
    pub(crate) id: String,
    /// The ids that it ends with.
    pub(crate) parents: Vec<String>,
    pub(crate) issued: UnixTime,
    /// Where the token came from.
    pub(crate) audience: Audience,
}

impl LoginClaims {
    /// Reads the claims.
    pub(crate) fn read(claims: &Claims, audience: Audience) -> Result<Self, OtherForm> {
        let methods = texts(claims, claim::METHODS)?.filter(|methods| !methods.is_empty());
        let id = claims.as_map().get(claim::ID).and_then(Value::as_str);
        let id = id.ok_or(OtherForm)?.to_owned();
        let parents = texts(claims, claim::PARENTS)?.unwrap_or_default();
        let ids = std::iter::once(&id).chain(&parents);
        if !ids.into_iter().all(|id| is_id(id)) {
            return Err(OtherForm);
        }
        Ok(Self {
            methods: methods.ok_or(OtherForm)?,
            groups: texts(claims, claim::GROUPS)?.unwrap_or_default(),
            parents,
            issued: claims.issued().ok().flatten().ok_or(OtherForm)?,
            id,
            audience,
        })
    }

    /// Returns true if the login was ended. Where nothing says what has ended, everything has.
    pub(crate) fn is_ended(&self, ended: Option<&Ended>) -> bool {
        let ids = std::iter::once(&self.id).chain(&self.parents);
        ended.is_none_or(|ended| ended.refuses(ids.map(String::as_str), self.issued))
    }
}

/// A claim has another form than the login service gives it.
pub(crate) struct OtherForm;

/// A claim that is a list of text; nothing if it is absent.
pub(crate) fn texts(claims: &Claims, name: &str) -> Result<Option<Vec<String>>, OtherForm> {
    match claims.as_map().get(name) {
        None => Ok(None),
        Some(Value::Array(texts)) => {
            let texts = texts.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(Some).ok_or(OtherForm)
        }
        Some(_) => Err(OtherForm),
    }
}
