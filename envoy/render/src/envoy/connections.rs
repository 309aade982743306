//! The HTTP connection managers: what Envoy does with a request before and after the filter.

use registry_auth_engine::route::{LOGIN_PATHS, LOGIN_PREFIX};
use serde_json::{Value, json};

use crate::node::{Member, Node, list, map, member, typed};

const MANAGER: &str = "envoy.filters.network.http_connection_manager";
const TYPE: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// Without the query: upload sessions carry signed state there.
const LOG: &str = "%START_TIME% %REQ(:METHOD)% %PATH(NQ)% %RESPONSE_CODE% %RESPONSE_FLAGS% in=%BYTES_RECEIVED% out=%BYTES_SENT% ms=%DURATION% peer=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% id=%REQ(X-REQUEST-ID)% details=%RESPONSE_CODE_DETAILS%\n";

/// The same as members of a JSON object, with the record of the decision (`log.decisions`). Without
/// `PLAIN` Envoy would write the record in base64.
const JSON_LOG: [(&str, &str); 12] = [
    ("time", "%START_TIME%"),
    ("id", "%REQ(X-REQUEST-ID)%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%PATH(NQ)%"),
    ("status", "%RESPONSE_CODE%"),
    ("flags", "%RESPONSE_FLAGS%"),
    ("details", "%RESPONSE_CODE_DETAILS%"),
    ("in", "%BYTES_RECEIVED%"),
    ("out", "%BYTES_SENT%"),
    ("ms", "%DURATION%"),
    ("peer", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%"),
    (
        "registry_auth",
        "%FILTER_STATE(wasm.registry_auth.decision:PLAIN)%",
    ),
];

/// Shows clients the warning of the next policy. What is not set is left out.
const WARNING: &str = "%FILTER_STATE(wasm.registry_auth.warning:PLAIN)%";

/// What the access log of the clients shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AccessLog {
    /// Requests, each in a line of words.
    Requests,
    /// Requests with the records of their decisions, each in a line of JSON.
    Records,
}

/// The filter chain of registry clients, without its TLS.
pub(super) fn clients(
    filter: Node,
    cluster: &str,
    rewrite_host: Option<&str>,
    pages: Option<&str>,
    log: AccessLog,
) -> Node {
    let mut members = common("registry");
    members.extend([
        member("max_request_headers_kb", 96u32).why(
            "Tokens with hundreds of groups are long: 48 KiB are accepted, and the filter (not Envoy) refuses longer ones.",
        ),
        member(
            "common_http_protocol_options",
            map([
                member("idle_timeout", "3600s"),
                member("headers_with_underscores_action", "DROP_HEADER").why(
                    "`x_registry_user` and `x-registry-user` are one header to some upstreams.",
                ),
            ]),
        ),
        member("request_timeout", "0s").why(
            "Pushing a layer takes as long as it takes; what ends is a connection on which nothing moves. The registry may be silent for minutes after the last byte, while it hashes or moves a large layer.",
        ),
        member("stream_idle_timeout", "900s"),
        member("request_headers_timeout", "30s"),
        member("access_log", access_log(log)),
        member("http_filters", list([filter, router()])),
        member("route_config", routes(cluster, rewrite_host, pages)),
    ]);
    chain(members)
}

/// The filter chain of the intake.
pub(super) fn intake(filter: Node) -> Node {
    let mut members = common("intake");
    members.extend([
        member("request_timeout", "10s"),
        member("stream_idle_timeout", "10s"),
        member("request_headers_timeout", "5s"),
        member("http_filters", list([filter, router()])),
        member(
            "route_config",
            host(
                "intake",
                map([
                    member("match", json!({ "prefix": "/" })),
                    member("direct_response", json!({ "status": 404 })).why(
                        "The module answers everything itself; this is only reached if it does not.",
                    ),
                ]),
            ),
        ),
    ]);
    chain(members)
}

fn chain(members: Vec<Member>) -> Node {
    let manager = typed(TYPE, members);
    map([member(
        "filters",
        list([map([
            member("name", MANAGER),
            member("typed_config", manager),
        ])]),
    )])
}

