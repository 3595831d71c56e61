// From what the Kubernetes API has to the owners of VFs: the pods of a node, their claims and its slices.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Registry } from 'prom-client';
import { resolveOwners } from '../../../nodeagent/devices/owners.js';
import { startKubernetesInventory } from '../../../nodeagent/inventory/kubernetes-inventory.js';
import { nodeagentProgram } from '../../../nodeagent/options.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
import { createSelfMetrics } from '../../../nodeagent/self-metrics.js';
import { SourceStates } from '../../../nodeagent/source-states.js';
import { parseOptions } from '../../../runtime/options/parse.js';
import { startKubernetes } from '../../support/kube-client.js';
import { annotated, listedPod, NODE } from '../../support/listed-pods.js';
import { createShiftedClock, eventually } from '../../support/programs.js';
import { claimObject, resourcePath, sliceObject } from '../../support/resource-objects.js';

const VF = '0000:3b:02.1';
const PODS = '/api/v1/namespaces/telco/pods';

async function startInventory(
  t: TestContext,
  { api, log }: Pick<Awaited<ReturnType<typeof startKubernetes>>, 'api' | 'log'>,
) {
  const clock = createShiftedClock();
  const metrics = createSelfMetrics(new Registry(), '0');
  const argv = ['--kubeconfig', await api.kubeconfig(), '--node-name', NODE, '--path.cgroupfs', '/nowhere'];
  const invocation = parseOptions(nodeagentProgram('0', NODE), argv, {});
  if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
  const inventory = await startKubernetesInventory(invocation.options, {
    ...{ log, metrics, env: {}, version: '0', clock },
    states: new SourceStates({ log, metrics }),
    procfs: new ProcFs('/proc'),
  });
  t.after(() => inventory.close());
  await inventory.ready;
  return { inventory, clock };
}

test('a pod whose claim has a VF owns it, until it ends', async (t) => {
  const { api, log } = await startKubernetes(t);
  const pod = (phase: string) => {
    const status = annotated(JSON.stringify([{ name: 'telco/sriov-net1', interface: 'net1' }]));
    const listed = listedPod('u1', { ...status, creationTimestamp: '2026-11-20T10:00:00Z' });
    const resourceClaimStatuses = [{ name: 'vf', resourceClaimName: 'upf-0-vf-x7k2p' }];
    return { ...listed, status: { ...listed.status, phase, resourceClaimStatuses } };
  };
  api.put(`${PODS}/upf-0`, pod('Running'));
  api.put(
    resourcePath('resourceclaims', 'upf-0-vf-x7k2p'),
    claimObject({ reservedFor: ['u1'], devices: { vf: 'net1' } }),
  );
  api.put(resourcePath('resourceslices', 'slice'), sliceObject({ devices: { vf: VF } }));
  const { inventory } = await startInventory(t, { api, log });
  const owner = () => {
    const devices = new Set([VF]);
    const claims = inventory.claims?.(devices);
    const pods = inventory.source.pods(0) ?? [];
    return resolveOwners({ pods, devices, claims, arePodsListed: true, allocations: undefined }).owners.get(VF);
  };
  assert.deepEqual(await eventually(owner, (one) => one !== undefined), {
    ...{ podUid: 'u1', namespace: 'telco', pod: 'upf-0', source: 'resource-claim' },
    ...{ interface: 'net1', network: 'sriov-net1', nadNamespace: 'telco' },
  });
  api.put(`${PODS}/upf-0`, pod('Succeeded'));
  await eventually(owner, (one) => one === undefined);
});

test('who has addresses is told by a list that is of now', async (t) => {
  const kubernetes = await startKubernetes(t);
  const listed = listedPod('u1', { creationTimestamp: '2026-11-20T10:00:00Z' });
  kubernetes.api.put(`${PODS}/upf-0`, { ...listed, status: { ...listed.status, podIP: '10.1.0.7' } });
  const { inventory, clock } = await startInventory(t, kubernetes);
  const addresses = () => inventory.owners?.()?.pods?.map((pod) => pod.addresses);
  assert.deepEqual(await eventually(addresses, (known) => known?.length === 1), [['10.1.0.7']]);
  clock.shiftMs += 3_600_000;
  assert.equal(inventory.owners?.(), undefined);
});
