use super::*;

const SHA: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse<'a>(method: &str, target: &'a str) -> Result<Route<'a>, Reason> {
    Route::parse(
        method.as_bytes(),
        target.as_bytes(),
        &RouteConfig::default(),
    )
}

fn repository(name: &str) -> Repository<'_> {
    Repository::parse_name(name).unwrap()
}

#[test]
fn two_segments_name_the_endpoint_and_the_rest_is_the_repository() {
    let rows = [
        ("GET", "/v2/a/manifests/b/manifests/c", "a/manifests/b"),
        ("GET", "/v2/team/blobs/manifests/v1", "team/blobs"),
        ("GET", "/v2/tags/list/tags/list", "tags/list"),
        ("GET", "/v2/v2/tags/list", "v2"),
        ("GET", "/v2/uploads/manifests/v1", "uploads"),
        (
            "POST",
            "/v2/a/blobs/uploads/blobs/uploads/",
            "a/blobs/uploads",
        ),
        (
            "PATCH",
            "/v2/a/b/c/blobs/uploads/0-1_2.3~=x?_state=a%3Db",
            "a/b/c",
        ),
        (
            "GET",
            "/v2/a--b.c_d__e/f/tags/list?n=5&last=x",
            "a--b.c_d__e/f",
        ),
        (
            "GET",
            &format!("/v2/referrers/referrers/{SHA}"),
            "referrers",
        ),
    ];
    for (method, target, name) in rows {
        let route = parse(method, target).unwrap();
        assert_eq!(
            route.repository().map(Repository::as_str),
            Some(name),
            "{method} {target}"
        );
    }
}

#[test]
fn what_has_two_readings_or_is_no_endpoint_is_not_found() {
    let targets = [
        "/",
        "/v1/",
        "/v2x",
        "/v2//",
        "//v2/",
        "/v2/a",
        "/v2/a/",
        "/v2/a/b",
        "/v2/_catalog/",
        "/v2/a/tags/list/",
        "/v2/a/tags/lists",
        "/v2/../v2/a/tags/list",
        "/v2/a/../b/tags/list",
        "/v2/./a/tags/list",
        "/v2/a%2fb/tags/list",
        "/v2/%61/tags/list",
        "/v2/a/manifests/v%31",
        "/v2/a/tags/list#x",
        "/v2/a;b/tags/list",
        "/v2/a\\b/tags/list",
        "/v2/a\u{7f}/tags/list",
        "/v2/a b/tags/list",
        "/v2/a//tags/list",
        "/v2/a/manifests/..",
        "/v2/a/manifests/",
        "/v2/a/uploads/x",
        "/v2/a/blobs/uploads/x/y",
        "/v2/a/blobs/uploads/%2e%2e",
        "/v2/a/blobs/uploads/..",
        "/v2/_zot/ext/search",
        "/v2/_oci/ext/discover",
        "/v2/a/tags/list?x=#",
        "/v2/a/tags/list?\u{1}",
        "http://x/v2/",
        "",
        "*",
        "/v2/a/blobs/sha256%253Aabc",
    ];
    for target in targets {
        assert_eq!(parse("GET", target), Err(Reason::NotFound), "{target}");
    }
    assert_eq!(
        Route::parse(b"GET", b"/v2/\xff/tags/list", &RouteConfig::default()),
        Err(Reason::NotFound)
    );
}

#[test]
fn a_malformed_name_or_reference_says_which() {
    let long = format!("/v2/{}/tags/list", "a".repeat(256));
    let longest = format!("/v2/{}/tags/list", "a".repeat(255));
    let long_tag = format!("/v2/a/manifests/{}", "t".repeat(129));
    let rows = [
        ("/v2/A/tags/list", Reason::NameInvalid),
        ("/v2/-a/tags/list", Reason::NameInvalid),
        ("/v2/a-/tags/list", Reason::NameInvalid),
        ("/v2/a..b/tags/list", Reason::NameInvalid),
        ("/v2/a___b/tags/list", Reason::NameInvalid),
        ("/v2/a.-b/tags/list", Reason::NameInvalid),
        ("/v2/a@b/tags/list", Reason::NameInvalid),
        ("/v2/_a/tags/list", Reason::NameInvalid),
        (&long, Reason::NameInvalid),
        ("/v2/a/manifests/-x", Reason::TagInvalid),
        ("/v2/a/manifests/.x", Reason::TagInvalid),
        ("/v2/a/manifests/a@b", Reason::TagInvalid),
        (&long_tag, Reason::TagInvalid),
        ("/v2/a/manifests/sha256:abc", Reason::DigestInvalid),
        ("/v2/a/manifests/:", Reason::DigestInvalid),
        ("/v2/a/blobs/latest", Reason::DigestInvalid),
        ("/v2/a/blobs/uploads", Reason::DigestInvalid),
        ("/v2/a/referrers/latest", Reason::DigestInvalid),
        (
            "/v2/a/blobs/sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            Reason::DigestInvalid,
        ),
    ];
    for (target, reason) in rows {
        assert_eq!(parse("GET", target), Err(reason), "{target}");
    }
    assert!(parse("GET", &longest).is_ok());
    assert_eq!(
        parse("POST", "/v2/a/blobs/uploads/?mount=x&from=b"),
        Err(Reason::DigestInvalid)
    );
    assert_eq!(
        parse("POST", &format!("/v2/a/blobs/uploads/?mount={SHA}&from=B")),
        Err(Reason::NameInvalid)
    );
    assert_eq!(
        parse("PUT", &format!("/v2/a/manifests/{SHA}?tag=a/b")),
        Err(Reason::TagInvalid)
    );
}

