{{- define "registry-auth.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "registry-auth.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "registry-auth.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "registry-auth.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "registry-auth.selector" -}}
app.kubernetes.io/name: {{ include "registry-auth.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "registry-auth.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "registry-auth.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* metadata of an object: a list of the root, and what follows the name (or nothing) */}}
{{- define "registry-auth.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "registry-auth.fullname" $root }}{{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "registry-auth.labels" $root | nindent 2 }}
{{- with $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "registry-auth.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "registry-auth.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ required "serviceAccount.name: write the name of the existing service account, or set serviceAccount.create" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{- define "registry-auth.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end }}

{{- define "registry-auth.configMapName" -}}
{{- default (include "registry-auth.fullname" .) .Values.existingConfigMap.name -}}
{{- end }}

{{- define "registry-auth.configKey" -}}
{{- if .Values.existingConfigMap.name -}}{{ .Values.existingConfigMap.key }}{{- else -}}registry.json{{- end -}}
{{- end }}
