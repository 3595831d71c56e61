{{/* Values that values.schema.json cannot refuse: those that contradict others, or the chart. The name of the value comes first. */}}
{{- define "podnet.refusals" -}}
{{- range $program, $flags := include "podnet.ownFlags" . | fromYaml -}}
{{- $given := index $.Values $program -}}

{{- range $argument := $given.args -}}
{{- $flag := regexReplaceAll "^--(no-)?([^=]*).*$" $argument "${2}" -}}
{{- if hasKey $flags $flag -}}
{{- fail (printf "%s.args: the chart sets --%s itself%s, so that %s is not taken" $program $flag (include "podnet.byWhich" (get $flags $flag)) $argument) -}}
{{- end -}}
{{- end -}}

{{- $variables := dict "NODE_NAME" "" "HOST_IP" "" "PODNET_METRICS_SERVER_CA_FILE" "tls.type" -}}
{{- range $flag, $value := $flags -}}
{{- $_ := set $variables (printf "PODNET_%s" (regexReplaceAll "[^A-Z0-9]" (upper $flag) "_")) $value -}}
{{- end -}}
{{- $names := list -}}
{{- range $variable := $given.env -}}
{{- if hasKey $variables $variable.name -}}
{{- fail (printf "%s.env: the chart sets %s itself%s" $program $variable.name (include "podnet.byWhich" (get $variables $variable.name))) -}}
{{- end -}}
{{- if has $variable.name $names -}}
{{- fail (printf "%s.env: %s is there twice" $program $variable.name) -}}
{{- end -}}
{{- $names = append $names $variable.name -}}
{{- end -}}

{{- $volumes := list "tls" "server-ca" "podnet-token" "cgroup" "pod-resources" "cni-state" "cni-conf" -}}
{{- range $volume := $given.extraVolumes -}}
{{- if has $volume.name $volumes -}}
{{- fail (printf "%s.extraVolumes: there is a volume %s already: give this one another name" $program $volume.name) -}}
{{- end -}}
{{- $volumes = append $volumes $volume.name -}}
{{- end -}}

{{- $pod := default dict $given.podSecurityContext -}}
{{- if eq $program "nodeagent" -}}
{{- $pod = include "podnet.nodeagent.podSecurityContext" $ | fromYaml -}}
{{- end -}}
{{- $context := mergeOverwrite (deepCopy $pod) (default dict $given.securityContext) -}}
{{- if and $context.runAsNonRoot (hasKey $context "runAsUser") (eq (int $context.runAsUser) 0) -}}
{{- fail (printf "%s.podSecurityContext, %s.securityContext: no kubelet starts a container with runAsUser 0 and runAsNonRoot true" $program $program) -}}
{{- end -}}
{{- end -}}

{{- range $monitor := list "serviceMonitor" "podMonitor" -}}
{{- $given := index $.Values $monitor -}}
{{- if gt (include "podnet.milliseconds" $given.scrapeTimeout | atoi) (include "podnet.milliseconds" $given.interval | atoi) -}}
{{- fail (printf "%s.scrapeTimeout: %s is longer than %s.interval, %s: Prometheus takes no such scrape" $monitor $given.scrapeTimeout $monitor $given.interval) -}}
{{- end -}}
{{- end -}}

{{- if and .Values.openshift.enabled .Values.apiserver.hostNetwork.enabled -}}
{{- fail "apiserver.hostNetwork.enabled: not with openshift.enabled, whose SecurityContextConstraints do not admit it; its control plane is in the pod network" -}}
{{- end -}}
{{- $unavailable := dig "rollingUpdate" "maxUnavailable" "" (default dict .Values.apiserver.updateStrategy) | toString -}}
{{- if and .Values.apiserver.hostNetwork.enabled (has $unavailable (list "0" "0%")) -}}
{{- fail (printf "apiserver.updateStrategy: with apiserver.hostNetwork.enabled no replica more is started, so that maxUnavailable %s lets none be replaced" $unavailable) -}}
{{- end -}}
{{- end -}}

{{/* Flags that the chart gives each program, and the value by which, where there is one. */}}
{{- define "podnet.ownFlags" -}}
apiserver:
  secure-port: {{ ternary "apiserver.hostNetwork.port" "apiserver.port" .Values.apiserver.hostNetwork.enabled }}
  service: fullnameOverride and namespaceOverride
  api-groups: apiService.groups
  tls-cert-file: tls.type
  tls-private-key-file: tls.type
  compat: apiserver.compat
  publish.cloudwatch: apiserver.cloudwatch.enabled
nodeagent:
  role: probe.enabled
  service: fullnameOverride and namespaceOverride
  server-ca-file: tls.type
  path.cgroupfs: ""
  listen-address: podMonitor.enabled
probe:
  role: probe.enabled
  service: fullnameOverride and namespaceOverride
  server-ca-file: tls.type
  listen-address: ""
  probe-listen-address: ""
  dial.service: fullnameOverride and namespaceOverride
  dns.endpoints: probe.dnsEndpoints
{{- end -}}

{{- define "podnet.byWhich" -}}
{{- with . }}, by {{ . }}{{ end -}}
{{- end -}}

{{/* Of a duration such as 15s. */}}
{{- define "podnet.milliseconds" -}}
{{- mul (regexFind "^[0-9]+" . | atoi) (get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) (regexFind "[a-z]+$" .)) -}}
{{- end -}}
