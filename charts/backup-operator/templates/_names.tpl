{{- /* Names are fixed: of one cluster's storages one operator takes care, and it looks for its Lease, its webhook's
configuration and its certificate by name. */ -}}
{{- define "backup-operator.name" -}}backup-operator{{- end }}
{{- define "backup-operator.webhook" -}}backup-operator-webhook{{- end }}
{{- define "backup-operator.metrics" -}}backup-operator-metrics{{- end }}
{{- define "backup-operator.store" -}}backup-operator-store{{- end }}

{{- /* The Secret that the store serves TLS with; nothing: it is served without. Values of before, as --reuse-values takes them, know no store.tls. */ -}}
{{- define "backup-operator.store.tls" -}}
{{- with .Values.store }}{{ .tlsSecret | default (ternary (printf "%s-tls" (include "backup-operator.store" $)) "" (not (not .tls))) }}{{ end }}
{{- end }}

{{- /* What selects the operator's Pods: never changed, as a Deployment's selector cannot be. */ -}}
{{- define "backup-operator.selector" -}}
app.kubernetes.io/name: {{ include "backup-operator.name" . }}
{{- end }}

{{- define "backup-operator.store.selector" -}}
app.kubernetes.io/name: {{ include "backup-operator.store" . }}
{{- end }}

{{- define "backup-operator.store.labels" -}}
{{- merge (dict "app.kubernetes.io/name" (include "backup-operator.store" .)) (include "backup-operator.labels" . | fromYaml) | toYaml }}
{{- end }}

{{- define "backup-operator.labels" -}}
{{ include "backup-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* The same and a user's, of whom none may undo ours. */ -}}
{{- define "backup-operator.merged" -}}
{{- $ours := include "backup-operator.labels" .top | fromYaml -}}
{{- merge (dict) $ours .labels | toYaml }}
{{- end }}

{{- define "backup-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end }}

{{- /* Who has the rights. */ -}}
{{- define "backup-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ .Values.serviceAccount.name }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- /* Values that are right one by one and wrong together. */ -}}
{{- define "backup-operator.check" -}}
{{- if and (not .Values.leaderElection) (gt (int .Values.replicas) 1) }}
{{- fail (printf "replicas is %d and leaderElection is false: two operators at work on the same runs would harm each other; set replicas to 1, or leaderElection to true" (int .Values.replicas)) }}
{{- end }}
{{- if and .Values.webhook.certManager.enabled (not .Values.webhook.enabled) }}
{{- fail "webhook.certManager.enabled is true and webhook.enabled is false: there is nothing to make a certificate for; enable the webhook, or leave cert-manager out" }}
{{- end }}
{{- if and .Values.webhook.certManager.issuerRef (not .Values.webhook.certManager.enabled) }}
{{- fail "webhook.certManager.issuerRef is set and webhook.certManager.enabled is false: enable it, or leave the issuer out" }}
{{- end }}
{{- if and .Values.store.tls .Values.store.tlsSecret }}
{{- fail "store.tls is true and store.tlsSecret is set: either the operator makes the store's certificate, or you do; leave one of them out" }}
{{- end }}
{{- if and .Values.store.tls (not .Values.store.enabled) }}
{{- fail "store.tls is true and store.enabled is false: there is no store to serve; enable it, or leave store.tls out" }}
{{- end }}
{{- if and .Values.credentialNamespaces (not .Values.watchNamespaces) }}
{{- fail "credentialNamespaces is set and watchNamespaces is not: an operator that watches all namespaces reads Secrets in all of them; name namespaces to watch, or leave credentialNamespaces out" }}
{{- end }}
{{- end }}