/// What both have: a request is decided exactly as the client wrote it.
fn common(name: &str) -> Vec<Member> {
    let nobody =
        json!({ "cidr_ranges": [{ "address_prefix": "255.255.255.255", "prefix_len": 32 }] });
    vec![
        member("stat_prefix", name),
        member("normalize_path", false).why(
            "The filter reads the path exactly as the client wrote it and refuses every odd one (`//`, `..`, `%2F`). A path that Envoy has tidied up would be authorized although the client asked for something else.",
        ),
        member("merge_slashes", false),
        member("path_with_escaped_slashes_action", "KEEP_UNCHANGED"),
        member("use_remote_address", true).why(
            "Clients connect directly: their address is that of the connection, and no address makes a client trusted: without ranges Envoy lets clients of private networks steer retries, timeouts and names of counters by x-envoy- headers. Behind another proxy, set xff_num_trusted_hops to the number of proxies in front. This is what \"clientAddress\": \"proxy\" of the policy promises: with use_remote_address false, clients choose `req.client.ip` by x-forwarded-for.",
        ),
        member("xff_num_trusted_hops", 0u32),
        member("internal_address_config", nobody),
    ]
}

fn access_log(log: AccessLog) -> Node {
    const WHY: &str = "Without the query: upload sessions carry signed state there.";
    let format = match log {
        AccessLog::Records => {
            let members = JSON_LOG.map(|(name, value)| member(name, value));
            member("json_format", map(members)).why(WHY)
        }
        AccessLog::Requests => {
            let text = member("inline_string", Value::from(LOG)).why(WHY);
            member("text_format_source", map([text]))
        }
    };
    list([map([
        member("name", "envoy.access_loggers.stdout"),
        member(
            "typed_config",
            typed(
                "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
                [member("log_format", map([format]))],
            ),
        ),
    ])])
}

fn router() -> Node {
    map([
        member("name", "envoy.filters.http.router"),
        member(
            "typed_config",
            typed(
                "envoy.extensions.filters.http.router.v3.Router",
                [member("suppress_envoy_headers", true).why(
                    "No x-envoy- header of the client steers retries or timeouts, none is sent on.",
                )],
            ),
        ),
    ])
}

fn routes(cluster: &str, rewrite_host: Option<&str>, pages: Option<&str>) -> Node {
    let route = map([
        member("cluster", cluster),
        member("timeout", "0s").why("Envoy's default of 15 s would cut every large push and pull."),
    ]);
    let route = match rewrite_host {
        Some(host) => route.and(member("host_rewrite_literal", host)),
        None => route,
    };
    let registry = map([
        member("match", json!({ "prefix": "/" })),
        member("route", route),
        member(
            "response_headers_to_add",
            json!([{ "header": { "key": "warning", "value": WARNING } }]),
        )
        .why(
            "A client whose request the next policy would refuse learns of it (`shadow.warn`); others get no such field.",
        ),
    ]);
    let pages = pages.into_iter().flat_map(to_pages);
    hosts("registry", pages.chain([registry]).collect())
}

/// The routes to the login service: its pages and its API, never the place where it is asked.
fn to_pages(cluster: &str) -> Vec<Node> {
    let exact = LOGIN_PATHS.iter().map(|path| json!({ "path": path }));
    let below = json!({ "prefix": LOGIN_PREFIX });
    let page = |matched: Value| {
        map([
            member("match", matched),
            member("route", json!({ "cluster": cluster, "timeout": "60s" })),
        ])
    };
    exact.chain([below]).map(page).collect()
}

fn host(name: &str, route: Node) -> Node {
    hosts(name, vec![route])
}

fn hosts(name: &str, routes: Vec<Node>) -> Node {
    map([
        member("name", name),
        member(
            "virtual_hosts",
            list([map([
                member("name", name),
                member("domains", json!(["*"])),
                member("routes", list(routes)),
            ])]),
        ),
    ])
}