#[test]
fn each_route_has_its_methods_and_no_other() {
    let blob = format!("/v2/a/blobs/{SHA}");
    let referrers = format!("/v2/a/referrers/{SHA}");
    let rows: [(&str, &[&str]); 9] = [
        ("/v2/", &["GET", "HEAD"]),
        ("/v2", &["GET", "HEAD"]),
        ("/v2/_catalog", &["GET"]),
        ("/v2/a/tags/list", &["GET", "HEAD"]),
        ("/v2/a/manifests/v1", &["GET", "HEAD", "PUT", "DELETE"]),
        (&blob, &["GET", "HEAD", "DELETE"]),
        ("/v2/a/blobs/uploads/", &["POST"]),
        (
            "/v2/a/blobs/uploads/s",
            &["GET", "HEAD", "PATCH", "PUT", "DELETE"],
        ),
        (&referrers, &["GET", "HEAD"]),
    ];
    for (target, allowed) in rows {
        for method in [
            "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "CONNECT",
            "",
        ] {
            let wanted = if allowed.contains(&method) {
                None
            } else {
                Some(Reason::MethodNotAllowed)
            };
            assert_eq!(parse(method, target).err(), wanted, "{method} {target}");
        }
    }
}

#[test]
fn a_digest_may_be_written_with_an_escaped_colon() {
    let target = format!("/v2/a/manifests/{}", SHA.replace(':', "%3A"));
    let reference = Reference::Digest(Digest::parse(SHA).unwrap());
    assert_eq!(
        parse("GET", &target),
        Ok(Route::PullManifest(repository("a"), reference))
    );
}

#[test]
fn the_tags_of_a_push_are_trimmed_once_each_and_found_however_they_are_written() {
    for reference in [SHA, "v1"] {
        let target =
            format!("/v2/a/manifests/{reference}?tag=x&t%61g=y&tag=&tag=+x+&ns=q;tag=z&Tag=w");
        let Ok(Route::PushManifest(_, _, tags)) = parse("PUT", &target) else {
            panic!("{target}")
        };
        assert_eq!(tags, ["x", "y", "z", "w"]);
        let many = format!(
            "/v2/a/manifests/{reference}?{}",
            "tag=x&".repeat(MAX_TAGS + 1)
        );
        assert_eq!(parse("PUT", &many), Err(Reason::TagInvalid));
    }
}

#[test]
fn every_source_of_a_mount_is_found() {
    let target = format!("/v2/a/blobs/uploads/?mount={SHA}&from=b%2Fc&fr%6Fm=d");
    let sources = vec!["b/c".to_owned(), "d".to_owned()];
    assert_eq!(
        parse("POST", &target),
        Ok(Route::StartUpload(repository("a"), Mount::From(sources)))
    );
}

