{{/* What the schema cannot say. Each message says what to write instead. */}}
{{- define "registry-auth.checks" -}}
{{- $v := .Values -}}
{{- if and (not $v.config) (not $v.existingConfigMap.name) -}}
{{- fail "config: write the policy, or name a ConfigMap that has it in existingConfigMap.name" -}}
{{- end -}}
{{- if and $v.config $v.existingConfigMap.name -}}
{{- fail "config and existingConfigMap.name: write one of them" -}}
{{- end -}}
{{- if not $v.upstream.url -}}
{{- fail "upstream.url: write where the registry is, such as http://registry.registry.svc.cluster.local:5000" -}}
{{- end -}}
{{- if and $v.upstream.ca.secret $v.upstream.ca.configMap -}}
{{- fail "upstream.ca: write secret or configMap, not both" -}}
{{- end -}}
{{- $http := default dict (get (default dict $v.config) "http") -}}
{{- range list "address" "port" "tls" -}}
{{- if hasKey $http . -}}
{{- fail (printf "config.http.%s: remove it: the chart sets where clients connect (service, containerPort, tls)" .) -}}
{{- end -}}
{{- end -}}
{{- range $name := keys (default dict $v.config) | sortAlpha -}}
{{- if not (has (lower $name) (list "http" "proxy" "log" "tests" "shadow" "lint")) -}}
{{- fail (printf "config.%s: leave it out: the filter does not read it, and what only zot reads may hold credentials" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := keys (default dict (get $http "auth")) | sortAlpha -}}
{{- if not (has (lower $name) (list "bearer" "mtls" "faildelay")) -}}
{{- fail (printf "config.http.auth.%s: leave it out: the filter authenticates by bearer and mtls, and what only zot reads may hold credentials" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $v.controller.enabled (not $v.controller.registries) -}}
{{- fail "controller.registries: write the registries that pull secrets are for, such as [registry.example.com]" -}}
{{- end -}}
{{- if has $v.mode (list "standalone" "sidecar") -}}
{{- range $i, $entry := default list (dig "auth" "bearer" "oidc" list $http) -}}
{{- if and (kindIs "map" $entry) (hasPrefix "https://kubernetes.default.svc" (default "" (get $entry "issuer"))) (not $v.projectedToken.enabled) (not (hasKey $entry "tokenFile")) (not (hasKey $entry "cluster")) (not (hasKey $entry "jwks")) -}}
{{- fail (printf "config.http.auth.bearer.oidc[%d]: its keys are fetched with a token: set projectedToken.enabled to true, or write tokenFile" $i) -}}
{{- end -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled (not $v.networkPolicy.registry.podSelector) (eq $v.mode "standalone") -}}
{{- fail "networkPolicy.registry.podSelector: write the labels of the registry's pods, which then accept connections from the filter only; or set networkPolicy.enabled to false and close the registry in another way" -}}
{{- end -}}
{{- if and (eq $v.mode "sidecar") (not $v.sidecar.podSelector) -}}
{{- fail "sidecar.podSelector: write the labels of the registry's pods" -}}
{{- end -}}
{{- if and $v.tls.clientCAKey (not $v.tls.secret) -}}
{{- fail "tls.clientCAKey: is a key of tls.secret, which is empty" -}}
{{- end -}}
{{- if and (hasKey (default dict (get $http "auth")) "mtls") (not $v.tls.clientCAKey) -}}
{{- fail "config.http.auth.mtls: needs tls.secret and tls.clientCAKey, the authorities of clients' certificates" -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (lt (int $v.autoscaling.maxReplicas) (int $v.autoscaling.minReplicas)) -}}
{{- fail "autoscaling.maxReplicas: is less than minReplicas" -}}
{{- end -}}
{{- else -}}
{{- if $v.existingConfigMap.name -}}
{{- fail (printf "existingConfigMap.name: is for standalone and sidecar; in mode %s the policy is part of a resource: write it in config" $v.mode) -}}
{{- end -}}
{{- if not (and $v.module.url $v.module.sha256) -}}
{{- fail "module: write url (oci://...) and sha256, the digest of its manifest (cargo xtask image prints it)" -}}
{{- end -}}
{{- $bearer := dig "auth" "bearer" dict $http -}}
{{- range list "awsSecretsManager" "mint" -}}
{{- if hasKey $bearer . -}}
{{- fail (printf "config.http.auth.bearer.%s: keys are pushed, which these modes cannot do: use mode standalone, or registry-auth render istio" .) -}}
{{- end -}}
{{- end -}}
{{- range $i, $entry := default list (get $bearer "oidc") -}}
{{- range list "tokenFile" "certificateAuthority" "certificateAuthorityFile" -}}
{{- if hasKey $entry . -}}
{{- fail (printf "config.http.auth.bearer.oidc[%d].%s: needs registry-auth serve: use mode standalone, or registry-auth render istio" $i .) -}}
{{- end -}}
{{- end -}}
{{- if eq (default "callout" (get $entry "keySource")) "push" -}}
{{- fail (printf "config.http.auth.bearer.oidc[%d].keySource: push needs registry-auth serve: use mode standalone, or registry-auth render istio" $i) -}}
{{- end -}}
{{- end -}}
{{- if and (eq $v.mode "envoy-gateway") (not $v.envoyGateway.gateway) -}}
{{- fail "envoyGateway.gateway: write the name of the Gateway" -}}
{{- end -}}
{{- end -}}
{{- end }}
