// What an agent serves of a pod while its network annotation changes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Nodeagent } from '../../nodeagent/start.js';
import { createKubeApi, type KubeApiServer } from '../support/kube-api.js';
import { NETWORK_STATUS } from '../support/listed-pods.js';
import { nodePodObject, pathOfPod } from '../support/node-pod-objects.js';
import { NodePods } from '../support/node-pods.js';
import { eventually, runNodeagent } from '../support/programs.js';
import { ReportReceiver } from '../support/report-receiver.js';
import { missing } from '../support/requirements.js';

const POD = { name: 'changing', uid: '00000000-0000-4000-8000-0000000000a1', node: 'node-of-annotations' };
/** With some changes for each, as a sweep takes far longer to come than a scrape. */
const NETWORKS_SEEN = 30;
/** Each has one line for each interface. */
const FAMILIES = ['podnet_interface_info', 'podnet_interface_receive_bytes_total'];

const statusOf = (network: string): string => JSON.stringify([{ name: network, interface: 'eth0', default: true }]);

describe('a network annotation that changes', { skip: missing('root', 'ip') }, () => {
  const pods = new NodePods('pnannot');
  let api: KubeApiServer;
  let receiver: ReportReceiver;
  let agent: Nodeagent;

  const annotate = (text: string): void => {
    api.put(pathOfPod(POD), nodePodObject({ ...POD, annotations: { [NETWORK_STATUS]: text } }));
  };
  const scrape = async (): Promise<string> => (await fetch(`${agent.url}/metrics`)).text();
  const valueOf = (text: string, series: string): number | undefined => {
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  };
  /** Networks of eth0, one for each of its lines. */
  const networksIn = (text: string, family: string): string[] =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${family}{`) && /,pod="changing",interface="eth0",/.test(line))
      .map((line) => /,network="([^"]*)"/.exec(line)?.[1] ?? 'no label');
  const becomes = (network: string): Promise<string> =>
    eventually(scrape, (text) => FAMILIES.every((family) => networksIn(text, family).join() === network));

  before(async () => {
    api = await createKubeApi();
    receiver = await ReportReceiver.start();
    await pods.add({ uid: POD.uid, ip: ['link add eth0 type veth peer name net1'] });
    annotate(statusOf('net-0'));
    agent = await runNodeagent(receiver, [
      ...['--pod-source', 'kubernetes', '--kubeconfig', await api.kubeconfig(), '--node-name', POD.node],
      ...['--interval', '100ms'],
    ]);
    await becomes('net-0');
  });
  after(async () => {
    await agent.close();
    await receiver.close();
    await api.close();
    await pods.close();
  });

  // Fault of network-metrics-daemon: while the names of a pod change, a scrape finds none.
  test('each scrape has the interface once, on the old network or the new', { timeout: 60_000 }, async () => {
    const seen = new Set<number>();
    let [oldest, newest] = [0, 0];
    // At each moment of a sweep, so not after what the sweep before has told.
    while (seen.size < NETWORKS_SEEN) {
      newest++;
      annotate(statusOf(`net-${newest}`));
      const text = await scrape();
      const [told = [], counted] = FAMILIES.map((family) => networksIn(text, family));
      assert.deepEqual(told, counted, 'one scrape has one word for it');
      assert.equal(told.length, 1, `${told.join(' and ')} between net-${oldest} and net-${newest}`);
      const network = Number(told[0]?.replace('net-', ''));
      assert.ok(oldest <= network && network <= newest, `${network} between ${oldest} and ${newest}`);
      oldest = network;
      seen.add(network);
    }
    await becomes(`net-${newest}`);
  });

  test('a malformed annotation is counted while it is there', async () => {
    const series = 'podnet_nodeagent_network_annotations_bad{reason="not_json"}';
    assert.equal(valueOf(await scrape(), series), undefined);
    annotate('[{"name":');
    await eventually(scrape, (text) => valueOf(text, series) === 1);
    assert.equal(networksIn(await scrape(), 'podnet_interface_info').length, 1, 'its interface is still there');
    annotate(statusOf('mended'));
    assert.equal(valueOf(await becomes('mended'), series), undefined);
  });

  test('the age of the pod list is the time since the API was last heard', async () => {
    const age = (text: string): number => valueOf(text, 'podnet_nodeagent_pod_list_age_seconds') ?? NaN;
    const startedMs = performance.now();
    const elapsed = (): number => (performance.now() - startedMs) / 1_000;
    annotate(statusOf('last-heard'));
    const first = age(await becomes('last-heard'));
    assert.ok(first >= 0 && first <= elapsed(), `${first} s of ${elapsed()} s`);
    await api.down();
    const silentSince = elapsed();
    const later = age(await eventually(scrape, (text) => age(text) > silentSince + 1));
    assert.ok(later <= elapsed(), `${later} s of ${elapsed()} s`);
  });
});
