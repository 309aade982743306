//! What a client asks of the token endpoint: a query, a form, and one credential.

use super::form::{self, Parameter};
use crate::authn::credential::{Credential, Passwords};
use crate::reason::Reason;
use crate::scope::Scope;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// Fields of the form that hold a credential.
const CREDENTIALS: [&str; 5] = [
    "password",
    "refresh_token",
    "id_token",
    "access_token",
    "token",
];

/// The body of a POST.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form<'a> {
    /// Every value of `content-type`.
    pub media_types: &'a [&'a [u8]],
    /// The whole body.
    pub body: &'a [u8],
}

/// One request for a token.
#[derive(Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// The credential of the caller.
    pub credential: Credential<'static>,
    /// The requested scopes, in order.
    pub scopes: Vec<Scope>,
    /// True for a POST, whose reply has to name the scopes that are granted.
    pub is_post: bool,
}

impl TokenRequest {
    /// Reads the query of the target, every value of `Authorization` and, of a POST, the form.
    /// `service`, `account`, `client_id`, `username`, `access_type` and `offline_token` are
    /// ignored.
    ///
    /// # Errors
    /// `MalformedRequest`, or what is wrong with the credential: it is refused when it cannot be
    /// read, when an empty one is presented, and when several different ones are.
    pub fn read(
        target: &[u8],
        authorization: &[&[u8]],
        form: Option<Form<'_>>,
        passwords: Passwords,
    ) -> Result<Self, Reason> {
        let query = target
            .splitn(2, |byte| *byte == b'?')
            .nth(1)
            .unwrap_or_default();
        let parameters = form::parameters(query)?;
        let fields = form.map_or(Ok(Vec::new()), Form::fields)?;
        let mut scopes = Vec::new();
        for (name, value) in parameters.iter().chain(&fields) {
            if name == "scope" {
                Scope::parse_list(value, &mut scopes)?;
            }
        }
        let credential = credential(authorization, &fields, passwords)?;
        Ok(Self {
            credential,
            scopes,
            is_post: form.is_some(),
        })
    }
}

impl<'a> Form<'a> {
    fn fields(self) -> Result<Vec<Parameter<'a>>, Reason> {
        if self.body.is_empty() {
            return Ok(Vec::new());
        }
        match self.media_types {
            [one] if is_form(one) => form::parameters(self.body),
            _ => Err(Reason::MalformedRequest),
        }
    }
}

/// The media type, in any case and with any parameters (RFC 9110 section 8.3.1).
fn is_form(media_type: &[u8]) -> bool {
    let essence = media_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    essence
        .trim_ascii()
        .eq_ignore_ascii_case(MEDIA_TYPE.as_bytes())
}

