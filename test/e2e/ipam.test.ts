// Three agents that read IPAM endpoints, an apiserver, and an emulator of CloudWatch: what the nodes tell, what it adds up to, what is
// published of it. What the endpoints serve is made by hand (test/fixtures/ipamd).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Apiserver } from '../../apiserver/start.js';
import type { Nodeagent } from '../../nodeagent/start.js';
import { createFreezingProxy, type FreezingProxy } from '../support/freezing-proxy.js';
import { IpamdServer } from '../support/ipamd-server.js';
import { MOTO_REGION, MOTO_VARIABLES, startMoto, type Moto } from '../support/moto.js';
import { eventually, fetchText, runApiserver, runNodeagent } from '../support/programs.js';
import { missing } from '../support/requirements.js';

const NODES = ['n1', 'n2', 'n3'] as const;
const CLUSTER_ID = 'podnet-e2e';
const NAMESPACE = 'Kubernetes';
const PRESENT = readFileSync('test/fixtures/ipamd/quantiles.txt', 'utf8');
/** A node whose endpoint does not answer is missing after 15 s. */
const PATIENCE_MS = 60_000;
const OUTAGE_MS = 8_000;
const NAMES = [
  ...['addReqCount', 'assignIPAddresses', 'awsAPIErr', 'awsAPILatency', 'awsUtilErr', 'delReqCount', 'ec2ApiErrCount'],
  ...['ec2ApiReqCount', 'eniAllocated', 'eniMaxAvailable', 'forceRemoveENI', 'forceRemoveIPs', 'ipamdActionInProgress'],
  ...['ipamdErr', 'maxIPAddresses', 'nodesMissing', 'nodesReporting', 'podENIErr', 'reconcileCount'],
  ...['totalAssignedIPv4sPerCidr', 'totalIPAddresses', 'totalIPv4Prefixes'],
];

/** The text of a node that has so many addresses assigned and has had so many requests. */
function textOf(assigned: number, requests: number): string {
  return PRESENT.replace(/^awscni_assigned_ip_addresses .*$/m, `awscni_assigned_ip_addresses ${assigned}`).replace(
    /^awscni_add_ip_req_count .*$/m,
    `awscni_add_ip_req_count ${requests}`,
  );
}

