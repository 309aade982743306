//! Expressions in the built module: what hostile ones cost there, and that the deepest ones fit its
//! stack.

use registry_auth_harness::client::Request;
use registry_auth_harness::issuer::Issuer;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};
use serde_json::{Map, Value, json};

use crate::Outcome;

/// Instructions for a request that carries a large token and spends the whole budget; 200 million
/// are needed at most.
const MOST: u64 = 300_000_000;

#[test]
fn no_expression_stalls_a_worker() -> Outcome {
    let doubled = format!(
        "optional.of(claims.long){}.hasValue()",
        ".optMap(x, x + x)".repeat(28)
    );
    let rows = [
        ("claims.sub == 'ci'".to_owned(), true),
        ("claims.many.all(a, a != 'x')".to_owned(), true),
        (
            "claims.many.all(a, claims.many.all(b, true))".to_owned(),
            false,
        ),
        (
            "claims.many.all(a, claims.many.all(b, true)) || true".to_owned(),
            false,
        ),
        (
            "claims.many.map(a, claims.many.map(b, a + b)).size() > 0".to_owned(),
            false,
        ),
        (
            "claims.many.exists_one(a, claims.many.exists_one(b, a == b))".to_owned(),
            false,
        ),
        (
            format!("claims.many.all(a, {}true)", "true && ".repeat(400)),
            false,
        ),
        (
            "claims.many.all(a, claims.many[0.5] == 1 || claims.many[0.5] == 1 || true)".to_owned(),
            true,
        ),
        (
            "claims.many.all(a, a.matches(a + '(x|y){50}') || true)".to_owned(),
            false,
        ),
        (
            "claims.long.matches('(a|b)*a(a|b){900}c')".to_owned(),
            false,
        ),
        (
            "claims.long.replace('', claims.long) == ''".to_owned(),
            false,
        ),
        (
            "claims.many.all(a, claims.long.lastIndexOf('ab' + a) == -1)".to_owned(),
            false,
        ),
        (
            "claims.many.map(a, claims.long.split('')).size() > 0".to_owned(),
            false,
        ),
        (
            "claims.many.all(a, {a: timestamp(0)}.size() == 1 && '%s'.format([a]) == a)".to_owned(),
            true,
        ),
        (
            "sets.equivalent(claims.many, claims.many)".to_owned(),
            false,
        ),
        (doubled, false),
        // Deep, not costly.
        (format!("('a'{} == 'a')", ".trim()".repeat(30)), true),
        (format!("{}false{}", "!(".repeat(31), ")".repeat(31)), true),
        (
            format!("{}'1'{} == '1'", "string(".repeat(30), ")".repeat(30)),
            true,
        ),
        (
            format!("{}true{}", "[1].all(a, ".repeat(4), ")".repeat(4)),
            true,
        ),
        (
            format!("{}1{} != dyn(2)", "dyn([".repeat(15), "])".repeat(15)),
            true,
        ),
        (
            format!("optional.of(1){}.hasValue()", ".optMap(x, x)".repeat(12)),
            true,
        ),
        (
            format!(
                "{}1{}.hasValue()",
                "optional.of(1).optMap(x, ".repeat(12),
                ")".repeat(12)
            ),
            true,
        ),
    ];
    for (expression, allowed) in rows {
        let (passed, fuel) = judge(&expression)?;
        let shown: String = expression.chars().take(80).collect();
        assert_eq!(passed, allowed, "{shown}");
        assert!(fuel < MOST, "{shown}: {fuel}");
    }
    Ok(())
}

/// Returns true if a token with large claims passes the validation `expression`, and what that
/// took.
fn judge(expression: &str) -> anyhow::Result<(bool, u64)> {
    let issuer = Issuer::new("http://issuer.test", &["es256"])?;
    let validation = json!({"expression": expression, "message": "no"});
    let provider = json!({
        "issuer": "http://issuer.test",
        "audiences": ["registry.test"],
        "jwks": issuer.jwks(),
        "claimMapping": {"username": "claims.sub", "validations": [validation]},
    });
    let bearer = json!({"realm": "registry", "service": "registry.test", "oidc": [provider]});
    let configuration = json!({"http": {"auth": {"bearer": bearer}}}).to_string();
    let mut vm = Vm::start(
        Compiled::built()?,
        Setup::of_scenarios(configuration.as_bytes()),
    )?;
    let before = vm.fuel_used();
    let token = issuer.token("es256", claims(), vm.now())?;
    let request = Request::new("GET", "/v2/team/app/tags/list")
        .header("authorization", &format!("Bearer {token}"));
    let id = vm.open(&request)?;
    let passed = matches!(vm.progress(id)?, Progress::Forwarded(_));
    Ok((passed, vm.fuel_used() - before))
}

fn claims() -> Map<String, Value> {
    let many: Vec<String> = (0..1500).map(|n| n.to_string()).collect();
    let claims = json!({"sub": "ci", "aud": "registry.test", "exp": "+1h", "iat": "-1s", "long": "a".repeat(16 << 10), "many": many});
    claims.as_object().cloned().unwrap_or_default()
}
