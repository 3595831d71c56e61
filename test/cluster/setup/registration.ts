import { isIPv6 } from 'node:net';
import { API_GROUP_NAMES, apiSurface, type ApiGroupName } from '../../../apiserver/api/api-surface.js';
import type { Exposure } from '../address.js';
import type { Cluster, NewObject } from '../cluster.js';
import { at, conditionOf, textAt } from '../json.js';
import { RUN_LABEL, type Names } from '../names.js';
import { wait, type Run } from '../run-context.js';

export const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
/** As adapters have them (contract 4.1): the newer version is the preferred one. */
const GROUP_PRIORITY = 100;
const VERSION_PRIORITIES = [200, 100];

/** A group version that this run may register. */
export interface Registered {
  readonly name: string;
  readonly group: ApiGroupName;
  readonly version: string;
  readonly versionPriority: number;
}

/** What is registered here, and which groups are not, with the reason. */
export interface Plan {
  readonly groups: ReadonlySet<ApiGroupName>;
  readonly apiServices: readonly Registered[];
  readonly leftOut: ReadonlyMap<ApiGroupName, string>;
}

/** There is one APIService of a name in a cluster: one that is there is left to whoever has it. */
export async function planRegistration(cluster: Cluster): Promise<Plan> {
  const leftOut = new Map<ApiGroupName, string>();
  const apiServices: Registered[] = [];
  for (const { name: group, versions } of apiSurface(new Set(API_GROUP_NAMES))) {
    const wanted = versions.map(({ version }, i) => ({
      ...{ name: `${version}.${group}`, group, version },
      versionPriority: VERSION_PRIORITIES[i] ?? 1,
    }));
    const owners = (await Promise.all(wanted.map(({ name }) => ownerOf(cluster, name)))).filter((one) => one !== '');
    if (owners[0] === undefined) apiServices.push(...wanted);
    else leftOut.set(group, owners[0]);
  }
  return { groups: new Set(apiServices.map(({ group }) => group)), apiServices, leftOut };
}

/** Empty where there is no APIService of that name. */
async function ownerOf(cluster: Cluster, name: string): Promise<string> {
  const found = await cluster.find(`${API_SERVICES}/${name}`);
  if (found === undefined) return '';
  const run = textAt(found, 'metadata', 'labels', RUN_LABEL);
  if (run !== '') return `APIService ${name} is of the run ${run}: if that has ended, delete it with --cleanup-only`;
  const namespace = textAt(found, 'spec', 'service', 'namespace');
  const service = textAt(found, 'spec', 'service', 'name');
  const whose = service === '' ? 'kube-apiserver itself' : `Service ${namespace}/${service}`;
  return `APIService ${name} belongs to ${whose}`;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly exposure: Exposure;
}

/** The Service, and with it the EndpointSlice where it needs one. The port is that of the server: an ExternalName maps none. */
export function serviceObjects({ service, labels }: Names, { address, port, exposure }: Endpoint): NewObject[] {
  const ports = [{ name: 'https', port, protocol: 'TCP' }];
  const object = { apiVersion: 'v1', kind: 'Service', metadata: { ...service, labels } };
  if (exposure === 'external-name')
    return [{ ...object, spec: { type: 'ExternalName', externalName: address, ports } }];
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...service, labels: { ...labels, 'kubernetes.io/service-name': service.name } },
    addressType: isIPv6(address) ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports,
  };
  const families = { ipFamilies: [slice.addressType], ipFamilyPolicy: 'SingleStack' };
  return [{ ...object, spec: { ports: [{ ...ports[0], targetPort: port }], ...families } }, slice];
}

/** Without an authority: the server writes its own. */
export function apiServiceObject({ service, labels }: Names, registered: Registered, port: number): NewObject {
  const { name, group, version, versionPriority } = registered;
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name, labels },
    spec: { group, version, groupPriorityMinimum: GROUP_PRIORITY, versionPriority, service: { ...service, port } },
  };
}

/** Until the API server has verified this server by the authority that it wrote, and is content with what it answers. */
export async function untilAvailable(run: Run, name: string, ca: string): Promise<void> {
  await wait(run, `APIService ${name}`, async () => {
    const found = await run.cluster.get(`${API_SERVICES}/${name}`);
    const bundle = Buffer.from(textAt(found, 'spec', 'caBundle'), 'base64').toString('utf8');
    const { status, reason, message } = conditionOf(found, 'Available');
    if (bundle !== ca) return { seen: `its caBundle is ${bundle === '' ? 'empty' : 'another one'}` };
    if (at(found, 'spec', 'insecureSkipTLSVerify') === true) return { seen: 'insecureSkipTLSVerify is set' };
    if (status !== 'True') return { seen: `Available is "${status}": ${reason} ${message}` };
    return { value: undefined };
  });
}
