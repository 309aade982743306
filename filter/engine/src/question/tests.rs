use super::*;
use crate::catalog::Step;
use crate::fields;
use crate::route::Query;

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

const API: (&str, &str) = ("docker-distribution-api-version", "registry/2.0");
const HTML: (&str, &str) = ("content-type", "text/html");

fn response(status: &str, headers: &[(&str, &str)], body: &str) -> QuestionResponse {
    let mut all = vec![(":status", status.as_bytes())];
    all.extend(
        headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes())),
    );
    QuestionResponse {
        headers: Fields::parse(fields::write(&all)).unwrap(),
        body: body.into(),
    }
}

fn name() -> TagName {
    TagName {
        repository: "team/app".to_owned(),
        tag: "v1".to_owned(),
    }
}

/// What a response to a question about a tag proves; `None` if another question follows.
fn reported(question: Question, response: QuestionResponse) -> Option<TagAnswer> {
    let mut gathered = Gathered::default();
    let next = question.answer(response, &mut gathered);
    assert_eq!(next.is_some(), gathered.tags.is_empty(), "one of both");
    if let Some(next) = next {
        assert_eq!(next, Question::Registry(name()));
    }
    gathered.tag("team/app", "v1")
}

#[test]
fn only_the_registry_says_whether_a_tag_exists() {
    use TagAnswer::{Exists, Missing, Unknown};
    let digest = ("docker-content-digest", "sha256:00");
    let rows: &[(&str, Headers<'_>, Option<TagAnswer>)] = &[
        // Distribution, with and without what it says on a manifest.
        ("200", &[API, digest], Some(Exists)),
        ("404", &[API], Some(Missing)),
        (
            "404",
            &[("Docker-Distribution-API-Version", "registry/2.0")],
            Some(Missing),
        ),
        (
            "404",
            &[(
                "docker-distribution-api-version",
                "registry/2.1 registry/2.0",
            )],
            Some(Missing),
        ),
        // zot, and registries that say less.
        ("200", &[digest], Some(Exists)),
        (
            "200",
            &[("content-type", "application/vnd.oci.image.index.v1+json")],
            Some(Exists),
        ),
        (
            "200",
            &[(
                "content-type",
                "application/vnd.docker.distribution.manifest.v2+json",
            )],
            Some(Exists),
        ),
        ("404", &[("content-type", "application/json")], None),
        ("404", &[HTML], None),
        ("404", &[], None),
        ("404", &[("docker-distribution-api-version", "")], None),
        (
            "404",
            &[("docker-distribution-api-version", "registry/2.01")],
            None,
        ),
        ("404", &[digest], None),
        // A web server that answers 200 to everything.
        ("200", &[HTML], Some(Unknown)),
        ("200", &[], Some(Unknown)),
        ("200", &[("docker-content-digest", "")], Some(Unknown)),
        (
            "200",
            &[(
                "content-type",
                "text/html; x=application/vnd.oci.image.index.v1+json",
            )],
            Some(Unknown),
        ),
        // Redirects are not followed, and errors prove nothing, whoever sends them.
        (
            "307",
            &[API, ("location", "/v2/team/app/manifests/v1")],
            Some(Unknown),
        ),
        ("301", &[API], Some(Unknown)),
        ("401", &[API], Some(Unknown)),
        ("403", &[API], Some(Unknown)),
        ("410", &[API], Some(Unknown)),
        ("500", &[API], Some(Unknown)),
        ("503", &[API], Some(Unknown)),
        ("204", &[API, digest], Some(Unknown)),
        ("206", &[API, digest], Some(Unknown)),
        ("", &[API], Some(Unknown)),
        ("4040", &[API], Some(Unknown)),
        ("404 ", &[API], Some(Unknown)),
    ];
    for (status, headers, answer) in rows {
        assert_eq!(
            reported(Question::Tag(name()), response(status, headers, "")),
            *answer,
            "{status} {headers:?}"
        );
    }
    let nothing = QuestionResponse::default();
    assert_eq!(reported(Question::Tag(name()), nothing), Some(Unknown));
}

#[test]
fn a_404_without_a_mark_counts_where_a_registry_answers() {
    use TagAnswer::{Missing, Unknown};
    let rows: &[(&str, Headers<'_>, TagAnswer)] = &[
        ("200", &[], Missing),
        ("401", &[], Missing),
        ("404", &[API], Unknown),
        ("404", &[], Unknown),
        ("403", &[API], Unknown),
        ("301", &[("location", "/v2")], Unknown),
        ("302", &[], Unknown),
        ("204", &[], Unknown),
        ("500", &[API], Unknown),
        ("503", &[], Unknown),
        ("", &[], Unknown),
    ];
    for (status, headers, answer) in rows {
        let reported = reported(Question::Registry(name()), response(status, headers, ""));
        assert_eq!(reported, Some(*answer), "{status} {headers:?}");
    }
}

#[test]
fn a_question_without_response_proves_nothing() {
    for question in [Question::Tag(name()), Question::Registry(name())] {
        let mut gathered = Gathered::default();
        question.fail(&mut gathered);
        assert_eq!(gathered.tag("team/app", "v1"), Some(TagAnswer::Unknown));
    }
}

#[test]
fn a_question_is_asked_about_what_is_in_question() {
    let request = |question: Question| {
        let QuestionRequest { method, target, .. } = question.request();
        (method, target, question.scope(), question.reads_body())
    };
    let text = |text: &str| text.to_owned();
    let pull = || Scope::Repository("team/app".to_owned(), vec![ScopeAction::Pull]);
    assert_eq!(
        request(Question::Tag(name())),
        ("HEAD", text("/v2/team/app/manifests/v1"), pull(), false)
    );
    assert_eq!(
        request(Question::Registry(name())),
        ("GET", text("/v2/"), pull(), false)
    );
    assert_eq!(
        request(Question::Catalog(listing())),
        ("GET", text("/v2/_catalog?n=1000"), Scope::Catalog, true)
    );
}

fn listing() -> Listing {
    let Ok(Step::More(listing)) = Listing::begin(&Query::new("")) else {
        panic!()
    };
    listing
}

#[test]
fn only_the_registry_says_that_it_has_no_catalog() {
    let error = r#"{"errors":[{"code":"UNSUPPORTED","message":"no"}]}"#;
    let rows: &[(&str, Headers<'_>, &str, u16)] = &[
        ("200", &[], r#"{"repositories":[]}"#, 200),
        // An invalid page is recognised when it is read.
        ("200", &[HTML], "<html>", 200),
        ("404", &[API], "", 404),
        ("404", &[], error, 404),
        ("405", &[], error, 405),
        ("500", &[API], "", 500),
        ("404", &[HTML], "<html>", 0),
        ("404", &[], "", 0),
        ("404", &[], r#"{"errors":[]}"#, 0),
        ("404", &[], r#"{"errors":["x"]}"#, 0),
        ("404", &[], r#"{"errors":[{"code":404}]}"#, 0),
        ("405", &[], "", 0),
        ("501", &[], "", 0),
    ];
    for (status, headers, body, wanted) in rows {
        let mut gathered = Gathered::default();
        assert_eq!(
            Question::Catalog(listing()).answer(response(status, headers, body), &mut gathered),
            None
        );
        let (_, page) = gathered.catalog.unwrap();
        assert_eq!(page.status, *wanted, "{status} {headers:?} {body}");
    }
}
