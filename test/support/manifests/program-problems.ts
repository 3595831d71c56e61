import { apiSurface } from '../../../apiserver/api/api-surface.js';
import type { ApiserverOptions } from '../../../apiserver/options.js';
import { caObjectName } from '../../../apiserver/tls/shared-ca.js';
import type { NodeagentOptions } from '../../../nodeagent/options.js';
import { renderHostPort, type ObjectName } from '../../../runtime/options/kinds.js';
import { at, listAt, nameOf, numberAt, textAt } from '../../cluster/json.js';
import type { KubeObject } from '../kube-api/objects.js';
import { startedBy, workloadsOf, type Workload } from './workloads.js';

/** For requests under way, after --shutdown-delay. */
const LONGEST_REQUEST_S = 20;

/** Where what the programs are told is not what the objects around them say; empty: nowhere. */
export function programProblems(objects: readonly KubeObject[]): string[] {
  return workloadsOf(objects).flatMap((workload) => {
    const started = startedBy(workload);
    const problems =
      started.program === 'apiserver'
        ? serverProblems(workload, started.options, objects)
        : agentProblems(workload, started.options, objects);
    return [...problems, ...fileProblems(workload)].map((text) => `${workload.title}: ${text}`);
  });
}

function serverProblems(workload: Workload, options: ApiserverOptions, objects: readonly KubeObject[]): string[] {
  const { container, podSpec } = workload;
  const served = apiSurface(new Set(options.apiGroups)).flatMap(({ name, versions }) =>
    versions.map(({ version }) => `${version}.${name}`),
  );
  const registered = objects.filter(({ kind }) => kind === 'APIService');
  const grace = numberAt(podSpec, 'terminationGracePeriodSeconds') ?? 30;
  const needed = options.shutdownDelay / 1_000 + LONGEST_REQUEST_S;
  return [
    ...differences('APIServices', registered.map(nameOf), served),
    ...registered
      .filter((one) => !isName(at(one, 'spec', 'service'), options.service))
      .map((one) => `${nameOf(one)} is not of --service`),
    ...missingService(options.service, objects),
    ...authorityProblems(options, objects),
    ...(portOf(container, 'https') === options.securePort ? [] : ['port https is not --secure-port']),
    ...PROBES.filter((probe) => probedPort(container, probe) !== options.securePort).map(
      (one) => `${one} goes elsewhere`,
    ),
    ...(grace >= needed ? [] : [`is killed after ${grace} s, and needs ${needed}`]),
  ];
}

/** A server writes an authority of its own to both, and makes neither. Data of the manifests would be put back with each apply. */
function authorityProblems({ service, tlsCertFile }: ApiserverOptions, objects: readonly KubeObject[]): string[] {
  const own = { namespace: service.namespace, name: caObjectName(service) };
  return ['Secret', 'ConfigMap'].flatMap((kind) => {
    const title = `${kind} ${own.namespace}/${own.name}`;
    const found = objects.find((one) => one.kind === kind && isName(one.metadata, own));
    if (found === undefined) return tlsCertFile === undefined ? [`there is no ${title}`] : [];
    const brought = ['data', 'stringData', 'binaryData'].filter((key) => found[key] !== undefined);
    return [
      ...(tlsCertFile === undefined ? [] : [`${title} is not needed`]),
      ...brought.map((key) => `${title} has ${key}`),
    ];
  });
}

const PROBES = ['startupProbe', 'livenessProbe', 'readinessProbe'];

function agentProblems(workload: Workload, options: NodeagentOptions, objects: readonly KubeObject[]): string[] {
  const { container, podSpec } = workload;
  const { listenAddress, role } = options;
  const isProbe = role === 'probe';
  const seen = (probe: string): string =>
    renderHostPort({ host: textAt(container, probe, 'httpGet', 'host'), port: probedPort(container, probe) ?? 0 });
  const ready = isProbe ? options.probeListenAddress : listenAddress;
  const isHostNetwork = at(podSpec, 'hostNetwork') === true;
  return [
    ...(options.service === undefined ? ['pushes to nobody'] : missingService(options.service, objects)),
    ...(isProbe && options.dialService !== undefined ? missingService(options.dialService, objects) : []),
    // loopback is the kubelet's as well with hostNetwork alone
    ...(isHostNetwork || listenAddress.host === '' ? [] : ['the kubelet does not reach --listen-address']),
    ...PROBES.filter((probe) => seen(probe) !== renderHostPort(probe === 'readinessProbe' ? ready : listenAddress)).map(
      (probe) => `${probe} goes to ${seen(probe)}`,
    ),
    ...(hasNodeName(container) ? [] : ['does not know its node']),
    ...tokenProblems(workload, options.tokenFile),
  ];
}

function hasNodeName(container: unknown): boolean {
  const variable = listAt(container, 'env').find((one) => textAt(one, 'name') === 'NODE_NAME');
  return textAt(variable, 'valueFrom', 'fieldRef', 'fieldPath') === 'spec.nodeName';
}

/** The token that servers take is a projected one of their audience. */
function tokenProblems({ podSpec, container }: Workload, tokenFile: string | undefined): string[] {
  const found = listAt(podSpec, 'volumes').some((volume) =>
    listAt(volume, 'projected', 'sources').some((source) => {
      const mount = listAt(container, 'volumeMounts').find((one) => textAt(one, 'name') === textAt(volume, 'name'));
      const file = `${textAt(mount, 'mountPath')}/${textAt(source, 'serviceAccountToken', 'path')}`;
      return textAt(source, 'serviceAccountToken', 'audience') === 'podnet' && file === tokenFile;
    }),
  );
  return found ? [] : [`there is no token of the audience podnet at ${String(tokenFile)}`];
}

/** Every file and directory that an argument names is mounted, for reading. */
function fileProblems({ container }: Workload): string[] {
  const mounts = listAt(container, 'volumeMounts');
  const paths = listAt(container, 'args').flatMap((arg) => /^--[^=]+=(\/.*)$/.exec(String(arg))?.[1] ?? []);
  const isMounted = (path: string): boolean =>
    mounts.some((mount) => `${path}/`.startsWith(`${textAt(mount, 'mountPath')}/`));
  return [
    ...paths.filter((path) => !isMounted(path)).map((path) => `${path} is not mounted`),
    ...mounts
      .filter((mount) => at(mount, 'readOnly') !== true)
      .map((mount) => `${textAt(mount, 'mountPath')} can be written`),
  ];
}

function missingService({ namespace, name }: ObjectName, objects: readonly KubeObject[]): string[] {
  const isThere = objects.some((one) => one.kind === 'Service' && isName(one.metadata, { namespace, name }));
  return isThere ? [] : [`there is no Service ${namespace}/${name}`];
}

function isName(value: unknown, { namespace, name }: ObjectName): boolean {
  return textAt(value, 'namespace') === namespace && textAt(value, 'name') === name;
}

function differences(what: string, there: readonly string[], wanted: readonly string[]): string[] {
  return [
    ...wanted.filter((one) => !there.includes(one)).map((one) => `${what}: ${one} is missing`),
    ...there.filter((one) => !wanted.includes(one)).map((one) => `${what}: ${one} is not served`),
  ];
}

function portOf(container: unknown, name: string): number | undefined {
  return numberAt(
    listAt(container, 'ports').find((port) => textAt(port, 'name') === name),
    'containerPort',
  );
}

function probedPort(container: unknown, probe: string): number | undefined {
  const port = at(container, probe, 'httpGet', 'port');
  return typeof port === 'string' ? portOf(container, port) : numberAt(container, probe, 'httpGet', 'port');
}
