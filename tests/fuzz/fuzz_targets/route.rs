//! `METHOD TARGET`: what is accepted has one reading, and is read the same when it is written
//! again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::access::AccessSet;
use registry_auth_engine::route::{Mount, Reference, Route, RouteConfig, without_mount};
use registry_auth_engine::scope::Scope;
use registry_auth_fuzz::{grammar, work};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fuzz_target!(|input: &[u8]| {
    let (method, target) = input.split_at(
        input
            .iter()
            .position(|byte| *byte == b' ')
            .unwrap_or_default(),
    );
    let target = target.get(1..).unwrap_or_default();
    let routes = RouteConfig::default();
    let parsed = work::linear(target, |target| Route::parse(method, target, &routes));
    let allowed = Route::methods(target, &routes);
    assert_eq!(
        parsed.is_ok(),
        allowed
            .split(", ")
            .any(|name| name.as_bytes() == method && !name.is_empty())
    );
    let Ok(route) = parsed else { return };
    let text = std::str::from_utf8(target).expect("what is accepted is ASCII");
    check(&route, text);
    let again = render(&route);
    match (Route::parse(method, again.as_bytes(), &routes), &route) {
        // Its query is read later, and not written here.
        (Ok(Route::Catalog(_)), Route::Catalog(_)) => {}
        (again, route) => assert_eq!(again.as_ref(), Ok(route)),
    }
    let plain = without_mount(text);
    match Route::parse(method, plain.as_bytes(), &routes) {
        Ok(Route::StartUpload(_, mount)) => assert_eq!(mount, Mount::No, "{plain}"),
        other => assert!(!matches!(route, Route::StartUpload(..)), "{other:?}"),
    }
});

fn check(route: &Route<'_>, target: &str) {
    let path = target.split('?').next().unwrap_or_default();
    assert!(
        target.bytes().all(|byte| byte.is_ascii_graphic()),
        "{target}"
    );
    assert!(
        !path.contains("//")
            && path
                .split('/')
                .all(|segment| segment != "." && segment != ".."),
        "{target}"
    );
    assert!(
        !path
            .replace("%3A", "")
            .replace("%3a", "")
            .contains(['%', '\\', ';', '#']),
        "{target}"
    );
    if let Some(name) = route.repository() {
        assert!(grammar::is_name(name.as_str()), "{target}");
        assert!(
            path.starts_with(&format!("/v2/{name}/")),
            "{name} is not what the registry sees: {target}"
        );
    }
    match route {
        Route::StartUpload(_, Mount::From(sources)) => {
            assert!(
                sources.iter().all(|name| grammar::is_name(name)),
                "{target}"
            );
        }
        Route::PushManifest(_, reference, tags) => {
            assert!(grammar::is_reference(reference.as_str()), "{target}");
            assert!(
                tags.len() <= 46 && tags.iter().all(|tag| grammar::is_reference(tag)),
                "{target}"
            );
        }
        Route::PullManifest(_, reference) | Route::DeleteManifest(_, reference) => {
            assert!(grammar::is_reference(reference.as_str()), "{target}");
        }
        _ => {}
    }
    let scope = AccessSet::of(route).scope();
    let mut scopes = Vec::new();
    assert_eq!(Scope::parse_list(&scope, &mut scopes), Ok(()), "{scope}");
    // Scopes of one repository are one scope when they are read.
    let mut again = Vec::new();
    assert_eq!(
        Scope::parse_list(&Scope::list(&scopes), &mut again),
        Ok(()),
        "{target}"
    );
    assert_eq!(again, scopes, "{target}");
}

/// A target that must be read as the route.
fn render(route: &Route<'_>) -> String {
    let manifest = |name: &dyn std::fmt::Display, reference: &Reference<'_>, tags: &[String]| {
        let tags: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
        format!(
            "/v2/{name}/manifests/{}?{}",
            reference.as_str(),
            tags.join("&")
        )
    };
    match route {
        Route::Base => "/v2/".to_owned(),
        Route::Catalog(_) => "/v2/_catalog".to_owned(),
        Route::Tags(name) => format!("/v2/{name}/tags/list"),
        Route::PullManifest(name, reference) | Route::DeleteManifest(name, reference) => {
            manifest(name, reference, &[])
        }
        Route::PushManifest(name, reference, tags) => manifest(name, reference, tags),
        Route::PullBlob(name) | Route::DeleteBlob(name) => format!("/v2/{name}/blobs/{DIGEST}"),
        Route::StartUpload(name, mount) => format!("/v2/{name}/blobs/uploads/{}", ask(mount)),
        Route::UploadStatus(name) | Route::ContinueUpload(name) | Route::CancelUpload(name) => {
            format!("/v2/{name}/blobs/uploads/session")
        }
        Route::Referrers(name) => format!("/v2/{name}/referrers/{DIGEST}"),
        Route::Extension | Route::Token | Route::Public | Route::Login(_) => {
            panic!("{route:?} is not open here")
        }
    }
}

fn ask(mount: &Mount) -> String {
    match mount {
        Mount::No => String::new(),
        Mount::FromAnywhere => format!("?mount={DIGEST}"),
        Mount::From(sources) => {
            let sources: Vec<_> = sources
                .iter()
                .map(|source| format!("&from={source}"))
                .collect();
            format!("?mount={DIGEST}{}", sources.concat())
        }
    }
}
