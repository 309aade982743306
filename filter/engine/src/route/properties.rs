//! Properties of the path parser, over generated routes and over hostile targets.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

const READ: &[&str] = &["GET", "HEAD"];
const LOGIN: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const METHODS: &[&str] = &[
    "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "get", "",
];
/// Components that look like the endpoints themselves.
const WORDS: &[&str] = &[
    "blobs",
    "manifests",
    "tags",
    "list",
    "uploads",
    "referrers",
    "v2",
    "sha256",
];
/// What has a second reading for some proxy, registry or file system, or moves the parser's cuts.
const HOSTILE: &[&[u8]] = &[
    b"..",
    b".",
    b"/",
    b"//",
    b"/../",
    b"/./",
    b"%2e%2e",
    b"%2E",
    b"%2f",
    b"%5c",
    b"%",
    b"%00",
    b"%3A",
    b"%61",
    b"\\",
    b";",
    b"#",
    b"?",
    b"&",
    b":",
    b" ",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xc3\xa9",
    b"A",
    b"_",
    b"-",
    b"/v2/",
    b"/blobs/uploads/",
    b"/manifests/",
    b"/tags/list",
    b"?from=..",
    b"&tag=../x",
    b"&from=A",
];

/// What routes are made of.
#[derive(Clone, Debug)]
struct Parts {
    name: String,
    tag: String,
    digest: String,
    session: String,
    tags: Vec<String>,
    sources: Vec<String>,
}

impl Parts {
    fn mount(&self) -> Mount {
        match self.sources.as_slice() {
            [] if self.tags.is_empty() => Mount::No,
            [] => Mount::FromAnywhere,
            sources => Mount::From(sources.to_vec()),
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    let component = prop_oneof![
        3 => "[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}",
        1 => select(WORDS).prop_map(str::to_owned),
    ];
    vec(component, 1..5).prop_map(|components| components.join("/"))
}

/// What is a repository name, or nearly one.
fn near_name() -> impl Strategy<Value = String> {
    "[a-zA-C0-9._-]{1,4}(/[a-z0-9A._%-]{0,4}){0,2}"
}

fn tag() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}|[a-zA-Z0-9_][a-zA-Z0-9._-]{127}"
}

fn parts() -> impl Strategy<Value = Parts> {
    let digest = "sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|x[a-z0-9]{0,3}([+._-][a-z0-9]{1,4}){0,2}:[a-zA-Z0-9=_-]{1,40}";
    let session = "[a-zA-Z0-9_=~-][a-zA-Z0-9._=~-]{0,20}";
    (
        name(),
        tag(),
        digest,
        session,
        vec(tag(), 0..4),
        vec(name(), 0..3),
    )
        .prop_map(|(name, tag, digest, session, mut tags, sources)| {
            tags.sort();
            tags.dedup();
            Parts {
                name,
                tag,
                digest,
                session,
                tags,
                sources,
            }
        })
}

/// Every kind of route that the parts make.
fn routes(parts: &Parts) -> Vec<Route<'_>> {
    let name = Repository::parse_name(&parts.name).unwrap();
    let tag = || Reference::Tag(&parts.tag);
    let digest = || Reference::Digest(Digest::parse(&parts.digest).unwrap());
    vec![
        Route::Base,
        Route::Catalog(Query::new("")),
        Route::Tags(name),
        Route::PullManifest(name, tag()),
        Route::PullManifest(name, digest()),
        Route::PushManifest(name, tag(), Vec::new()),
        Route::PushManifest(name, digest(), parts.tags.clone()),
        Route::DeleteManifest(name, tag()),
        Route::DeleteManifest(name, digest()),
        Route::PullBlob(name),
        Route::DeleteBlob(name),
        Route::StartUpload(name, parts.mount()),
        Route::UploadStatus(name),
        Route::ContinueUpload(name),
        Route::CancelUpload(name),
        Route::Referrers(name),
        Route::Extension,
        Route::Token,
        Route::Public,
        Route::Login(LoginRoute::Page),
        Route::Login(LoginRoute::ApiKeys),
    ]
}

