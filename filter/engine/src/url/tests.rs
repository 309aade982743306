use super::*;

#[test]
fn a_url_is_read_as_it_is_written_or_says_which_rule_it_breaks() {
    use UrlError::{Character, Fragment, Host, NotHttp, Port, UserInfo};
    let rows = [
        (
            "https://Issuer.Example.com",
            Ok("https://issuer.example.com/"),
        ),
        ("HTTP://a:8080/x/y", Ok("http://a:8080/x/y")),
        (
            "https://[::1]:6443/openid/v1/jwks",
            Ok("https://[::1]:6443/openid/v1/jwks"),
        ),
        ("https://a:/x", Ok("https://a:/x")),
        ("https://a/X%20y/%40", Ok("https://a/X%20y/%40")),
        // Entra, Azure AD B2C, and service accounts of Google.
        (
            "https://login.microsoftonline.com/t/discovery/v2.0/keys?appid=6731de76",
            Ok("https://login.microsoftonline.com/t/discovery/v2.0/keys?appid=6731de76"),
        ),
        (
            "https://t.b2clogin.com/keys?p=B2C_1_Sign",
            Ok("https://t.b2clogin.com/keys?p=B2C_1_Sign"),
        ),
        (
            "https://www.googleapis.com/service_accounts/v1/jwk/builder@project.iam.gserviceaccount.com",
            Ok(
                "https://www.googleapis.com/service_accounts/v1/jwk/builder@project.iam.gserviceaccount.com",
            ),
        ),
        ("https://a?x=y", Ok("https://a/?x=y")),
        ("https://a/?", Ok("https://a/?")),
        (
            "https://a/x?y=/z?@:&u=https://b/c",
            Ok("https://a/x?y=/z?@:&u=https://b/c"),
        ),
        ("https://a?@b/x", Ok("https://a/?@b/x")),
        ("https://a/@b", Ok("https://a/@b")),
        ("ftp://a", Err(NotHttp)),
        ("//a/b", Err(NotHttp)),
        ("a", Err(NotHttp)),
        ("registry", Err(NotHttp)),
        ("", Err(NotHttp)),
        ("https:/a", Err(NotHttp)),
        (" https://a", Err(NotHttp)),
        ("builder@project.iam.gserviceaccount.com", Err(NotHttp)),
        ("https://", Err(Host)),
        ("https:///x", Err(Host)),
        ("https://?x", Err(Host)),
        ("https://:80/x", Err(Host)),
        ("https://::1/x", Err(Host)),
        ("https://[::1/x", Err(Host)),
        ("https://[a]/x", Err(Host)),
        ("https://[::1]x/y", Err(Host)),
        ("https://x[::1]/y", Err(Host)),
        ("https://a:b/x", Err(Port)),
        ("https://a:+1/x", Err(Port)),
        ("https://a:65536/x", Err(Port)),
        ("https://a:1:2/x", Err(Port)),
        ("https://user:pw@a/x", Err(UserInfo)),
        ("https://user@a/x", Err(UserInfo)),
        ("https://@a/x", Err(UserInfo)),
        ("https://good.example@evil.example?x=y", Err(UserInfo)),
        ("https://a/x#y", Err(Fragment)),
        ("https://a#", Err(Fragment)),
        ("https://a/x?y#z", Err(Fragment)),
        ("https://a/x y", Err(Character)),
        ("https://a/x?y z", Err(Character)),
        ("https://a/\r\nx", Err(Character)),
        ("https://a/\tx", Err(Character)),
        ("https://a/\0x", Err(Character)),
        ("https://a/x\u{7f}", Err(Character)),
        ("https://a/é", Err(Character)),
        ("https://ä/x", Err(Character)),
        ("https://a\\@b/x", Err(Character)),
        ("https://a/\"x", Err(Character)),
        ("https://a/<x>", Err(Character)),
    ];
    for (text, wanted) in rows {
        let found = HttpUrl::parse(text);
        assert_eq!(
            found.clone().map(|url| url.to_string()),
            wanted.map(str::to_owned),
            "{text}"
        );
        if let Ok(url) = found {
            assert_eq!(HttpUrl::parse(&url.to_string()), Ok(url), "{text}");
        }
    }
}

#[test]
fn what_is_extended_has_no_query() {
    let rows = [
        ("https://a", Ok("https://a/.well-known/x")),
        ("https://a/b/", Ok("https://a/b/.well-known/x")),
        ("https://a/b@c", Ok("https://a/b@c/.well-known/x")),
        ("https://a/?", Err(UrlError::Query)),
        ("https://a?x=y", Err(UrlError::Query)),
        ("https://a/b?x=y", Err(UrlError::Query)),
        ("https://a/b?x#y", Err(UrlError::Fragment)),
        ("https://u@a/b?x", Err(UrlError::UserInfo)),
        ("a", Err(UrlError::NotHttp)),
    ];
    for (text, wanted) in rows {
        let joined = BaseUrl::parse(text).map(|url| url.join("/.well-known/x").to_string());
        assert_eq!(joined, wanted.map(str::to_owned), "{text}");
    }
}

#[test]
fn a_query_is_sent_and_is_no_part_of_the_path() {
    let rows = [
        ("https://a", "/", "/"),
        ("https://a?x=y", "/", "/?x=y"),
        ("https://a/b/c?x=/y?z", "/b/c", "/b/c?x=/y?z"),
        ("https://a/b@c", "/b@c", "/b@c"),
    ];
    for (text, path, target) in rows {
        let url = HttpUrl::parse(text).unwrap();
        assert_eq!((url.path(), url.target()), (path, target), "{text}");
    }
}

#[test]
fn a_url_is_told_apart_from_another_by_scheme_host_and_port() {
    let url = |text| HttpUrl::parse(text).unwrap();
    let rows = [
        ("https://a/x", "a", 443),
        ("http://a/x", "a", 80),
        ("https://A.b:8443", "a.b", 8443),
        ("https://a:/x", "a", 443),
        ("https://[::1]:6443/x", "::1", 6443),
        ("https://[::1]", "::1", 443),
        ("http://10.0.0.1:1/", "10.0.0.1", 1),
        ("https://a:1?b:2", "a", 1),
    ];
    for (text, host, port) in rows {
        assert_eq!((url(text).host(), url(text).port()), (host, port), "{text}");
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        assert_eq!(url(text).address(), format!("{host}:{port}"), "{text}");
    }
    let rows = [
        ("https://a/x", "https://a:443/y?z", true),
        ("https://a/x", "https://A/x", true),
        ("https://a/x", "http://a/x", false),
        ("https://a/x", "https://a:444/x", false),
        ("https://a/x", "https://b.a/x", false),
        ("https://a:443", "http://a:443", false),
    ];
    for (one, other, same) in rows {
        assert_eq!(url(one).is_same_origin(&url(other)), same, "{one} {other}");
    }
}
