{{/* What check and run have in common. */}}
{{- define "registry-auth.arguments" -}}
- run
- --config=/etc/registry-auth/policy/{{ include "registry-auth.configKey" . }}
- --upstream={{ .Values.upstream.url }}
{{- if or .Values.upstream.ca.secret .Values.upstream.ca.configMap }}
- --upstream-ca=/etc/registry-auth/upstream-ca/{{ .Values.upstream.ca.key }}
{{- end }}
{{- if .Values.upstream.certificateSecret }}
- --upstream-cert=/etc/registry-auth/upstream-certificate/tls.crt
- --upstream-key=/etc/registry-auth/upstream-certificate/tls.key
{{- end }}
{{- if .Values.upstream.rewriteHost }}
- --upstream-rewrite-host
{{- end }}
{{- if .Values.upstream.authorization.secret }}
- --upstream-authorization
{{- end }}
- --concurrency={{ int .Values.concurrency }}
- --listen=0.0.0.0:{{ int .Values.adminPort }}
{{- end }}

{{- define "registry-auth.securityContext" -}}
allowPrivilegeEscalation: false
capabilities: { drop: [ALL] }
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "registry-auth.environment" -}}
{{- $authorization := .Values.upstream.authorization -}}
{{- if or .Values.env $authorization.secret }}
env:
  {{- if $authorization.secret }}
  - name: REGISTRY_UPSTREAM_AUTHORIZATION
    valueFrom:
      secretKeyRef: { name: {{ $authorization.secret }}, key: {{ $authorization.key }} }
  {{- end }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "registry-auth.mounts" -}}
- { name: registry-auth-policy, mountPath: /etc/registry-auth/policy, readOnly: true }
- { name: registry-auth-tmp, mountPath: /tmp }
{{- if .Values.tls.secret }}
- { name: registry-auth-tls, mountPath: /etc/registry-auth/tls, readOnly: true }
{{- end }}
{{- if or .Values.upstream.ca.secret .Values.upstream.ca.configMap }}
- { name: registry-auth-upstream-ca, mountPath: /etc/registry-auth/upstream-ca, readOnly: true }
{{- end }}
{{- if .Values.upstream.certificateSecret }}
- { name: registry-auth-upstream-certificate, mountPath: /etc/registry-auth/upstream-certificate, readOnly: true }
{{- end }}
{{- if .Values.projectedToken.enabled }}
- { name: registry-auth-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A policy that is wrong ends here: the pod never becomes one that serves. */}}
{{- define "registry-auth.check" -}}
name: registry-auth-check
image: {{ include "registry-auth.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  {{- include "registry-auth.arguments" . | nindent 2 }}
  - --check
{{- with include "registry-auth.environment" . }}
{{- . }}
{{- end }}
securityContext:
  {{- include "registry-auth.securityContext" . | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  {{- include "registry-auth.mounts" . | nindent 2 }}
{{- end }}

{{- define "registry-auth.container" -}}
name: registry-auth
image: {{ include "registry-auth.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  {{- include "registry-auth.arguments" . | nindent 2 }}
{{- with include "registry-auth.environment" . }}
{{- . }}
{{- end }}
ports:
  - { name: registry-auth, containerPort: {{ int .Values.containerPort }} }
  - { name: auth-metrics, containerPort: {{ int .Values.adminPort }} }
startupProbe:
  httpGet: { path: /healthz, port: auth-metrics }
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: { path: /healthz, port: auth-metrics }
  periodSeconds: 10
readinessProbe:
  httpGet: { path: /readyz, port: auth-metrics }
  periodSeconds: 5
securityContext:
  {{- include "registry-auth.securityContext" . | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  {{- include "registry-auth.mounts" . | nindent 2 }}
{{- end }}

{{- define "registry-auth.volumes" -}}
- name: registry-auth-policy
  configMap: { name: {{ include "registry-auth.configMapName" . }} }
- name: registry-auth-tmp
  emptyDir: { medium: Memory, sizeLimit: {{ .Values.tmpSizeLimit }} }
{{- if .Values.tls.secret }}
- name: registry-auth-tls
  secret: { secretName: {{ .Values.tls.secret }} }
{{- end }}
{{- if .Values.upstream.ca.secret }}
- name: registry-auth-upstream-ca
  secret: { secretName: {{ .Values.upstream.ca.secret }} }
{{- else if .Values.upstream.ca.configMap }}
- name: registry-auth-upstream-ca
  configMap: { name: {{ .Values.upstream.ca.configMap }} }
{{- end }}
{{- if .Values.upstream.certificateSecret }}
- name: registry-auth-upstream-certificate
  secret: { secretName: {{ .Values.upstream.certificateSecret }} }
{{- end }}
{{- if .Values.projectedToken.enabled }}
- name: registry-auth-token
  projected:
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: {{ int .Values.projectedToken.expirationSeconds }}
          {{- with .Values.projectedToken.audience }}
          audience: {{ . | quote }}
          {{- end }}
      - configMap:
          name: kube-root-ca.crt
          items: [{ key: ca.crt, path: ca.crt }]
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
