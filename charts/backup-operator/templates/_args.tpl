{{- /* What differs from the operator's own defaults, so that these are written down in one place only: `operator --help`. */ -}}
{{- define "backup-operator.args" -}}
{{- $args := list }}
{{- with .Values.watchNamespaces }}{{ $args = append $args (printf "--watch-namespaces=%s" (join "," .)) }}{{ end }}
{{- if not .Values.leaderElection }}{{ $args = append $args "--leader-election=false" }}{{ end }}
{{- if not (kindIs "invalid" .Values.maxConcurrentRuns) }}{{ $args = append $args (printf "--max-concurrent-runs=%d" (int .Values.maxConcurrentRuns)) }}{{ end }}
{{- with .Values.agent.volume }}{{ $args = append $args (printf "--agent-volume=%s" .) }}{{ end }}
{{- with .Values.agent.cpu }}{{ $args = append $args (printf "--agent-cpu=%s" .) }}{{ end }}
{{- with .Values.agent.memory }}{{ $args = append $args (printf "--agent-memory=%s" .) }}{{ end }}
{{- with .Values.agent.pullPolicy }}{{ $args = append $args (printf "--agent-image-pull-policy=%s" .) }}{{ end }}
{{- with .Values.notifications.hosts }}{{ $args = append $args (printf "--notification-hosts=%s" (join "," .)) }}{{ end }}
{{- if .Values.notifications.defaultSecret }}{{ $args = append $args "--notification-default=/notifications" }}{{ end }}
{{- with .Values.log.filter }}{{ $args = append $args (printf "--log=%s" .) }}{{ end }}
{{- if .Values.log.json }}{{ $args = append $args "--log-json" }}{{ end }}
{{- if not .Values.webhook.enabled }}{{ $args = append $args "--webhook=false" }}{{ end }}
{{- if and .Values.webhook.enabled (not .Values.webhook.checkRequester) }}{{ $args = append $args "--check-requester=false" }}{{ end }}
{{- $webhook := include "backup-operator.webhook" . }}
{{- if and .Values.webhook.enabled (ne $webhook "backup-operator-webhook") }}{{ $args = append $args (printf "--webhook-service=%s" $webhook) }}{{ end }}
{{- $name := include "backup-operator.name" . }}
{{- if and .Values.webhook.enabled (ne $name "backup-operator") }}{{ $args = append $args (printf "--webhook-configuration=%s" $name) }}{{ end }}
{{- if .Values.webhook.certManager.enabled }}{{ $args = append $args "--webhook-certificate-directory=/certs" }}{{ end }}
{{- if .Values.store.tls }}{{ $args = append $args (printf "--store-service=%s" (include "backup-operator.store" .)) }}{{ end }}
{{- toYaml $args }}
{{- end }}
