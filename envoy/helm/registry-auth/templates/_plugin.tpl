{{/* The parts of a URL: a list of the URL and where it is written. */}}
{{- define "registry-auth.server" -}}
{{- $url := urlParse (index . 0) -}}
{{- $where := index . 1 -}}
{{- if not (has $url.scheme (list "http" "https")) -}}
{{- fail (printf "%s: `%s` is not an URL of http or https" $where (index . 0)) -}}
{{- end -}}
{{- $parts := splitList ":" $url.host -}}
{{- $port := ternary 443 80 (eq $url.scheme "https") -}}
{{- if gt (len $parts) 1 -}}
{{- $port = int (last $parts) -}}
{{- end -}}
{{- if and (ne $where "upstream.url") (ne $url.scheme "https") -}}
{{- fail (printf "%s: `%s` is not https: whoever is on the way could give out keys" $where (index . 0)) -}}
{{- end -}}
scheme: {{ $url.scheme }}
host: {{ first $parts }}
authority: {{ $url.host }}
port: {{ $port }}
number: {{ ternary 8443 $port (eq $port 443) }}
{{- end }}

{{/* The plugin configuration: the policy with what it leaves out. A list of the root and the mode. */}}
{{- define "registry-auth.plugin" -}}
{{- $root := index . 0 -}}
{{- $istio := eq (index . 1) "istio" -}}
{{- $document := deepCopy $root.Values.config -}}
{{- $upstream := include "registry-auth.server" (list $root.Values.upstream.url "upstream.url") | fromYaml -}}
{{- range $entry := dig "http" "auth" "bearer" "oidc" list $document -}}
{{- if not (or (hasKey $entry "jwks") (hasKey $entry "cluster")) -}}
{{- $server := include "registry-auth.server" (list $entry.issuer "") | fromYaml -}}
{{- $_ := set $entry "cluster" (ternary (printf "outbound|%d||%s" (int $server.number) $server.host) $server.host $istio) -}}
{{- end -}}
{{- end -}}
{{- $proxy := deepCopy (default dict (get $document "proxy")) -}}
{{- $defaults := dict "clientAddress" "proxy" "readRequestBodies" false "upstreamHost" $upstream.authority -}}
{{- $_ := set $defaults "upstreamCluster" (ternary (printf "outbound|%d||%s" (int $upstream.port) $upstream.host) "registry" $istio) -}}
{{- $_ := set $document "proxy" (merge $proxy $defaults) -}}
{{- toYaml $document -}}
{{- end }}

{{/* A cluster for Envoy Gateway: a list of its name and the parts of the URL. */}}
{{- define "registry-auth.clusterPatch" -}}
{{- $name := index . 0 -}}
{{- $server := index . 1 -}}
- type: type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: {{ $name }}
  operation:
    op: add
    path: ""
    value:
      name: {{ $name }}
      type: STRICT_DNS
      connect_timeout: {{ ternary "5s" "2s" (eq $name "registry") }}
      dns_lookup_family: V4_PREFERRED
      load_assignment:
        cluster_name: {{ $name }}
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: {{ $server.host }}, port_value: {{ $server.port }} } } }
      {{- if eq $name "registry" }}
      per_connection_buffer_limit_bytes: 1048576
      {{- end }}
      {{- if eq $server.scheme "https" }}
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: {{ $server.host }}
          common_tls_context:
            tls_params: { tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_3 }
            # Authorities and name: without them anybody on the way could answer.
            validation_context:
              trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }
              match_typed_subject_alt_names:
                - { san_type: DNS, matcher: { exact: {{ $server.host }} } }
      {{- end }}
{{- end }}
