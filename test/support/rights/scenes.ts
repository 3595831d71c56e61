import { setTimeout as delay } from 'node:timers/promises';
import type { Apiserver } from '../../../apiserver/start.js';
import { at, textAt } from '../../cluster/json.js';
import { CA_CONFIG_MAP, CA_SECRET } from '../empty-authority.js';
import type { KubeObject } from '../kube-api/objects.js';
import { nodePodObject, pathOfPod } from '../node-pod-objects.js';
import { agentPod, defaultEntry, endpoint, entry, service, SERVICE, slice, SLICES } from '../probe-objects.js';
import { createCertificateFiles } from '../programs.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../reports.js';
import { claimObject, resourcePath, sliceObject } from '../resource-objects.js';
import { startScriptedAws } from '../scripted-aws.js';
import { addPf, addVf } from '../sysfs-functions.js';
import { SysfsTree } from '../sysfs-tree.js';
import { withAwsEnvironment } from '../aws-environment.js';
import { isAllowed } from '../kube-cluster/rbac.js';
import { API_SERVICES, NAMESPACE, userOf, type Account, type RightsBed } from './bed.js';

export const SERVER: Account = `${NAMESPACE}/podnet-apiserver`;
export const AGENT: Account = `${NAMESPACE}/podnet-nodeagent`;
export const PROBE: Account = `${NAMESPACE}/podnet-probe`;
export const PROGRAMS = [SERVER, AGENT, PROBE].map(userOf);

const LEASE = `coordination.k8s.io/leases/podnet-apiserver`;
/** A pod that two nodes report. */
export const WEB = { name: 'web-0', namespace: 'shop', uid: 'uid-web-0', node: 'node-a' };

/**
 * Replicas come and go: the first makes the authority and publishes it, the second finds the Secret spoilt, makes another one, and publishes
 * it when the first has ended. @returns two that serve
 */
export async function playReplicas(bed: RightsBed): Promise<[Apiserver, Apiserver]> {
  const { api } = bed;
  const first = await bed.startServer();
  const isPublished = ({ ca }: Apiserver): boolean =>
    textAt(api.objects.get(CA_CONFIG_MAP), 'data', 'ca.crt') === ca &&
    [...api.objects]
      .filter(([path]) => path.startsWith(API_SERVICES))
      .every(([, one]) => Buffer.from(textAt(one, 'spec', 'caBundle'), 'base64').toString() === ca);
  await bed.eventually(
    () => isPublished(first),
    (isThere) => isThere,
  );
  api.put(CA_SECRET, { data: { 'tls.crt': '' } });
  const second = await bed.startServer();
  await bed.stop(first);
  await bed.eventually(
    () => isPublished(second),
    (isThere) => isThere,
  );
  const third = await bed.startServer();
  await bed.list([second, third]);
  await bed.until(SERVER, `update ${LEASE} in ${NAMESPACE}`, `update ${LEASE}-exposer in ${NAMESPACE}`);
  return [second, third];
}

/** An agent of a node pushes to both replicas; besides, two nodes report one pod, so that its node is asked for. */
export async function playAgents(bed: RightsBed, servers: readonly Apiserver[]): Promise<void> {
  await bed.startAgent(AGENT, 'node-c', ['--path.kubelet-socket', 'none']);
  await arrived(bed, servers, 'node-c');
  const slices = `discovery.k8s.io/endpointslices in ${NAMESPACE}`;
  await bed.until(AGENT, 'list pods', 'watch pods', `list ${slices}`, `watch ${slices}`);
  await bed.until(SERVER, 'list pods', 'watch pods', 'list services', 'watch services');
  bed.api.put(pathOfPod(WEB), nodePodObject(WEB));
  const tokens = await Promise.all(['node-a', 'node-b'].map((node) => bed.agentToken(AGENT, node)));
  for (const [server, sequence] of servers.flatMap((one) => [1, 2, 3].map((n) => [one, n] as const))) {
    for (const [i, node] of ['node-a', 'node-b'].entries()) {
      const { statusCode, text } = await bed.push(server, tokens[i] ?? '', reportOf(node, sequence));
      if (statusCode !== 200) throw new Error(text);
    }
  }
}

/** A report of the node is at each of the servers. */
async function arrived(bed: RightsBed, servers: readonly Apiserver[], node: string): Promise<void> {
  await bed.eventually(
    () => servers.map(({ store }) => store.nodes().some((one) => one.node === node)),
    (has) => has.every((one) => one),
  );
}

function reportOf(node: string, sequence: number) {
  const { namespace, name, uid } = WEB;
  const interfaces = [interfaceReport({ readings: [readingOf(sequence * 1_000)] })];
  return nodeReport(sequence * 1_000, {
    ...{ node, bootId: `boot-${node}`, instance: { id: `agent-${node}`, startedAt: 0 } },
    pods: [podReport({ namespace, name, uid, interfaces })],
  });
}

/** A replica that publishes to CloudWatch. */
export async function playPublisher(bed: RightsBed): Promise<void> {
  const aws = await startScriptedAws((_, response) => response.writeHead(200).end());
  const variables = { AWS_ACCESS_KEY_ID: 'AKIAPODNETPODNETTEST', AWS_SECRET_ACCESS_KEY: 'not-a-secret' };
  const of = (flag: string, value: string) => [`--publish.cloudwatch.${flag}`, value];
  const flags = [...of('endpoint', aws.url), ...of('region', 'eu-central-1'), ...of('cluster-id', 'test')];
  await withAwsEnvironment(variables, async () => {
    const server = await bed.startServer(...flags);
    await bed.until(SERVER, `get ${LEASE}-cloudwatch in ${NAMESPACE}`, `update ${LEASE}-cloudwatch in ${NAMESPACE}`);
    await bed.stop(server);
  });
  await aws.close();
}