#[test]
fn public_paths_and_extensions_are_open_only_when_configured() {
    let glob = globset::GlobBuilder::new("/health*")
        .literal_separator(true)
        .build()
        .unwrap();
    let public = registry_auth_cel::pattern_set::PatternSet::build(&[glob.regex()], 1 << 20);
    let routes = RouteConfig {
        public,
        extensions: true,
        token_endpoint: Some("/auth/token".into()),
        login: false,
    };
    let rows = [
        ("GET", "/healthz", Ok(Route::Public)),
        ("POST", "/healthz", Err(Reason::MethodNotAllowed)),
        ("GET", "/health/../x", Err(Reason::NotFound)),
        ("GET", "/health%2fx", Err(Reason::NotFound)),
        ("GET", "/healthz/x", Err(Reason::NotFound)),
        ("GET", "/v2/_zot/ext/search?query=x", Ok(Route::Extension)),
        ("GET", "/v2/_oci/ext/discover", Ok(Route::Extension)),
        ("PUT", "/v2/_zot/ext/userprefs", Ok(Route::Extension)),
        (
            "TRACE",
            "/v2/_zot/ext/search",
            Err(Reason::MethodNotAllowed),
        ),
        (
            "GET",
            "/v2/_zot/%2e%2e/team/app/tags/list",
            Err(Reason::NotFound),
        ),
        ("GET", "/v2/_zot/ext%2fsearch", Err(Reason::NotFound)),
        ("GET", "/auth/token", Ok(Route::Token)),
        ("GET", "/auth/token?scope=x", Ok(Route::Token)),
        ("POST", "/auth/token", Ok(Route::Token)),
        ("HEAD", "/auth/token", Err(Reason::MethodNotAllowed)),
        ("PUT", "/auth/token", Err(Reason::MethodNotAllowed)),
        ("OPTIONS", "/auth/token", Err(Reason::MethodNotAllowed)),
        ("GET", "/auth/token/", Err(Reason::NotFound)),
        ("GET", "/auth/Token", Err(Reason::NotFound)),
        ("GET", "/auth/%74oken", Err(Reason::NotFound)),
        ("GET", "//auth/token", Err(Reason::NotFound)),
        ("GET", "/auth/token#x", Err(Reason::NotFound)),
    ];
    for (method, target, wanted) in rows {
        assert_eq!(
            Route::parse(method.as_bytes(), target.as_bytes(), &routes),
            wanted,
            "{method} {target}"
        );
    }
}

#[test]
fn the_routes_of_a_login_service_are_there_where_people_log_in() {
    let page = Ok(Route::Login(LoginRoute::Page));
    let keys = Ok(Route::Login(LoginRoute::ApiKeys));
    let (absent, method) = (Err(Reason::NotFound), Err(Reason::MethodNotAllowed));
    let rows = [
        (
            "GET",
            "/zot/auth/login?provider=github&callback_ui=%2F",
            &page,
        ),
        ("GET", "/zot/auth/login/", &absent),
        ("GET", "/zot/auth/logi%6e", &absent),
        ("GET", "/zot/auth/callback/github?code=x&state=y", &page),
        ("GET", "/zot/auth/callback/google", &page),
        ("GET", "/zot/auth/callback/gitlab", &page),
        ("GET", "/zot/auth/callback/oidc", &page),
        ("GET", "/zot/auth/callback/other", &absent),
        ("GET", "/zot/auth/callback/", &absent),
        ("GET", "/zot/auth/callback", &absent),
        ("POST", "/zot/auth/logout", &page),
        ("POST", "/zot/auth/apikey", &keys),
        ("DELETE", "/zot/auth/apikey?id=1", &keys),
        ("OPTIONS", "/zot/auth/apikey", &keys),
        ("GET", "/zot/auth/apikey/", &absent),
        ("GET", "/zot/auth/apikeys", &absent),
        ("GET", "/zot/auth/APIKEY", &absent),
        ("TRACE", "/zot/auth/apikey", &method),
        ("CONNECT", "/login", &method),
        ("get", "/login", &method),
        ("GET", "/login", &page),
        ("POST", "/login", &page),
        ("GET", "/login/", &page),
        ("GET", "/login/keys", &page),
        ("GET", "/login/style.css", &page),
        ("GET", "/login/../v2/", &absent),
        ("GET", "/login//x", &absent),
        ("GET", "/login/%2e%2e/x", &absent),
        ("GET", "/loginx", &absent),
        ("GET", "/zot/auth", &absent),
        ("GET", "/v1/login", &absent),
    ];
    let login = RouteConfig {
        login: true,
        ..RouteConfig::default()
    };
    for (name, target, wanted) in rows {
        let parse = |routes| Route::parse(name.as_bytes(), target.as_bytes(), routes);
        assert_eq!(parse(&login), *wanted, "{name} {target}");
        assert_eq!(parse(&RouteConfig::default()), absent, "{name} {target}");
    }
    let methods = "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS";
    assert_eq!(Route::methods(b"/login", &login), methods);
}

#[test]
fn the_methods_of_an_endpoint_are_known() {
    let blob = format!("/v2/a/blobs/{SHA}");
    let rows = [
        ("/v2/", "GET, HEAD"),
        ("/v2/_catalog", "GET"),
        ("/v2/a/tags/list", "GET, HEAD"),
        ("/v2/a/manifests/v1", "GET, HEAD, PUT, DELETE"),
        (&blob, "GET, HEAD, DELETE"),
        ("/v2/a/blobs/uploads/", "POST"),
        ("/v2/a/blobs/uploads/x", "GET, HEAD, PUT, PATCH, DELETE"),
        ("/nowhere", ""),
    ];
    for (target, methods) in rows {
        assert_eq!(
            Route::methods(target.as_bytes(), &RouteConfig::default()),
            methods,
            "{target}"
        );
    }
}
