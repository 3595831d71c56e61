import { textsOf } from '../../../runtime/kube/objects.js';
import { at, listAt, numberAt, textAt } from '../../cluster/json.js';
import type { KubeObject } from '../kube-api/objects.js';
import { isSelected, workloadsOf, type Workload } from './workloads.js';

/** Not ours: every cluster has them, or OpenShift. */
const THEIRS = {
  namespaces: ['kube-system', 'openshift-dns'],
  roles: [
    ...['ClusterRole system:auth-delegator', 'ClusterRole system:service-account-issuer-discovery'],
    ...['Role kube-system/extension-apiserver-authentication-reader', 'ClusterRole system:openshift:scc:nonroot-v2'],
  ],
};
/** Bound by component openshift, whether component probe is there or not. */
const MAY_BE_MISSING = ['ServiceAccount podnet-system/podnet-probe'];

/** What some objects name that is not among them, and what of them is not used; empty: nothing. */
export function referenceProblems(objects: readonly KubeObject[]): string[] {
  const set = new ObjectSet(objects);
  return [
    ...set.doubles().map((id) => `${id} is there twice`),
    ...objects.flatMap((object) => {
      const checks = CHECKS[object.kind ?? ''] ?? [];
      return [checkNamespace, ...checks]
        .flatMap((check) => check(object, set))
        .map((text) => `${idOf(object)}: ${text}`);
    }),
    ...set.workloads.flatMap((workload) => workloadProblems(workload, set).map((text) => `${workload.title}: ${text}`)),
  ];
}

