"""Writes first inputs for the fuzz targets, from what the tests have: scenarios, vectors, keys, certificates, the engine's tables.

    python3 tests/fuzz/seeds.py

The inputs go to tests/fuzz/target/corpus, where `cargo xtask fuzz --keep` takes them from.
"""

import base64
import hashlib
import json
import re
import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
ENGINE = TESTS.parent / "filter/engine/src"
CEL = TESTS.parent / "filter/cel/src"
NOW = 1_790_000_000
CANARY = "h1dd3n"


def put(target: str, data: bytes | str) -> None:
    data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    folder = HERE / "target/corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def encode(data: bytes | str) -> str:
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def scenarios() -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted((TESTS / "scenarios").glob("*.json"))]


def walk(value, wanted: str):
    """Every value of a member, at whatever depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == wanted:
                yield inner
            yield from walk(inner, wanted)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner, wanted)


def expand(text: str, words: dict) -> str:
    for _ in range(4):
        for name, word in words.items():
            text = text.replace("${" + name + "}", word)
        text = re.sub(r"\$\{([^}*]+)\*(\d+)\}", lambda found: found[1] * int(found[2]), text)
    return text


def requests() -> None:
    for file in scenarios():
        words = file.get("words", {})
        for row in file.get("rows", []) + file.get("vectors", []):
            request = expand(row["request"], words)
            if "${" in request:
                continue
            put("route", request.encode("latin-1", "replace"))
            headers = [": ".join(header) for header in row.get("headers", [])]
            put("request", "\n".join([request, *headers]).encode("latin-1", "replace"))
            if headers:
                put("fields", fields(request, headers))
            method, _, target = request.partition(" ")
            if "_catalog" in target:
                catalog(target.partition("?")[2])
            if "/token" in target:
                body = row.get("body", "")
                query = target.partition("?")[2]
                put("token_endpoint", query)
                if method == "POST" and isinstance(body, str):
                    put("token_endpoint", f"{query}\n\n{body}")
        for value in walk(file, "authorization"):
            values = value if isinstance(value, list) else [value]
            if all(isinstance(one, str) for one in values):
                put("authorization", "\n".join(values).encode("latin-1", "replace"))


def fields(request: str, headers: list[str]) -> bytes:
    """As a proxy hands them over."""
    method, _, path = request.partition(" ")
    pairs = [(":method", method), (":path", path)] + [tuple(header.split(": ", 1)) for header in headers]
    pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in pairs]
    sizes = [len(pairs)] + [len(text) for pair in pairs for text in pair]
    return struct.pack(f"<{len(sizes)}I", *sizes) + b"".join(text + b"\0" for pair in pairs for text in pair)


def catalog(query: str) -> None:
    for names in (["public/a", "secret/b"], [], ["public", "public/a/b", "publicity", "A", ""]):
        body = json.dumps({"repositories": names})
        put("catalog", f"{query}\n\n{body}")
        put("catalog", f'{query}\n</v2/_catalog?n=100&last=public%2Fa>; rel="next"\n{body}')
    put("catalog", f'{query}\n<https://x/?last=a>;rel=next, <b>; rel="prev"\n{{"repositories":null}}')


def claims_of(value: dict) -> str:
    shifted = dict(value)
    for name in ("exp", "nbf", "iat"):
        date = shifted.get(name)
        found = re.fullmatch(r"([+-]\d+)([smhd])", date) if isinstance(date, str) else None
        if found:
            shifted[name] = NOW + int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
    if shifted.get("iss") == "http://issuer.test":
        shifted["iss"] = "https://issuer.test"
    if "aud" in shifted:
        shifted["aud"] = ["registry.test", shifted["aud"]] if isinstance(shifted["aud"], str) else shifted["aud"]
    return json.dumps(shifted)


def tokens() -> None:
    good = {"iss": "https://issuer.test", "sub": "me", "aud": "registry.test", "exp": NOW + 600, "iat": NOW}
    put("claims", json.dumps(good))
    for access in ("pull", "*"):
        entry = {"type": "repository", "name": "team/app", "actions": [access], "exp": NOW + 60}
        put("claims", json.dumps(good | {"access": [entry], "nbf": NOW, "cnf": {"x5t#S256": "a"}}))
    payloads = [json.dumps(good), json.dumps({CANARY: [CANARY]}), "[]", '{"exp":1e400}', '{"exp":1,"exp":2}', "{"]
    for file in scenarios():
        for token in file.get("tokens", {}).values():
            payload = token.get("payload") or claims_of({k: v for k, v in token.get("claims", {}).items() if v is not None})
            if len(payload) < 4000:
                put("claims", payload)
                put("json", payload)
    algorithms = ["RS256", "PS512", "ES256", "EdDSA", "none", "HS256"]
    headers = [json.dumps({"alg": name, "kid": "k", "typ": "JWT"}) for name in algorithms]
    headers += ['{"alg":"ES256","crit":["exp"]}', '{"alg":"ES256","b64":false}', '{"alg":"ES256","b64":true,"kid":1}']
    headers += [f'{{"{CANARY}":"{CANARY}"}}', '{"alg":"RS256","jwk":{},"x5u":"https://x"}']
    for header in headers:
        for payload in payloads:
            token = f"{encode(header)}.{encode(payload)}.{encode(bytes(64))}"
            put("token", token)
    for change in (token + "=", token + ".", "." + token, token[:-1], token.replace(".", ".."), "a.b.c", "..", ""):
        put("token", change)
    basic = base64.b64encode(f"user:{token}".encode()).decode()
    for value in (f"Bearer {token}", f"Basic {basic}", f"bearer  {token} ", "Basic Og==", "Bearer anonymous", f"Bearer {token}\nBearer {token}"):
        put("authorization", value)
        put("token_endpoint", f"scope=repository:public/a:pull&service=x\n{value}")
        put("request", f"GET /v2/public/a/tags/list\nauthorization: {value.splitlines()[0]}")
    for body in ("token=a.b.c", "grant_type=password&username=u&password=a.b.c", f"grant_type=refresh_token&refresh_token={token}&scope=repository%3Apublic%2Fa%3Apull%2Cpush",
                 "id_token=a.b.c&access_token=a.b.c", "access_token=anonymous", "a=%zz", "grant_type=x"):
        put("token_endpoint", f"\n\n{body}")
    for scope in ("repository:public/a:pull,push registry:catalog:*", "repository(plugin):host:5000/a:*", "repository:a:", "x:y:z"):
        put("token_endpoint", "scope=" + scope.replace(" ", "+"))
    for line in ("peer: 10.0.0.1:5\ntls: TLSv1.3\nmtls: 1\nuser-agent: x", "body: access_token=anonymous\ncontent-type: application/x-www-form-urlencoded"):
        for request in ("DELETE /v2/inbox/a/manifests/v1", "POST /token?scope=repository:public/a:pull", "PUT /v2/inbox/a/manifests/v1", "GET /metrics/x"):
            put("request", f"{request}\n{line}")


def keys() -> None:
    pems = [path.read_text() for path in sorted((TESTS / "fixtures/public").iterdir()) if path.suffix != ".md"]
    pems += [path.read_text() for path in sorted((TESTS / "fixtures/keys").glob("*.crt"))]
    pems += [(TESTS / "fixtures/keys" / name).read_text() for name in ("es256.pem", "eddsa.pem", "next-es256.pem")]
    for pem in pems:
        put("pem", pem)
        put("pem", pem.replace("\n", "\\n"))
        put("secret", json.dumps({"k1": pem, "k2": CANARY, "k3": ["x"]}))
        for block in re.findall(r"-----BEGIN [^-]+-----\n(.*?)-----END", pem, re.S):
            put("der", base64.b64decode(block))
    put("pem", pems[0] + pems[1])
    put("pem", f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(CANARY.encode()).decode()}\n-----END PRIVATE KEY-----\n")
    put("pem", f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{CANARY}\n-----END RSA PRIVATE KEY-----\n")
    n = encode(b"\xc1" + bytes(range(255)))
    points = {
        "P-256": ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
        "P-521": ("AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
                  "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"),
    }
    ed = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    rsa = {"kty": "RSA", "n": n, "e": "AQAB"}
    sets = [[ed], [rsa], [ed, rsa, {"kty": "oct", "k": CANARY}, CANARY, 1]]
    sets += [[{"kty": "EC", "crv": curve, "x": x, "y": y, "kid": "k", "use": "sig"}] for curve, (x, y) in points.items()]
    sets += [[ed | {"d": CANARY, "alg": "EdDSA", "kid": CANARY[:4], "key_ops": ["verify", "sign"]}]]
    sets += [[rsa | {name: CANARY} for name in ("d", "p", "q", "dp", "dq", "qi", "oth")], [ed | {"use": "enc"}, ed | {"key_ops": []}]]
    sets += [[ed | {"kid": "same"}] * 10, [rsa | {"alg": "ES256"}, rsa | {"alg": "HS256"}, rsa | {"e": "Ag"}, rsa | {"n": "AQAB"}]]
    # 32 times the byte 7, the key of the targets.
    own = {"kty": "OKP", "crv": "Ed25519", "x": "6kpsY-Kcuger8vMYyG7EJHLe_oQ-nEdTwFT9VM5MK5o", "d": encode(bytes([7] * 32)), "kid": "own"}
    sets += [[own], [own, ed | {"kid": "old"}]]
    for keys in sets:
        text = json.dumps({"keys": keys})
        put("jwks", text)
        put("json", text)
        put("pem", text)
        put("secret", json.dumps({"a": text, "b": json.dumps({"keys": keys[:1]})}))
        payload = json.dumps({"v": 2, "set": "secret:us-east-1/keys", "gen": 7, "exp": NOW + 60, "keys": {"keys": keys}})
        put("envelope", '{"alg":"HS256","typ":"registry-auth-keys+jws"}\n' + payload)
        mint = payload.replace('secret:', 'mint:')
        put("envelope", '{"alg":"HS256","typ":"registry-auth-signing-keys+jws"}\n' + mint)
    for header, payload in (("[]", "{}"), ('{"alg":"none"}', payload), ('{"alg":"HS256","typ":"JWT"}', payload), ("{}", "")):
        put("envelope", f"{header}\n{payload}")
        put("envelope", f"{encode(header)}.{encode(payload)}.{encode(bytes(32))}")
    put("envelope", '{"alg":"HS256","typ":"registry-auth-keys+jws"}\n' + json.dumps({"v": 2, "set": CANARY, "gen": -1, "exp": "x", "keys": []}))


def certificates() -> None:
    for path in sorted((TESTS / "fixtures/certificates").glob("*.pem")):
        for block in re.findall(r"-----BEGIN CERTIFICATE-----\n(.*?)-----END", path.read_text(), re.S):
            put("certificate", base64.b64decode(block))


def documents() -> None:
    base = {"issuer": "https://issuer.test", "jwks_uri": "https://issuer.test/keys"}
    for change in ({}, {"id_token_signing_alg_values_supported": ["RS256", "none", "ES256"]}, {"jwks_uri": "http://issuer.test/k"},
                   {"issuer": "http://issuer.test", "jwks_uri": "http://10.0.0.1:6443/openid/v1/jwks"}, {"issuer": CANARY},
                   {"jwks_uri": CANARY}, {"id_token_signing_alg_values_supported": ["HS256"]}, {"id_token_signing_alg_values_supported": []}):
        put("discovery", json.dumps(base | change))
    for url in ("https://a", "http://[::1]:80/x/", "HTTPS://A.B/c", "https://u@h/", "https://h?q", "https://h#f", "//h", "https://h/%00"):
        put("discovery", url)


def shared() -> None:
    ed = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    times = {"owner": None, "until": None, "attempt": NOW * 1000, "success": None, "retry": None}
    for life in ({"fetched": NOW * 1000, "refresh": NOW * 1000 + 60_000}, {"fetched": -(1 << 63), "refresh": (1 << 63) - 1}):
        for algorithms in (None, ["RS256", "EdDSA"], ["none"]):
            put("share", json.dumps({"life": life, "algorithms": algorithms, "jwks": {"keys": [ed, {"kty": "oct", "k": CANARY}]}}))
    for step in (0, 7, (1 << 64) - 1):
        for change in ({}, {"owner": 7, "until": NOW * 1000 + 5000}, {"retry": NOW * 1000 + 1, "success": 5}):
            put("share", json.dumps({"step": step, **times, "failures": 3, **change}))
    for text in ("max-age=90, public", 'MAX-AGE="5"', "no-store", "max-age=99999999999999999999", f"{{{CANARY}}}"):
        put("share", text)


def configurations() -> None:
    for file in scenarios():
        for config in file.get("configs", {}).values():
            plugin = config.get("plugin")
            if plugin:
                put("configuration", json.dumps(plugin, separators=(",", ":")).replace("${", "$("))
    put("configuration", (TESTS.parent / "envoy/filter.json").read_text())
    put("configuration", '{"intake": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}}}')
    good = {"http": {"auth": {"bearer": {"realm": "registry", "cert": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"}}}}
    put("configuration", json.dumps(good))
    for mtls in ({"identityAttributes": ["URI", "x"], "uriSanPattern": "spiffe://(.*)", "bindTokens": True}, {"uriSanPattern": "("}):
        put("configuration", json.dumps({"http": {"auth": {"mtls": mtls, "failDelay": 1}, "accessControl": {}}}))
    proxy = {"publicPaths": ["/healthz", "/v2/**", "["], "identityHeader": "X-User", "extensions": True}
    policy = {"repositories": {"**": {"anonymousPolicy": "read"}, "a/{b,c}*": {"defaultPolicy": ["x"]}}, "groups": {"g": {"users": "u"}}}
    put("configuration", json.dumps({"http": {"accessControl": policy}, "proxy": proxy, "log": {"level": "debug"}, "x": 1}))


def expressions() -> None:
    found = set()
    for file in scenarios():
        for name in ("expression", "username", "groups"):
            found.update(text for text in walk(file, name) if isinstance(text, str))
    for path in sorted((CEL / "testdata").rglob("*.json")):
        for name in ("expr", "expression", "e"):
            found.update(text for text in walk(json.loads(path.read_text()), name) if isinstance(text, str))
        rows = json.loads(path.read_text())
        found.update(text for text in flat(rows) if any(sign in text for sign in "()[]=+") and len(text) < 300)
    found.update(f"claims.groups.{macro}" for macro in ("map(g, 'a' + g)", "filter(g, g.matches('^group-[0-9]$'))", "exists(g, g in claims.groups)",
                                                        "all(g, claims.groups.exists(h, h == g))", "map(g, claims.groups.map(h, g + h))"))
    found.update(("claims.long.matches(claims.pattern)", "claims.long.split('/').join(',')", "'%s %d'.format([claims.sub, 3])", "req.tag != 'latest'",
                  "req.user.groups.exists(g, g == 'x') && req.time > timestamp('2024-01-01T00:00:00Z')", "claims.?a.?b.orValue('x')", "has(claims.n) ? [claims.sub] : []"))
    for text in found:
        if len(text) < 1500:
            put("expression", text)


def flat(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from flat(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from flat(inner)


def patterns() -> None:
    texts = set(flat(json.loads((ENGINE / "authz/testdata/globs.json").read_text())))
    texts.update(("team/**", "{a,b/**}/c", "[!a-c]x", "a?c*", "**/x/**", "x{**}y", "\\*", "${username}/**", "{a,{b,c}}", "[a", "a}"))
    for pattern in texts:
        for name in ("a", "team/app", "a/b/c", "bx", "x/y/z"):
            if len(pattern) < 60:
                put("pattern", f"{pattern}\n{name}")
    for text in ("30s", "1m", "1h30m", "1.5h", "250ms", "0", "5", "1d", "-1s", ".5s", "1.s", "1µs2ns", "1..s", "99999999999999999999h", "1h\n"):
        put("duration", text)
    for text in ("{}", "[1,2.5,-3e2]", '"\\u00e9\\ud83d\\ude00"', '{"a":{"b":[null,true,false]}}', "[" * 70, '{"a":1,"a":2}', "1 2", f'{{"{CANARY}" 1}}'):
        put("json", text)


if __name__ == "__main__":
    for make in (requests, tokens, keys, certificates, documents, shared, configurations, expressions, patterns):
        make()
