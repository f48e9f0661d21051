{{/* Names and labels: one place, so that what selects and what is selected agree. */}}
{{- define "anamnesis.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "anamnesis.selects" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "anamnesis.labels" -}}
{{ include "anamnesis.selects" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "anamnesis.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Nobody in particular, on a root that cannot be written, with no capability. */}}
{{- define "anamnesis.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "anamnesis.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Secrets are files, never variables. */}}
{{- define "anamnesis.secretEnv" -}}
{{- if .Values.database.existingSecret }}
- {name: ANAMNESIS_DATABASE_FILE, value: /run/secrets/database/{{ .Values.database.key }}}
{{- end }}
{{- if .Values.masterKeys.existingSecret }}
- {name: ANAMNESIS_KEY_FILE, value: /run/secrets/keys/{{ .Values.masterKeys.key }}}
{{- end }}
{{- end }}

{{- define "anamnesis.secretMounts" -}}
{{- if .Values.database.existingSecret }}
- {name: database, mountPath: /run/secrets/database, readOnly: true}
{{- end }}
{{- if .Values.masterKeys.existingSecret }}
- {name: keys, mountPath: /run/secrets/keys, readOnly: true}
{{- end }}
{{- end }}

{{- define "anamnesis.secretVolumes" -}}
{{- if .Values.database.existingSecret }}
- name: database
  secret: {secretName: {{ .Values.database.existingSecret | quote }}, defaultMode: 0440}
{{- end }}
{{- if .Values.masterKeys.existingSecret }}
- name: keys
  secret: {secretName: {{ .Values.masterKeys.existingSecret | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}
