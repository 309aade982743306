{{/* The document for `registry-auth run`: the policy, and where clients connect. */}}
{{- define "registry-auth.document" -}}
{{- $document := deepCopy .Values.config -}}
{{- $http := deepCopy (default dict (get $document "http")) -}}
{{- $_ := set $http "address" "0.0.0.0" -}}
{{- $_ := set $http "port" (int .Values.containerPort) -}}
{{- if .Values.tls.secret -}}
{{- $tls := dict "cert" "/etc/registry-auth/tls/tls.crt" "key" "/etc/registry-auth/tls/tls.key" -}}
{{- if .Values.tls.clientCAKey -}}
{{- $_ := set $tls "cacert" (printf "/etc/registry-auth/tls/%s" .Values.tls.clientCAKey) -}}
{{- end -}}
{{- $_ := set $http "tls" $tls -}}
{{- end -}}
{{- $_ := set $document "http" $http -}}
{{- toPrettyJson $document -}}
{{- end }}