describe('IP addresses of three nodes', { skip: missing('moto') }, () => {
  const ipamds: IpamdServer[] = [];
  const agents: Nodeagent[] = [];
  let moto: Moto;
  let cloudWatch: FreezingProxy;
  let server: Apiserver;

  before(async () => {
    Object.assign(process.env, MOTO_VARIABLES); // the SDK reads its own
    moto = await startMoto();
    cloudWatch = await createFreezingProxy(Number(new URL(moto.url).port));
    server = await runApiserver([
      ...['--publish.cloudwatch', '--publish.cloudwatch.interval', '1s', '--compat', 'cni-metrics-helper'],
      ...['--publish.cloudwatch.cluster-id', CLUSTER_ID, '--publish.cloudwatch.region', MOTO_REGION],
      ...['--publish.cloudwatch.endpoint', `http://127.0.0.1:${cloudWatch.port}`],
    ]);
    for (const [i, node] of NODES.entries()) {
      const ipamd = await IpamdServer.start(textOf(10 + i, 100 * (i + 1)));
      ipamds.push(ipamd);
      const flags = ['--node-name', node, '--interval', '1s', '--ipam.interval', '1s', '--pod-source', 'none'];
      agents.push(await runNodeagent(server, [...flags, ...ipamd.flags, '--compat', 'cni-metrics-helper']));
    }
    await eventually(
      () => cluster('podnet_ipam_nodes{state="reporting"}'),
      (count) => count === 3,
      PATIENCE_MS,
    );
  });
  after(async () => {
    await Promise.all(agents.map((agent) => agent.close()));
    await Promise.all([server.close(), ...ipamds.map((ipamd) => ipamd.close())]);
    await cloudWatch.close();
    await moto.close();
  });

  /** Of the apiserver, by its name and labels as they are printed. */
  async function cluster(series: string): Promise<number | undefined> {
    const { text } = await fetchText(server, '/metrics');
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  }

  /** What the emulator has of a metric, over all minutes. */
  async function published(
    name: string,
  ): Promise<{ sum: number; count: number; max: number; unit: string | undefined }> {
    const points = await moto.statistics({ namespace: NAMESPACE, name, clusterId: CLUSTER_ID });
    return {
      sum: points.reduce((sum, { Sum = 0 }) => sum + Sum, 0),
      count: points.reduce((sum, { SampleCount = 0 }) => sum + SampleCount, 0),
      max: Math.max(...points.map(({ Maximum = NaN }) => Maximum)),
      unit: points[0]?.Unit,
    };
  }

  test('every family of a node is there with its node, and the totals under names of their own', async () => {
    assert.equal(await cluster('podnet_ipam_assigned_ip_addresses{node="n2"}'), 11);
    assert.equal(await cluster('podnet_ipam_add_ip_req_total{node="n3"}'), 300);
    assert.equal(await cluster('podnet_ipam_cluster_assigned_ip_addresses'), 33);
    assert.equal(await cluster('podnet_ipam_cluster_ip_max'), 81);
    assert.equal(await cluster('podnet_ipam_cluster_free_ip_addresses'), 48);
    assert.equal(await cluster('podnet_ipam_cluster_add_ip_req_total'), 0);
    assert.equal(await cluster('podnet_ipam_nodes{state="missing"}'), 0);
    assert.equal(await cluster('awscni_assigned_ip_addresses'), 33);
    const agent = await (await fetch(`${agents[0]?.url}/metrics`)).text();
    assert.match(agent, /^podnet_ipam_assigned_ip_addresses\{node="n1"\} 10$/m);
    assert.match(agent, /^awscni_assigned_ip_addresses 10$/m);
  });

  test('the total answers on external.metrics.k8s.io, a node on custom.metrics.k8s.io', async () => {
    const total = await fetchText(
      server,
      '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/ipam_free_ip_addresses',
    );
    assert.equal((JSON.parse(total.text) as { items: { value: string }[] }).items[0]?.value, '48', total.text);
    const node = await fetchText(server, '/apis/custom.metrics.k8s.io/v1beta2/nodes/n2/ipam_assigned_ip_addresses');
    assert.equal((JSON.parse(node.text) as { items: { value: string }[] }).items[0]?.value, '11', node.text);
  });

  test('CloudWatch has the names of cni-metrics-helper, and what /metrics says', async () => {
    const isThere = ({ count }: { count: number }) => count >= 2;
    await eventually(() => published('addReqCount'), isThere, PATIENCE_MS);
    const found = await moto.metrics(NAMESPACE);
    const names = [...new Set(found.map(({ MetricName = '' }) => MetricName))].sort();
    assert.deepEqual(names, NAMES);
    assert.ok(found.every(({ Dimensions = [] }) => Dimensions.length === 1 && Dimensions[0]?.Value === CLUSTER_ID));
    // while the agents came one after the other it was of fewer, as nodesReporting tells
    const assigned = await eventually(
      () => published('assignIPAddresses'),
      ({ max }) => max === 33,
      PATIENCE_MS,
    );
    assert.equal(assigned.unit, 'Count');
    const latency = await published('awsAPILatency');
    assert.deepEqual([latency.max, latency.unit], [341, 'Milliseconds']);
    assert.equal((await published('addReqCount')).sum, 0);
  });

  test('growth is of each node, and an outage of CloudWatch loses none of it', async () => {
    const [first, second] = ipamds;
    assert.ok(first !== undefined && second !== undefined);
    first.text = textOf(10, 107); // of 100
    await eventually(
      () => published('addReqCount'),
      ({ sum }) => sum === 7,
      PATIENCE_MS,
    );
    await cloudWatch.refuse();
    second.text = textOf(11, 4); // a restart, from 200
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
    first.text = textOf(10, 109);
    await eventually(
      () => cluster('podnet_ipam_cluster_add_ip_req_total'),
      (value) => value === 13,
      PATIENCE_MS,
    );
    await cloudWatch.listen();
    await eventually(
      () => published('addReqCount'),
      ({ sum }) => sum === 13,
      PATIENCE_MS,
    );
    assert.equal(await cluster('podnet_apiserver_cloudwatch_dropped_values_total{reason="expired"}'), 0);
    // every second has its sample: none lost, none twice
    const query = { namespace: NAMESPACE, name: 'nodesReporting', clusterId: CLUSTER_ID, periodSeconds: 1 };
    const points = await moto.statistics(query);
    const seconds = points.map(({ Timestamp }) => Number(Timestamp) / 1_000);
    const [oldest = NaN] = seconds;
    assert.deepEqual(
      seconds,
      Array.from(seconds, (_, i) => oldest + i),
    );
    assert.ok(seconds.length > OUTAGE_MS / 1_000);
    const twice = points.reduce((sum, { SampleCount = 0 }) => sum + SampleCount - 1, 0);
    const counted = await cluster('podnet_apiserver_cloudwatch_possible_duplicates_total');
    assert.ok(twice <= (counted ?? 0), `${twice} of ${counted}`);
  });

  test('an endpoint that hangs makes its node missing, and delays nobody', async () => {
    const third = ipamds[2];
    assert.ok(third !== undefined);
    third.fault = 'hang';
    await eventually(
      () => cluster('podnet_ipam_nodes{state="missing"}'),
      (count) => count === 1,
      PATIENCE_MS,
    );
    assert.equal(await cluster('podnet_ipam_cluster_assigned_ip_addresses'), 21);
    const whole = await fetchText(
      server,
      '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/ipam_free_ip_addresses',
    );
    assert.equal(whole.statusCode, 404);
    assert.match(whole.text, /2 of 3 nodes/);
    third.fault = undefined;
    await eventually(
      () => cluster('podnet_ipam_nodes{state="reporting"}'),
      (count) => count === 3,
      PATIENCE_MS,
    );
    assert.equal(await cluster('podnet_ipam_cluster_add_ip_req_total'), 13);
  });
});