/** `Service podnet-system/podnet-probe`. */
function idOf({ kind = '', metadata }: KubeObject): string {
  const namespace = textAt(metadata, 'namespace');
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${textAt(metadata, 'name')}`;
}

class ObjectSet {
  readonly workloads: readonly Workload[];
  readonly #ids: readonly string[];
  /** Made in the cluster, by cert-manager. */
  readonly #made: ReadonlySet<string>;
  readonly #objects: readonly KubeObject[];

  constructor(objects: readonly KubeObject[]) {
    this.#objects = objects;
    this.workloads = workloadsOf(objects);
    this.#ids = objects.map(idOf);
    this.#made = new Set(madeByCertManager(objects));
  }

  has(id: string): boolean {
    return this.#ids.includes(id) || this.#made.has(id);
  }

  doubles(): string[] {
    return this.#ids.filter((id, i) => this.#ids.indexOf(id) !== i);
  }

  ofKind(kind: string): readonly KubeObject[] {
    return this.#objects.filter((object) => object.kind === kind);
  }

  find(id: string): KubeObject | undefined {
    return this.#objects[this.#ids.indexOf(id)];
  }

  selected(namespace: string, selector: unknown): readonly Workload[] {
    return this.workloads.filter((one) => one.namespace === namespace && isSelected(one.labels, selector));
  }
}

function madeByCertManager(objects: readonly KubeObject[]): string[] {
  return objects
    .filter(({ kind }) => kind === 'Certificate')
    .map((one) => `Secret ${namespaceOf(one)}/${textAt(one, 'spec', 'secretName')}`);
}

type Check = (object: KubeObject, set: ObjectSet) => string[];

const CHECKS: Readonly<Record<string, readonly Check[]>> = {
  Service: [checkService],
  APIService: [checkApiService],
  PodDisruptionBudget: [checkSelector('selector')],
  NetworkPolicy: [checkSelector('podSelector'), checkPolicyPorts],
  RoleBinding: [checkBinding],
  ClusterRoleBinding: [checkBinding],
  ServiceMonitor: [checkMonitor],
  PodMonitor: [checkSelector('selector'), checkPodMonitor],
  Certificate: [checkIssuer],
  Issuer: [(issuer, set) => missingSecret(set, namespaceOf(issuer), textAt(issuer, 'spec', 'ca', 'secretName'))],
  Secret: [checkTokenSecret],
};

function checkNamespace(object: KubeObject, set: ObjectSet): string[] {
  const namespace = namespaceOf(object);
  if (namespace === '' || THEIRS.namespaces.includes(namespace) || set.has(`Namespace ${namespace}`)) return [];
  return [`there is no namespace ${namespace}`];
}

function checkSelector(key: string): Check {
  return (object, set) =>
    set.selected(namespaceOf(object), at(object, 'spec', key)).length > 0 ? [] : ['selects the pods of no workload'];
}

function checkService(service: KubeObject, set: ObjectSet): string[] {
  const [workload, ...more] = set.selected(namespaceOf(service), { matchLabels: at(service, 'spec', 'selector') });
  if (workload === undefined || more.length > 0) return ['selects not the pods of one workload'];
  return listAt(service, 'spec', 'ports').flatMap((port) => missingPort(workload, at(port, 'targetPort')));
}

function checkApiService(apiService: KubeObject, set: ObjectSet): string[] {
  const title = `Service ${textAt(apiService, 'spec', 'service', 'namespace')}/${textAt(apiService, 'spec', 'service', 'name')}`;
  const port = numberAt(apiService, 'spec', 'service', 'port') ?? 443;
  const hasPort = listAt(set.find(title), 'spec', 'ports').some((one) => at(one, 'port') === port);
  const authority = textAt(apiService, 'metadata', 'annotations', 'cert-manager.io/inject-ca-from');
  return [
    ...(hasPort ? [] : [`there is no port ${port} of ${title}`]),
    ...(authority === '' || set.has(`Certificate ${authority}`) ? [] : [`there is no Certificate ${authority}`]),
  ];
}

function checkPolicyPorts(policy: KubeObject, set: ObjectSet): string[] {
  const workloads = set.selected(namespaceOf(policy), at(policy, 'spec', 'podSelector'));
  const ports = listAt(policy, 'spec', 'ingress').flatMap((rule) => listAt(rule, 'ports'));
  return workloads.flatMap((workload) => ports.flatMap((port) => missingPort(workload, at(port, 'port'))));
}

function checkBinding(binding: KubeObject, set: ObjectSet): string[] {
  const kind = textAt(binding, 'roleRef', 'kind');
  const namespace = kind === 'Role' ? `${namespaceOf(binding)}/` : '';
  const role = `${kind} ${namespace}${textAt(binding, 'roleRef', 'name')}`;
  const accounts = listAt(binding, 'subjects')
    .map((subject) => `ServiceAccount ${textAt(subject, 'namespace')}/${textAt(subject, 'name')}`)
    .filter((account) => account.startsWith('ServiceAccount podnet-system/'));
  const isThere = (id: string): boolean => set.has(id) || THEIRS.roles.includes(id) || MAY_BE_MISSING.includes(id);
  return [role, ...accounts].filter((id) => !isThere(id)).map((id) => `there is no ${id}`);
}

function checkMonitor(monitor: KubeObject, set: ObjectSet): string[] {
  const selector = at(monitor, 'spec', 'selector');
  const services = set
    .ofKind('Service')
    .filter((service) => isSelected(textsOf(at(service, 'metadata', 'labels')), selector));
  const [service, ...more] = services;
  if (service === undefined || more.length > 0) return ['selects not one Service']; // twice scraped counts twice
  return listAt(monitor, 'spec', 'endpoints').flatMap((endpoint) => {
    const port = textAt(endpoint, 'port');
    const hasPort = listAt(service, 'spec', 'ports').some((one) => at(one, 'name') === port);
    const ca = at(endpoint, 'tlsConfig', 'ca');
    return [
      ...(hasPort ? [] : [`there is no port ${port} of ${idOf(service)}`]),
      ...missingSecret(set, namespaceOf(monitor), textAt(endpoint, 'authorization', 'credentials', 'name')),
      ...missingSecret(set, namespaceOf(monitor), textAt(ca, 'secret', 'name')),
      ...missingConfigMap(set, namespaceOf(monitor), textAt(ca, 'configMap', 'name')),
    ];
  });
}

/** Each of the pods has one of the ports. */
function checkPodMonitor(monitor: KubeObject, set: ObjectSet): string[] {
  const ports = listAt(monitor, 'spec', 'podMetricsEndpoints').map((endpoint) => textAt(endpoint, 'port'));
  return set
    .selected(namespaceOf(monitor), at(monitor, 'spec', 'selector'))
    .filter(({ container }) => !listAt(container, 'ports').some((one) => ports.includes(textAt(one, 'name'))))
    .map(({ title }) => `${title} has none of its ports`);
}

function checkIssuer(certificate: KubeObject, set: ObjectSet): string[] {
  const issuer = `Issuer ${namespaceOf(certificate)}/${textAt(certificate, 'spec', 'issuerRef', 'name')}`;
  return set.has(issuer) ? [] : [`there is no ${issuer}`];
}

function checkTokenSecret(secret: KubeObject, set: ObjectSet): string[] {
  if (secret['type'] !== 'kubernetes.io/service-account-token') return [];
  const name = textAt(secret, 'metadata', 'annotations', 'kubernetes.io/service-account.name');
  const account = `ServiceAccount ${namespaceOf(secret)}/${name}`;
  return set.has(account) ? [] : [`there is no ${account}`];
}

function workloadProblems(workload: Workload, set: ObjectSet): string[] {
  const { object, podSpec, container, namespace, labels } = workload;
  const volumes = listAt(podSpec, 'volumes').map((one) => textAt(one, 'name'));
  const mounts = listAt(container, 'volumeMounts').map((one) => textAt(one, 'name'));
  const account = `ServiceAccount ${namespace}/${textAt(podSpec, 'serviceAccountName')}`;
  const probes = ['startupProbe', 'livenessProbe', 'readinessProbe'];
  const spreads = [
    ...listAt(podSpec, 'topologySpreadConstraints'),
    ...listAt(podSpec, 'affinity', 'podAntiAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'),
    ...listAt(podSpec, 'affinity', 'podAntiAffinity', 'preferredDuringSchedulingIgnoredDuringExecution').map((one) =>
      at(one, 'podAffinityTerm'),
    ),
  ];
  return [
    ...(isSelected(labels, at(object, 'spec', 'selector')) ? [] : ['selects not its own pods']),
    ...(set.has(account) ? [] : [`there is no ${account}`]),
    ...volumes.filter((name) => !mounts.includes(name)).map((name) => `volume ${name} is mounted nowhere`),
    ...mounts.filter((name) => !volumes.includes(name)).map((name) => `there is no volume ${name}`),
    ...listAt(podSpec, 'volumes').flatMap((volume) => [
      ...missingSecret(set, namespace, textAt(volume, 'secret', 'secretName')),
      ...missingConfigMap(set, namespace, textAt(volume, 'configMap', 'name')),
    ]),
    ...probes.flatMap((probe) => {
      const port = at(container, probe, 'httpGet', 'port');
      return typeof port === 'string' ? missingPort(workload, port) : [];
    }),
    ...spreads
      .filter((term) => !isSelected(labels, at(term, 'labelSelector')))
      .map((term) => `is spread over ${textAt(term, 'topologyKey')} from other pods than its own`),
  ];
}

function missingSecret(set: ObjectSet, namespace: string, name: string): string[] {
  return name === '' || set.has(`Secret ${namespace}/${name}`) ? [] : [`there is no Secret ${name}`];
}

function missingConfigMap(set: ObjectSet, namespace: string, name: string): string[] {
  return name === '' || set.has(`ConfigMap ${namespace}/${name}`) ? [] : [`there is no ConfigMap ${name}`];
}

/** Where nothing is said, a port is any. */
function missingPort({ container, title }: Workload, port: unknown): string[] {
  const key = typeof port === 'string' ? 'name' : 'containerPort';
  const isThere = listAt(container, 'ports').some((one) => at(one, key) === port);
  return isThere ? [] : [`there is no port ${String(port)} of ${title}`];
}

function namespaceOf(object: KubeObject): string {
  return textAt(object, 'metadata', 'namespace');
}
