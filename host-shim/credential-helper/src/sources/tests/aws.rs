//! The services of AWS, each by its own answers.

use super::{ENCODED, Row, check};
use crate::http::tests::answer;

/// Variables, the source, the answers, what comes out, and parts of the requests.
type AwsRow<'a> = (
    Vec<(&'a str, &'a str)>,
    &'a str,
    Vec<String>,
    &'a str,
    Vec<&'a [&'a str]>,
);

const STS: (&str, &str) = ("AWS_ENDPOINT_URL_STS", "http://{}");
const KEY: (&str, &str) = ("AWS_ACCESS_KEY_ID", "AKID");
const SECRET: (&str, &str) = ("AWS_SECRET_ACCESS_KEY", "tops3cret");
const REGION: (&str, &str) = ("AWS_REGION", "eu-central-1");
const IMDS: (&str, &str) = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://{}");

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of rows")]
async fn aws_gives_a_token_for_signed_requests() {
    let folder = crate::owned::tests::private();
    let file = folder.path().join("token");
    std::fs::write(&file, "cluster.t.t\n").unwrap();
    let file = file.to_str().unwrap();
    let token = answer(
        200,
        "<GetWebIdentityTokenResponse><GetWebIdentityTokenResult><WebIdentityToken>a.b.c</WebIdentityToken><Expiration>2026</Expiration></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>",
    );
    let role = answer(
        200,
        "<R><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>tops3cret/+</SecretAccessKey><SessionToken>S+/=</SessionToken></Credentials></R>",
    );
    let document = answer(
        200,
        r#"{"AccessKeyId":"ASIA","SecretAccessKey":"tops3cret","Token":"S+/="}"#,
    );
    let wanted = format!(
        "\r\n\r\nAction=GetWebIdentityToken&Version=2011-06-15&Audience.member.1={ENCODED}&SigningAlgorithm=ES384&DurationSeconds=300"
    );
    let of_key: &[&str] = &[
        "POST / HTTP/1.1\r\n",
        "\r\ncontent-type: application/x-www-form-urlencoded\r\n",
        "\r\nauthorization: AWS4-HMAC-SHA256 Credential=AKID/",
        "/eu-central-1/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=",
        &wanted,
    ];
    let of_role: &[&str] = &[
        "Credential=ASIA/",
        "/eu-central-1/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, ",
        "\r\nx-amz-security-token: S+/=\r\n",
        &wanted,
    ];
    let assume: &[&str] = &[
        "\r\n\r\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=registry-auth&WebIdentityToken=cluster.t.t",
    ];
    let session: &[&str] = &[
        "PUT /latest/api/token HTTP",
        "\r\nx-aws-ec2-metadata-token-ttl-seconds: 60\r\n",
    ];
    let region: &[&str] = &[
        "GET /latest/meta-data/placement/region HTTP",
        "\r\nx-aws-ec2-metadata-token: T\r\n",
    ];
    let roles: &[&str] = &["GET /latest/meta-data/iam/security-credentials/ HTTP"];
    let of_instance: &[&str] = &[
        "GET /latest/meta-data/iam/security-credentials/r HTTP",
        "-token: T\r\n",
    ];
    let container: &[&str] = &["GET /creds HTTP", "\r\nauthorization: pod.t.t\r\n"];
    let cluster = [
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file),
    ];
    let disabled = answer(
        403,
        "<E><Code>OutboundWebIdentityFederationDisabledException</Code><Message>tops3cret</Message></E>",
    );
    let rows: Vec<AwsRow<'_>> = vec![
        (
            vec![STS, KEY, SECRET, REGION],
            "aws",
            vec![token.clone()],
            "a.b.c",
            vec![of_key],
        ),
        (
            vec![STS, KEY, SECRET],
            "aws:eu-central-1",
            vec![token.clone()],
            "a.b.c",
            vec![of_key],
        ),
        (
            vec![STS, cluster[0], cluster[1], REGION],
            "aws",
            vec![role, token.clone()],
            "a.b.c",
            vec![assume, of_role],
        ),
        (
            vec![
                STS,
                REGION,
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://{}/creds"),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod.t.t"),
            ],
            "aws",
            vec![document.clone(), token.clone()],
            "a.b.c",
            vec![container, of_role],
        ),
        (
            vec![STS, IMDS],
            "aws",
            vec![
                answer(200, "T"),
                answer(200, "eu-central-1"),
                answer(200, "T"),
                answer(200, "r\n"),
                document,
                token.clone(),
            ],
            "a.b.c",
            vec![session, region, session, roles, of_instance, of_role],
        ),
        (
            vec![IMDS],
            "aws",
            vec![answer(404, "")],
            "the metadata service of AWS answers 404: give the",
            vec![session],
        ),
        (
            vec![STS, KEY, SECRET, REGION],
            "aws",
            vec![disabled],
            "the token service of AWS answers 403 OutboundWebIdentityFederationDisabledException: enable outbound web",
            vec![of_key],
        ),
        (
            vec![STS, KEY, SECRET, REGION],
            "aws",
            vec![answer(200, "<WebIdentityToken>tops3cret")],
            "the answer of the token service of AWS has no WebIdentityToken",
            vec![of_key],
        ),
        (
            vec![STS, KEY, REGION],
            "aws",
            vec![token.clone()],
            "AWS_SECRET_ACCESS_KEY is not set: AWS_ACCESS_KEY_ID is set",
            vec![],
        ),
        (
            vec![
                STS,
                KEY,
                SECRET,
                ("AWS_DEFAULT_REGION", "evil.example.com/"),
            ],
            "aws",
            vec![token.clone()],
            "AWS_DEFAULT_REGION is not a region: write one",
            vec![],
        ),
        (
            vec![STS, KEY, SECRET],
            "aws:evil.example.com/",
            vec![token.clone()],
            "the region of the source `aws` is not a region: write one",
            vec![],
        ),
        (
            vec![
                STS,
                REGION,
                (
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                    "http://example.com/creds",
                ),
            ],
            "aws",
            vec![token.clone()],
            "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither a URL of https nor",
            vec![],
        ),
        (
            vec![("AWS_EC2_METADATA_DISABLED", "true")],
            "aws",
            vec![token],
            "AWS_REGION or AWS_ACCESS_KEY_ID is not set: set them,",
            vec![],
        ),
    ];
    for (variables, source, answers, expected, requests) in rows {
        let row = Row {
            variables: &variables,
            source,
            answers: &answers,
            expected,
            requests: &requests,
        };
        check(row).await;
    }
}