fn credential(
    authorization: &[&[u8]],
    fields: &[Parameter<'_>],
    passwords: Passwords,
) -> Result<Credential<'static>, Reason> {
    let known = |grant: &str| matches!(grant, "password" | "refresh_token");
    if fields
        .iter()
        .any(|(name, value)| name == "grant_type" && !known(value))
    {
        return Err(Reason::MalformedRequest);
    }
    let named = |wanted: &[&str]| fields.iter().any(|(name, _)| wanted.contains(&&**name));
    if named(&["grant_type"]) && !named(&CREDENTIALS) && authorization.is_empty() {
        return Err(Reason::MalformedCredential);
    }
    let user = fields.iter().find(|(name, _)| name == "username");
    let user = user.map_or("", |(_, user)| user);
    let mut found = Credential::read(authorization, passwords)?.into_owned();
    for (name, value) in fields
        .iter()
        .filter(|(name, _)| CREDENTIALS.contains(&&**name))
    {
        let field = if name == "password" {
            Credential::of_form(user, value, passwords)
        } else {
            Credential::of_token(value.trim())
        };
        match field?.into_owned() {
            Credential::Anonymous => {}
            field if found == Credential::Anonymous => found = field,
            field if field == found => {}
            _ => return Err(Reason::SeveralCredentials),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"application/x-www-form-urlencoded";

    fn token(text: &str) -> Credential<'static> {
        Credential::Token(text.as_bytes().to_owned().into())
    }

    fn post(media_types: &[&[u8]], body: &[u8]) -> Result<TokenRequest, Reason> {
        TokenRequest::read(
            b"/token",
            &[],
            Some(Form { media_types, body }),
            Passwords::Tokens,
        )
    }

    #[test]
    fn a_query_gives_scopes_and_never_a_credential() {
        let target =
            b"/token?account=u&scope=repository:a:pull&scope=repository%3Ab%3Apush+registry:catalog:*&service=s\
            &client_id=docker&offline_token=true&password=a.b.c&access_token=a.b.c";
        let request =
            TokenRequest::read(target, &[b"Bearer d.e.f"], None, Passwords::Tokens).unwrap();
        let mut scopes = Vec::new();
        Scope::parse_list(
            "repository:a:pull repository:b:push registry:catalog:*",
            &mut scopes,
        )
        .unwrap();
        assert_eq!(
            request,
            TokenRequest {
                credential: token("d.e.f"),
                scopes,
                is_post: false
            }
        );
        for bad in [
            "?scope=a",
            "?scope=%",
            "?%zz=1",
            "?a=\u{7f}",
            "?scope=repository:a:pull%ff",
        ] {
            let target = format!("/token{bad}");
            assert_eq!(
                TokenRequest::read(target.as_bytes(), &[], None, Passwords::Tokens),
                Err(Reason::MalformedRequest),
                "{bad}"
            );
        }
        let bare = TokenRequest {
            credential: Credential::Anonymous,
            scopes: vec![],
            is_post: false,
        };
        assert_eq!(
            TokenRequest::read(b"/token", &[], None, Passwords::Tokens),
            Ok(bare)
        );
    }

    #[test]
    fn a_form_holds_one_credential() {
        type Row<'a> = (&'a [&'a [u8]], &'a str, Result<Credential<'a>, Reason>);
        let basic: &[u8] = b"Basic dTphLmIuYw==";
        let rows: [Row<'_>; 27] = [
            (&[], "", Ok(Credential::Anonymous)),
            (&[], "scope=", Ok(Credential::Anonymous)),
            (
                &[],
                "grant_type=password&username=u&password=a.b.c",
                Ok(token("a.b.c")),
            ),
            (
                &[],
                "grant_type=refresh_token&refresh_token=a.b.c",
                Ok(token("a.b.c")),
            ),
            (&[], "id_token=a.b.c", Ok(token("a.b.c"))),
            (&[], "access_token=+a.b.c+", Ok(token("a.b.c"))),
            (
                &[],
                "password=a.b.c&refresh_token=a.b.c",
                Ok(token("a.b.c")),
            ),
            (&[basic], "password=a.b.c", Ok(token("a.b.c"))),
            (&[basic], "", Ok(token("a.b.c"))),
            (&[basic], "grant_type=password", Ok(token("a.b.c"))),
            (&[], "password=anonymous", Ok(Credential::Anonymous)),
            (&[basic], "password=anonymous", Ok(token("a.b.c"))),
            (&[], "token=a.b.c", Ok(token("a.b.c"))),
            (&[], "tokens=a.b.c", Ok(Credential::Anonymous)),
            (
                &[],
                "password=a.b.c&refresh_token=d.e.f",
                Err(Reason::SeveralCredentials),
            ),
            (
                &[],
                "password=a.b.c&password=d.e.f",
                Err(Reason::SeveralCredentials),
            ),
            (&[basic], "id_token=d.e.f", Err(Reason::SeveralCredentials)),
            (&[basic, basic], "", Err(Reason::SeveralCredentials)),
            (&[], "password=", Err(Reason::MalformedCredential)),
            (
                &[],
                "password=a.b.c&id_token=",
                Err(Reason::MalformedCredential),
            ),
            (&[], "password=a%00b", Err(Reason::MalformedCredential)),
            (
                &[],
                "grant_type=password&username=u",
                Err(Reason::MalformedCredential),
            ),
            (
                &[b"Digest x"],
                "password=a.b.c",
                Err(Reason::MalformedCredential),
            ),
            (
                &[],
                "grant_type=authorization_code&code=x&password=a.b.c",
                Err(Reason::MalformedRequest),
            ),
            (
                &[],
                "grant_type=authorization_code&code=x",
                Err(Reason::MalformedRequest),
            ),
            (
                &[],
                "grant_type=&password=a.b.c",
                Err(Reason::MalformedRequest),
            ),
            (&[], "password=%zz", Err(Reason::MalformedRequest)),
        ];
        for (authorization, body, wanted) in rows {
            let form = Form {
                media_types: &[FORM],
                body: body.as_bytes(),
            };
            let read = TokenRequest::read(b"/token", authorization, Some(form), Passwords::Tokens)
                .map(|request| request.credential);
            assert_eq!(read, wanted, "{body}");
        }
    }

    #[test]
    fn only_a_form_is_read() {
        type Row<'a> = (&'a [&'a [u8]], &'a [u8], Result<(), Reason>);
        let rows: [Row<'_>; 10] = [
            (&[FORM], b"a=1", Ok(())),
            (
                &[b"Application/X-WWW-Form-Urlencoded ; charset=utf-8"],
                b"a=1",
                Ok(()),
            ),
            (&[], b"", Ok(())),
            (&[b"application/json"], b"", Ok(())),
            (&[], b"a=1", Err(Reason::MalformedRequest)),
            (&[b"application/json"], b"{}", Err(Reason::MalformedRequest)),
            (
                &[b"x/application/x-www-form-urlencoded"],
                b"a=1",
                Err(Reason::MalformedRequest),
            ),
            (&[b"application/%zz"], b"a=1", Err(Reason::MalformedRequest)),
            (&[FORM, FORM], b"a=1", Err(Reason::MalformedRequest)),
            (
                &[b"multipart/form-data; boundary=x"],
                b"--x",
                Err(Reason::MalformedRequest),
            ),
        ];
        for (media_types, body, wanted) in rows {
            assert_eq!(
                post(media_types, body).map(drop),
                wanted,
                "{media_types:?} {}",
                body.len()
            );
        }
        let both = Form {
            media_types: &[FORM],
            body: b"scope=repository:b:push",
        };
        let request = TokenRequest::read(
            b"/token?scope=repository:a:pull",
            &[],
            Some(both),
            Passwords::Tokens,
        )
        .unwrap();
        assert!(request.is_post && request.scopes.len() == 2);
    }
}
