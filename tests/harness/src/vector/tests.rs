use super::*;

fn file(vector: &Value) -> Result<Vectors> {
    let text = json!({
        "about": "", "configs": {}, "challenge": "Bearer realm=\"r\"", "tokens": {},
        "words": {"NAME": "a/b", "HEX": "00"}, "vectors": [vector],
    });
    Vectors::parse(text.to_string().as_bytes())
}

/// `REQUEST: TOKEN -> STATUS, CHALLENGE OR PATH` of each row.
fn rows(vector: &Value) -> Vec<String> {
    let expanded = file(vector).unwrap().expand().unwrap();
    let rows = expanded["rows"].as_array().unwrap().iter().map(|row| {
        let expect = &row["expect"];
        let more = expect
            .pointer("/upstream/path")
            .or_else(|| expect.get("challenge"))
            .or_else(|| expect.get("code"));
        let claims = row["token"]
            .as_str()
            .map(|name| expanded["tokens"][name]["claims"].to_string());
        let token = claims.unwrap_or_else(|| "nobody".to_owned());
        format!(
            "{}: {token} -> {} {}",
            row["request"].as_str().unwrap(),
            expect["status"],
            more.unwrap()
        )
    });
    rows.collect()
}

#[test]
fn a_vector_becomes_the_rows_that_only_exactly_its_needs_can_pass() {
    let mount = json!({
        "request": "POST /${NAME}?from=c", "needs": ["create ${NAME}", "read c d"], "scope": "s ${NAME}",
        "without": {"read c d": "/${NAME}"},
    });
    assert_eq!(
        rows(&mount),
        [
            r#"POST /a/b?from=c: nobody -> 401 "Bearer realm=\"r\",scope=\"s a/b\"""#,
            r#"POST /a/b?from=c: {"allow":["create a/b ","read c d"]} -> 200 "/a/b?from=c""#,
            r#"POST /a/b?from=c: {"deny":["create a/b "]} -> 403 "DENIED""#,
            r#"POST /a/b?from=c: {"deny":["read c d"]} -> 200 "/a/b""#,
        ]
    );
    let base = json!({"request": "GET /v2/", "needs": ["identity"], "status": 404});
    assert_eq!(
        rows(&base),
        [
            r#"GET /v2/: nobody -> 401 "Bearer realm=\"r\"""#,
            r#"GET /v2/: {"allow":[]} -> 404 "/v2/""#,
        ]
    );
    let answered = json!({"request": "GET /v2/", "needs": ["identity"], "answered": true});
    assert_eq!(
        rows(&answered),
        [r#"GET /v2/: nobody -> 401 "Bearer realm=\"r\"""#]
    );
    assert_eq!(
        rows(&json!({"request": "GET /x", "needs": ["nothing"]})),
        [r#"GET /x: nobody -> 200 "/x""#]
    );
    let refused = json!({"request": "GET /${ab*3}/${HEX}", "refusal": "400 NAME_INVALID"});
    assert_eq!(
        rows(&refused),
        [r#"GET /ababab/00: {"deny":[]} -> 400 "NAME_INVALID""#]
    );
}

#[test]
fn a_mistake_is_an_error() {
    let rows = [
        (json!({"request": "GET /"}), "neither `needs` nor `refusal`"),
        (
            json!({"request": "GET", "needs": ["nothing"]}),
            "METHOD TARGET",
        ),
        (json!({"request": "GET /", "needs": ["read"]}), "is no need"),
        (
            json!({"request": "GET /", "needs": ["pull a"]}),
            "is no need",
        ),
        (
            json!({"request": "GET /", "needs": ["read a"], "without": {"read b": "/"}}),
            "not among `needs`",
        ),
        (
            json!({"request": "GET /", "needs": ["read a"], "refusal": "404 X"}),
            "needs nothing",
        ),
        (json!({"request": "GET /", "refusal": "404"}), "STATUS CODE"),
        (
            json!({"request": "GET /${NAM}", "needs": ["nothing"]}),
            "no word `NAM`",
        ),
        (
            json!({"request": "GET /${NAME", "needs": ["nothing"]}),
            "without `}`",
        ),
    ];
    for (vector, message) in rows {
        let error = format!("{:#}", file(&vector).unwrap().expand().unwrap_err());
        assert!(error.contains(message), "{message} is not in {error}");
    }
    assert!(file(&json!({"request": "GET /", "need": []})).is_err());
}

#[test]
fn a_row_of_the_page_names_its_words() {
    let vector = json!({
        "request": "POST /${NAME}?from=c", "needs": ["create ${NAME}", "read c"], "scope": "s:${NAME}",
        "without": {"read c": "/${NAME}"}, "page": "why",
    });
    let row = "| `POST /NAME?from=c` | `create NAME`, `read c` (without it `/NAME` is forwarded); why | `s:NAME` |";
    assert_eq!(file(&vector).unwrap().needs_table(), [row]);
    let stripped =
        json!({"request": "GET /x", "needs": ["identity"], "forwarded": "/", "page": ""});
    assert_eq!(
        file(&stripped).unwrap().needs_table(),
        ["| `GET /x` | identity; `/` is forwarded | none |"]
    );
    assert_eq!(rows(&stripped)[1], r#"GET /x: {"allow":[]} -> 200 "/""#);
    assert!(
        file(&json!({"request": "GET /", "needs": ["nothing"]}))
            .unwrap()
            .needs_table()
            .is_empty()
    );
    let refused =
        file(&json!({"request": "GET /", "refusal": "404 NOT_FOUND", "page": "why"})).unwrap();
    assert_eq!(
        refused.refusals_table(),
        ["| `GET /` | 404 NOT_FOUND | why |"]
    );
}
