{{- define "notifier.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 }}{{ else }}{{ printf "%s-notifier" .Release.Name | trunc 50 }}{{ end }}
{{- end }}

{{- define "notifier.selector" -}}
app.kubernetes.io/name: notifier
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: daemon
{{- end }}

{{- define "notifier.labels" -}}
app.kubernetes.io/name: notifier
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "notifier.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- /* What every container of ours is: nobody, on a root that it cannot write to. */ -}}
{{- define "notifier.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{- define "notifier.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false {{- /* a Service called "notifier" would set NOTIFIER_PORT and its like */}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- /* Numbers as they were written: not 4.194304e+06. */ -}}
{{- define "notifier.environment" -}}
{{- range $name, $value := . }}
{{- if has $name (list "ADDR" "ADMIN_ADDR" "PEER_ADDR" "PEER_HOST" "DRAIN" "TLS_CERT" "TLS_KEY"
      "JWT_SECRET" "JWT_PREVIOUS_SECRET" "ADMIN_TOKEN") }}
{{- fail (printf "settings.%s is the chart's own, or a secret, which comes as a file: see values.yaml" $name) }}
{{- end }}
- name: NOTIFIER_{{ $name }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- end }}
