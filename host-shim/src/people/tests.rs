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
