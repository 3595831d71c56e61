{{/* What every object's name begins with. Cut so that the longest name, -apiserver-replicas behind it, is one that DNS takes (63 characters). */}}
{{- define "podnet.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "podnet.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "podnet.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "podnet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "podnet.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* Of every object; its component is named beside it. */}}
{{- define "podnet.labels" -}}
app.kubernetes.io/name: {{ include "podnet.name" . }}
app.kubernetes.io/part-of: podnet
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "podnet.apiserver.selectorLabels" -}}
app.kubernetes.io/name: {{ include "podnet.name" . }}
app.kubernetes.io/component: apiserver
{{- end -}}

{{- define "podnet.nodeagent.selectorLabels" -}}
app.kubernetes.io/name: {{ include "podnet.name" . }}
app.kubernetes.io/component: nodeagent
{{- end -}}

{{- define "podnet.probe.selectorLabels" -}}
app.kubernetes.io/name: {{ include "podnet.name" . }}
app.kubernetes.io/component: probe
{{- end -}}

{{/* In the node's network the agent listens on 127.0.0.1 alone, which is the node's: there the kubelet is. Unless Prometheus is to reach it. */}}
{{- define "podnet.nodeagent.healthEndpoint" -}}
{{- if and .Values.nodeagent.hostNetwork.enabled (not .Values.podMonitor.enabled) -}}
host: 127.0.0.1
{{ end -}}
path: /healthz
port: 19808
{{- end -}}

{{- define "podnet.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "podnet.apiserver.serviceAccountName" -}}
{{- default (printf "%s-apiserver" (include "podnet.fullname" .)) .Values.apiserver.serviceAccount.name -}}
{{- end -}}

{{- define "podnet.nodeagent.serviceAccountName" -}}
{{- default (printf "%s-nodeagent" (include "podnet.fullname" .)) .Values.nodeagent.serviceAccount.name -}}
{{- end -}}

{{- define "podnet.probe.serviceAccountName" -}}
{{- default (printf "%s-probe" (include "podnet.fullname" .)) .Values.probe.serviceAccount.name -}}
{{- end -}}

{{- define "podnet.tlsSecretName" -}}
{{- if eq .Values.tls.type "secret" -}}
{{- required "tls.secretName: tls.type secret needs the name of a Secret with tls.crt, tls.key and ca.crt" .Values.tls.secretName -}}
{{- else -}}
{{- printf "%s-apiserver-tls" (include "podnet.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* The volume of the agents with what they know the servers by. Optional: it may be made, or filled, after they have started; until then they push nothing. */}}
{{- define "podnet.serverCaVolume" -}}
- name: server-ca
{{- if eq .Values.tls.type "self-made" }}
  configMap:
    name: {{ include "podnet.fullname" . }}-apiserver-ca
    optional: true
{{- else }}
  # Of the Secret nothing but the authority reaches an agent's pod.
  secret:
    secretName: {{ include "podnet.tlsSecretName" . }}
    optional: true
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- end -}}

{{/* The security context of an agent of role node. */}}
{{- define "podnet.nodeagent.podSecurityContext" -}}
{{- $context := deepCopy (default dict .Values.nodeagent.podSecurityContext) -}}
{{- if .Values.nodeagent.sriov.enabled -}}
{{- /* Uid 0, to which the kubelet's socket belongs, with every capability dropped all the same: the socket takes none, and neither do counters and
settings of virtual functions. With hostPID it has, over processes of root, what root has without capabilities. */ -}}
{{- $context = mergeOverwrite $context (dict "runAsNonRoot" false "runAsUser" 0 "runAsGroup" 0 "fsGroup" 0) -}}
{{- end -}}
{{- if .Values.openshift.enabled -}}
{{- /* What a container is by default (container_t, with categories of its own) may not look at the processes of others in /proc, nor at the node's
cgroups. CRI-O does so itself for pods with hostPID; said, it does not depend on that. */ -}}
{{- $context = mergeOverwrite $context (dict "seLinuxOptions" (dict "type" "spc_t")) -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}

{{- define "podnet.probe.dnsNamespace" -}}
{{- (default "" .Values.probe.dnsEndpoints | split "/")._0 -}}
{{- end -}}

{{/* What there is to register of each API group. */}}
{{- define "podnet.apiVersions" -}}
custom.metrics.k8s.io:
  - { version: v1beta2, priority: 200 }
  - { version: v1beta1, priority: 100 }
external.metrics.k8s.io:
  - { version: v1beta1, priority: 100 }
podnet.dev:
  - { version: v1alpha1, priority: 100 }
{{- end -}}