/// The methods and the target of a route; session and digest, which a route does not keep, are
/// those of `parts`.
fn render(route: &Route<'_>, parts: &Parts) -> (&'static [&'static str], String) {
    let manifest = |name: &Repository<'_>, reference: &Reference<'_>| {
        format!("/v2/{name}/manifests/{}", reference.as_str())
    };
    let blob = |name: &Repository<'_>| format!("/v2/{name}/blobs/{}", parts.digest);
    let session = |name: &Repository<'_>| format!("/v2/{name}/blobs/uploads/{}", parts.session);
    match route {
        Route::Base => (READ, "/v2/".to_owned()),
        Route::Catalog(_) => (&["GET"], "/v2/_catalog".to_owned()),
        Route::Tags(name) => (READ, format!("/v2/{name}/tags/list")),
        Route::PullManifest(name, reference) => (READ, manifest(name, reference)),
        Route::PushManifest(name, reference, tags) => {
            (&["PUT"], manifest(name, reference) + &query("tag", tags))
        }
        Route::DeleteManifest(name, reference) => (&["DELETE"], manifest(name, reference)),
        Route::PullBlob(name) => (READ, blob(name)),
        Route::DeleteBlob(name) => (&["DELETE"], blob(name)),
        Route::StartUpload(name, mount) => (
            &["POST"],
            format!("/v2/{name}/blobs/uploads/") + &ask(mount, &parts.digest),
        ),
        Route::UploadStatus(name) => (READ, session(name)),
        Route::ContinueUpload(name) => (&["PATCH", "PUT"], session(name)),
        Route::CancelUpload(name) => (&["DELETE"], session(name)),
        Route::Referrers(name) => (READ, format!("/v2/{name}/referrers/{}", parts.digest)),
        Route::Extension => (READ, "/v2/_zot/ext/search".to_owned()),
        Route::Token => (&["GET", "POST"], "/auth/token".to_owned()),
        Route::Login(LoginRoute::Page) => (LOGIN, "/login/x".to_owned()),
        Route::Login(LoginRoute::ApiKeys) => (LOGIN, "/zot/auth/apikey".to_owned()),
        Route::Public => (READ, "/healthz".to_owned()),
    }
}

fn ask(mount: &Mount, digest: &str) -> String {
    match mount {
        Mount::No => String::new(),
        Mount::FromAnywhere => format!("?mount={digest}"),
        Mount::From(sources) => format!("{}&mount={digest}", query("from", sources)),
    }
}

fn query(name: &str, values: &[String]) -> String {
    values
        .iter()
        .fold("?ns=docker.io".to_owned(), |query, value| {
            format!("{query}&{name}={value}")
        })
}

/// The target as clients write it: with as few escapes as can be, and with as many.
fn spellings(target: &str) -> [String; 2] {
    let everything = |value: &str| {
        value
            .bytes()
            .fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
    };
    [
        respelled(target, ":", |value| value.replace('+', "%2B")),
        respelled(target, "%3a", everything),
    ]
}

fn respelled(target: &str, colon: &str, respell: impl Fn(&str) -> String) -> String {
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| (path, Some(query)));
    let pairs = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            format!("{name}={}", respell(value))
        });
    let pairs: Vec<_> = pairs.collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    path.replace(':', colon) + mark + &pairs.join("&")
}

fn route_config() -> RouteConfig {
    let glob = globset::GlobBuilder::new("/health*")
        .literal_separator(true)
        .build()
        .unwrap();
    let public = registry_auth_cel::pattern_set::PatternSet::build(&[glob.regex()], 1 << 20);
    RouteConfig {
        public,
        extensions: true,
        token_endpoint: Some("/auth/token".to_owned()),
        login: true,
    }
}

