use super::*;

#[test]
fn the_service_listens_where_nobody_else_reads() {
    let rows = [
        ("127.0.0.1:9904", true),
        ("[::1]:9904", true),
        ("unix:/run/login.sock", true),
        ("unix:///run/login.sock", true),
        ("unix:login.sock", false),
        ("0.0.0.0:9904", false),
        ("10.0.0.1:9904", false),
        ("localhost:9904", false),
        ("127.0.0.1", false),
        ("", false),
    ];
    for (text, expected) in rows {
        assert_eq!(text.parse::<LoginAddress>().is_ok(), expected, "{text}");
    }
}

#[test]
fn only_what_matters_needs_another_service() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("users", "");
    write("keys", &format!(r#"{{"hashKey":"{}"}}"#, "k".repeat(32)));
    let read = |port: u16| {
        let document = json!({ "storage": { "x": port }, "http": { "auth": {
            "htpasswd": { "path": path("users") }, "apiKey": port > 1, "sessionKeysFile": path("keys"),
        } } });
        let mut files = BTreeSet::new();
        let people = People::read(&document, &mut files).unwrap().unwrap();
        assert_eq!(files.len(), 2);
        people
    };
    let before = read(2);
    write("users", "ann:x");
    assert!(!read(2).differs(&before));
    assert!(!read(3).differs(&before));
    assert!(read(1).differs(&before));
    write("keys", &format!(r#"{{"hashKey":"{}"}}"#, "l".repeat(32)));
    assert!(read(2).differs(&before));
}

#[test]
fn listed_origins_are_read_as_zot_writes_them() {
    let rows = [
        (json!(null), vec![]),
        (json!("https://a.example"), vec!["https://a.example"]),
        (
            json!("https://a.example, https://b.example"),
            vec!["https://a.example", "https://b.example"],
        ),
        (json!(["https://a.example"]), vec!["https://a.example"]),
        (json!("*"), vec![]),
    ];
    for (value, expected) in rows {
        assert_eq!(origins(Some(&value)), expected, "{value}");
    }
}

#[test]
fn lines_that_are_not_used_are_found_before_anybody_logs_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    let document = json!({ "http": { "auth": { "htpasswd": { "path": file } } } });
    let good = "ann:$2y$04$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK";
    let rows: [(String, &[&str]); 4] = [
        (good.to_owned(), &[]),
        (
            format!("# users\n{good}\nben:$apr1$salt$0123456789abcdefghijkl"),
            &["line 3, user `ben`: has a hash of Apache MD5"],
        ),
        (
            format!("cid\n{good}\n{good}"),
            &[
                "line 1: has no colon",
                "line 3, user `ann`: replaces line 2",
            ],
        ),
        (String::new(), &[]),
    ];
    for (text, expected) in rows {
        std::fs::write(&file, &text).unwrap();
        let people = People::read(&document, &mut BTreeSet::new()).unwrap();
        let people = people.unwrap();
        let found = people.findings();
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.path, "http.auth.htpasswd.path");
            assert!(found.message.starts_with(expected), "{text}: {found}");
        }
    }
}