/** A replica with a certificate that it is given. */
export async function playGivenCertificate(bed: RightsBed): Promise<void> {
  const files = await createCertificateFiles();
  const server = await bed.startServer(...files.flags);
  await bed.until(SERVER, `update ${LEASE}-exposer in ${NAMESPACE}`);
  await delay(500); // what it does not do takes no time
  await bed.stop(server);
  await files.remove();
}

/** The agent of a node with a VF that a claim gave to a pod. */
export async function playClaims(bed: RightsBed): Promise<void> {
  const node = 'node-d';
  using sysfs = SysfsTree.empty();
  addVf(sysfs, addPf(sysfs, '0000:01:00.0'), 0, '0000:01:10.0');
  const pod = { name: 'upf-0', namespace: 'telco', uid: 'uid-upf-0', node };
  const object = nodePodObject(pod);
  const resourceClaims = [{ name: 'vf', resourceClaimName: 'upf-0-vf' }];
  bed.api.put(pathOfPod(pod), { ...object, spec: { ...record(at(object, 'spec')), resourceClaims } });
  const devices = { 'vf-0': null };
  bed.api.put(resourcePath('resourceclaims', 'upf-0-vf'), claimObject({ reservedFor: [pod.uid], devices, pool: node }));
  const slices = sliceObject({ nodeName: node, pool: node, devices: { 'vf-0': '0000:01:10.0' } });
  bed.api.put(resourcePath('resourceslices', node), slices);
  const agent = await bed.startAgent(AGENT, node, ['--path.sysfs', sysfs.root, '--path.kubelet-socket', 'none']);
  const claim = 'get resource.k8s.io/resourceclaims/upf-0-vf in telco';
  await bed.until(AGENT, claim, 'list resource.k8s.io/resourceslices');
  await bed.stop(agent);
}

/**
 * An agent of role probe whose pod is on a second network, and another one to be dialled.
 * @param dnsNamespace where the servers are that it asks one by one
 */
export async function playProbe(bed: RightsBed, dnsNamespace: string): Promise<void> {
  const server = await bed.startServer();
  await bed.list([server]);
  const [node, peer] = ['node-p', 'node-q'];
  const pods = [node, peer].map((one) => `podnet-probe-${one}`);
  const status = [defaultEntry('127.0.0.2'), entry('telco/storage', 'net1', '127.0.0.3')];
  const annotations = { 'k8s.v1.cni.cncf.io/network-status': JSON.stringify(status) };
  bed.api.put(SERVICE, service(['127.0.0.1']));
  const uid = (pod: string) => ({ targetRef: { kind: 'Pod', namespace: NAMESPACE, name: pod, uid: `uid-${pod}` } });
  const endpoints = [node, peer].map((one, i) => ({ ...endpoint(one, '127.0.0.1'), ...uid(pods[i] ?? '') }));
  bed.api.put(`${SLICES}/podnet-probe-1`, slice(endpoints));
  bed.api.put(`/api/v1/namespaces/${NAMESPACE}/pods/${pods[1] ?? ''}`, agentPod(pods[1] ?? '', status));
  const dns = ['--dns.hosts', 'kubernetes.default.svc.test', '--dns.servers', '127.0.0.1:1'];
  await bed.startAgent(PROBE, node, [...dns, '--probe-listen-address', '127.0.0.1:0'], { annotations });
  const within = (...wanted: string[]) => wanted.map((one) => `${one} in ${NAMESPACE}`);
  await bed.until(
    PROBE,
    ...within('list services/podnet-probe', 'watch services/podnet-probe', `get pods/${pods[0] ?? ''}`),
    ...within(
      'list pods',
      'watch pods',
      'list discovery.k8s.io/endpointslices',
      'watch discovery.k8s.io/endpointslices',
    ),
    ...['list', 'watch'].map((verb) => `${verb} discovery.k8s.io/endpointslices in ${dnsNamespace}`),
  );
  await arrived(bed, [server], node);
}

/** What OpenShift has of it by itself (cluster-kube-apiserver-operator, bindata/bootkube/scc-manifests). */
const NONROOT = {
  path: '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:openshift:scc:nonroot-v2',
  apiGroups: ['security.openshift.io'],
  resources: ['securitycontextconstraints'],
  resourceNames: ['nonroot-v2'],
};

/** OpenShift's admission of the pods: may their account use the SecurityContextConstraints that they name, or else those for a uid of their own? */
export function playAdmission({ api, asked }: RightsBed, installed: readonly KubeObject[]): void {
  const { path, ...rule } = NONROOT;
  api.put(path, { rules: [{ ...rule, verbs: ['use'] }] });
  for (const template of installed.map((object) => at(object, 'spec', 'template'))) {
    if (template === undefined) continue;
    const named = textAt(template, 'metadata', 'annotations', 'openshift.io/required-scc');
    const account = `${NAMESPACE}/${textAt(template, 'spec', 'serviceAccountName')}` as const;
    const user = { name: userOf(account), groups: [], extra: {} };
    const attributes = {
      resourceAttributes: {
        ...{ verb: 'use', group: 'security.openshift.io', version: 'v1', resource: 'securitycontextconstraints' },
        ...{ namespace: NAMESPACE, name: named === '' ? 'nonroot-v2' : named },
      },
    };
    asked.note({ by: 'review', user, attributes, isAllowed: isAllowed(api, user, attributes) });
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
