{{- /* A ClusterRole, and who has it. */ -}}
{{- define "backup-operator.clusterrole" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .name }}
  labels:
    {{- include "backup-operator.labels" .top | nindent 4 }}
rules:
{{- include (printf "backup-operator.rules.%s" .rules) .top | trim | nindent 0 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "backup-operator.labels" .top | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ .name }}
subjects:
{{- include "backup-operator.subjects" .top | nindent 0 }}
{{- end }}

{{- /* A Role in a namespace, and who has it. */ -}}
{{- define "backup-operator.role" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "backup-operator.labels" .top | nindent 4 }}
rules:
{{- include (printf "backup-operator.rules.%s" .rules) .top | trim | nindent 0 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "backup-operator.labels" .top | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
{{- include "backup-operator.subjects" .top | nindent 0 }}
{{- end }}