/// A change of some bytes of a target.
#[derive(Clone, Debug)]
enum Edit {
    Insert(Index, &'static [u8]),
    Replace(Index, u8),
    Remove(Index),
}

impl Edit {
    fn apply(&self, target: &mut Vec<u8>) {
        match self {
            Self::Insert(place, bytes) => {
                let place = place.index(target.len() + 1);
                target.splice(place..place, bytes.iter().copied());
            }
            Self::Replace(place, byte) if !target.is_empty() => *place.get_mut(target) = *byte,
            Self::Remove(place) if !target.is_empty() => {
                target.remove(place.index(target.len()));
            }
            Self::Replace(..) | Self::Remove(_) => {}
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (any::<Index>(), select(HOSTILE)).prop_map(|(place, bytes)| Edit::Insert(place, bytes)),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Edit::Replace(place, byte)),
        1 => any::<Index>().prop_map(Edit::Remove),
    ]
}

/// By the letter of the OCI grammar, read another way than the parser does.
fn is_name(name: &str) -> bool {
    let inside =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let component = |text: &str| {
        let word = |end: Option<char>| end.is_some_and(char::is_alphanumeric);
        text.bytes().all(inside) && word(text.chars().next()) && word(text.chars().next_back())
    };
    name.len() <= 255
        && name.split('/').all(component)
        && !name.contains("..")
        && !name.contains("___")
}

/// A tag or a digest, as a registry would put it into a path of its own.
fn is_reference(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-:+=".contains(&byte))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_rendered_route_is_parsed_back(parts in parts()) {
        for route in routes(&parts) {
            let (methods, target) = render(&route, &parts);
            for (method, target) in methods.iter().flat_map(|method| spellings(&target).map(|target| (method, target))) {
                let parsed = Route::parse(method.as_bytes(), target.as_bytes(), &route_config());
                prop_assert_eq!(parsed.as_ref(), Ok(&route), "{} {}", method, target);
            }
        }
    }

    #[test]
    fn what_is_accepted_has_one_reading(
        parts in parts(),
        kind in any::<Index>(),
        method in select(METHODS),
        name in proptest::option::of(near_name()),
        edits in vec(edit(), 0..4),
    ) {
        let rendered = routes(&parts);
        let target = render(kind.get(&rendered), &parts).1;
        let mut target = name.map_or_else(|| target.clone(), |name| target.replacen(&parts.name, &name, 2)).into_bytes();
        for edit in &edits {
            edit.apply(&mut target);
        }
        let Ok(route) = Route::parse(method.as_bytes(), &target, &route_config()) else { return Ok(()) };
        let target = std::str::from_utf8(&target).unwrap();
        let path = target.split('?').next().unwrap();
        let plain = path.split('/').all(|segment| segment != "." && segment != "..") && !path.contains("//");
        let is_login = matches!(route, Route::Login(_)) && method == "OPTIONS";
        prop_assert!(plain && (METHODS[..6].contains(&method) || is_login), "{} {}", method, target);
        if let Some(name) = route.repository() {
            prop_assert!(is_name(name.as_str()), "{}", target);
            prop_assert!(path.starts_with(&format!("/v2/{name}/")), "{} is not what the registry sees: {}", name, target);
        }
        match &route {
            Route::StartUpload(name, mount) => {
                if let Mount::From(sources) = mount {
                    prop_assert!(sources.iter().all(|name| is_name(name)), "{}", target);
                }
                let plain = without_mount(target);
                let parsed = Route::parse(method.as_bytes(), plain.as_bytes(), &route_config());
                prop_assert_eq!(parsed, Ok(Route::StartUpload(*name, Mount::No)), "{}", target);
            }
            Route::PushManifest(_, reference, tags) => {
                prop_assert!(is_reference(reference.as_str()) && tags.iter().all(|tag| is_tag(tag)), "{}", target);
            }
            Route::PullManifest(_, reference) | Route::DeleteManifest(_, reference) => {
                prop_assert!(is_reference(reference.as_str()), "{}", target);
            }
            _ => {}
        }
    }
}
