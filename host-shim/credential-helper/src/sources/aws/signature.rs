//! Signature Version 4 of AWS, of a POST to `/` with a form.

use std::fmt;
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use chrono::DateTime;

/// What requests are signed with.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) access_key: String,
    pub(super) secret_key: String,
    pub(super) session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials([redacted])")
    }
}

/// What is signed.
pub(super) struct Form<'a> {
    /// The header `Host`.
    pub(super) host: &'a str,
    pub(super) region: &'a str,
    pub(super) body: &'a str,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// The media type of the body.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
const SERVICE: &str = "sts";

/// Returns the headers that a signed request has in addition to `Host` and `Content-Type`.
pub(super) fn headers(form: &Form<'_>, credentials: &Credentials) -> Vec<(&'static str, String)> {
    let time = DateTime::from_timestamp(form.now, 0).unwrap_or_default();
    let (day, time) = (
        time.format("%Y%m%d").to_string(),
        time.format("%Y%m%dT%H%M%SZ").to_string(),
    );
    let mut names = "content-type;host;x-amz-date".to_owned();
    let mut signed = format!(
        "content-type:{FORM}\nhost:{}\nx-amz-date:{time}\n",
        form.host
    );
    let mut headers = vec![("x-amz-date", time.clone())];
    if let Some(token) = &credentials.session_token {
        names.push_str(";x-amz-security-token");
        signed = format!("{signed}x-amz-security-token:{token}\n");
        headers.push(("x-amz-security-token", token.clone()));
    }
    let request = format!("POST\n/\n\n{signed}\n{names}\n{}", hash(form.body));
    let scope = format!("{day}/{}/{SERVICE}/aws4_request", form.region);
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(&request));
    let key = format!("AWS4{}", credentials.secret_key);
    let key = [&day, form.region, SERVICE, "aws4_request"]
        .iter()
        .fold(key.into_bytes(), |key, part| mac(&key, part));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
        credentials.access_key,
        hex(&mac(&key, &text))
    );
    headers.push(("authorization", authorization));
    headers
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

fn hash(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What botocore 1.44.8 signs the same requests with.
    #[test]
    fn a_signature_is_that_of_the_sdk() {
        let body = "Action=GetWebIdentityToken&Version=2011-06-15&Audience.member.1=registry.example.com&SigningAlgorithm=ES384&DurationSeconds=300";
        let rows = [
            (
                ("sts.eu-central-1.amazonaws.com", "eu-central-1", None),
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=ac67e1f1dc423c382abad697d1c9632f2d62bbb764104f08b942b989a9b7e570",
            ),
            (
                ("127.0.0.1:5001", "us-east-1", Some("TOKEN//x==")),
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=5629a2ad340c61db35d5f4341cd2c0ccc2ce2cfd1e8779ade5a364393c59870f",
            ),
        ];
        for ((host, region, token), expected) in rows {
            let credentials = Credentials {
                access_key: "AKIDEXAMPLE".to_owned(),
                secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
                session_token: token.map(str::to_owned),
            };
            // 2015-08-30T12:36:00Z
            let form = Form {
                host,
                region,
                body,
                now: 1_440_938_160,
            };
            let headers = headers(&form, &credentials);
            let of = |name: &str| headers.iter().find(|(known, _)| *known == name);
            assert_eq!(of("authorization").unwrap().1, expected);
            assert_eq!(of("x-amz-date").unwrap().1, "20150830T123600Z");
            let sent = of("x-amz-security-token").map(|(_, value)| value.as_str());
            assert_eq!(sent, token);
            assert_eq!(format!("{credentials:?}"), "Credentials([redacted])");
        }
    }
}
