use super::*;

fn read(list: &str) -> Result<String, Reason> {
    let mut scopes = Vec::new();
    Scope::parse_list(list, &mut scopes)?;
    Ok(Scope::list(&scopes))
}

#[test]
fn a_scope_follows_the_grammar_of_distribution() {
    let longest = "a".repeat(255);
    let long = format!("repository:{longest}:pull");
    let rows = [
        ("", ""),
        ("  ", ""),
        ("repository:a:pull", "repository:a:pull"),
        (
            "repository:team/app:pull,push",
            "repository:team/app:pull,push",
        ),
        ("repository:a:push,pull", "repository:a:pull,push"),
        ("repository:a:pull,pull", "repository:a:pull"),
        ("repository:a:*", "repository:a:pull,push,delete"),
        ("repository:a:delete", "repository:a:delete"),
        ("repository:a:", "repository:a"),
        ("repository:a:metadata", "repository:a"),
        ("repository(plugin):a:pull", "repository:a:pull"),
        ("registry:catalog:*", "registry:catalog:*"),
        ("registry:catalog:pull", ""),
        ("registry:other:*", ""),
        ("artifact:a:pull", ""),
        ("repository:host.example:5000/a:pull", ""),
        ("repository:Host/a:pull", ""),
        (
            "repository:a:pull repository:b:push",
            "repository:a:pull repository:b:push",
        ),
        (
            "repository:a:pull  registry:catalog:*",
            "repository:a:pull registry:catalog:*",
        ),
        (
            "repository:b:pull repository:a:pull repository:b:pull",
            "repository:b:pull repository:a:pull",
        ),
        (
            "repository:b:push repository:a:pull repository:b:pull",
            "repository:b:push,pull repository:a:pull",
        ),
        (
            "repository:b: repository(plugin):b:pull",
            "repository:b:pull",
        ),
        (
            "registry:catalog:* registry:catalog:*",
            "registry:catalog:*",
        ),
        (&long, &long),
    ];
    for (list, wanted) in rows {
        assert_eq!(read(list).as_deref(), Ok(wanted), "{list}");
    }
}

#[test]
fn what_breaks_the_grammar_is_refused() {
    let long = format!("repository:{}:pull", "a".repeat(256));
    let actions = format!("repository:a:pull{}", ",pull".repeat(MAX_ACTIONS));
    let rows = [
        "repository",
        "repository:a",
        "repository::pull",
        ":a:pull",
        "Repository:a:pull",
        "repository():a:pull",
        "repository(x:a:pull",
        "repository(x)y:a:pull",
        "repository:A:pull",
        "repository:a/:pull",
        "repository:/a:pull",
        "repository:a//b:pull",
        "repository:../a:pull",
        "repository:a%2fb:pull",
        "repository:a:PULL",
        "repository:a:pull;push",
        "repository:a\n:pull",
        "repository:a:pull\trepository:b:pull",
        "repository:h:5:6/a:pull",
        "repository:h:/a:pull",
        "repository:h:x/a:pull",
        "repository:-h/A:pull",
        "repository:a:pull x",
        &long,
        &actions,
    ];
    for list in rows {
        assert_eq!(read(list), Err(Reason::MalformedRequest), "{list}");
    }
}

#[test]
fn the_number_of_different_scopes_is_bounded() {
    let different = |count: usize| {
        let each = (0..count).map(|number| format!("repository:a{number}:pull"));
        each.collect::<Vec<_>>().join(" ")
    };
    let most = different(MAX_SCOPES);
    assert_eq!(read(&most).as_deref(), Ok(&*most));
    assert_eq!(
        read(&different(MAX_SCOPES + 1)),
        Err(Reason::MalformedRequest)
    );
    assert_eq!(
        read(&format!("{most} registry:catalog:*")),
        Err(Reason::MalformedRequest)
    );
    // A repeated scope is one scope, wherever it is.
    assert_eq!(read(&format!("{most} {most}")).as_deref(), Ok(&*most));
    let mut scopes = Vec::new();
    for _ in 0..100 {
        Scope::parse_list(
            "repository:b:push registry:catalog:* repository:a:pull,push",
            &mut scopes,
        )
        .unwrap();
    }
    assert_eq!(
        Scope::list(&scopes),
        "repository:b:push registry:catalog:* repository:a:pull,push"
    );
}

#[test]
fn what_is_granted_is_what_policy_and_question_share() {
    let asked = "repository:read:pull,push repository:create:pull,push repository:update:push repository:none:* \
                 repository:read:delete registry:catalog:* repository:all:pull repository:all:* registry:catalog:*";
    let mut scopes = Vec::new();
    Scope::parse_list(asked, &mut scopes).unwrap();
    let may = |action: Action, name: &str| action.name() == name || name == "all";
    for (open, wanted) in [
        (
            false,
            "repository:read:pull repository:create:push repository:update:push repository:all:pull,push,delete",
        ),
        (
            true,
            "repository:read:pull repository:create:push repository:update:push registry:catalog:* repository:all:pull,push,delete",
        ),
    ] {
        assert_eq!(Scope::list(&Scope::granted(&scopes, &may, open)), wanted);
    }
}

#[test]
fn an_entry_of_the_claim_says_the_same_as_the_scope() {
    let mut scopes = Vec::new();
    Scope::parse_list("repository:a/b:pull,push registry:catalog:*", &mut scopes).unwrap();
    let entries: Vec<_> = scopes.iter().map(Scope::entry).collect();
    let wanted = json!([
        { "type": "repository", "name": "a/b", "actions": ["pull", "push"] },
        { "type": "registry", "name": "catalog", "actions": ["*"] },
    ]);
    assert_eq!(Value::from(entries), wanted);
}
