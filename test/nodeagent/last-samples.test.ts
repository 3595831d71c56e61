import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import type { Nodeagent } from '../../nodeagent/start.js';
import { createKubeApi, type KubeApiServer } from '../support/kube-api.js';
import { nodePodObject, pathOfPod, type NodePodObject } from '../support/node-pod-objects.js';
import { NodePods, PAIR, sendOverPair } from '../support/node-pods.js';
import { eventually, runNodeagent } from '../support/programs.js';
import { ReportReceiver } from '../support/report-receiver.js';
import { missing } from '../support/requirements.js';

const NODE = 'node-of-last-samples';
const TRANSMIT_PACKETS = INTERFACE_COUNTERS.indexOf('transmitPackets');
/** Far longer than the test takes: what comes between the first report and the next was sent out of turn. */
const INTERVAL = '120s';
const PACKETS = 7;

/** The subject of these tests is time: in so long pods that are about to end are read twice. */
const twoRounds = () => delay(1_200);

describe('the last sample of a pod', { skip: missing('root', 'ip', 'nsenter') }, () => {
  const pods = new NodePods('pnlast');
  let api: KubeApiServer;
  let receiver: ReportReceiver;
  let agent: Nodeagent;
  const podOf = (name: string): NodePodObject => ({
    name,
    uid: `00000000-0000-4000-8000-${name.padStart(12, '0')}`,
    node: NODE,
  });
  const names = ['1', '2', '3', '4'];

  before(async () => {
    api = await createKubeApi();
    receiver = await ReportReceiver.start();
    for (const name of names) {
      await pods.add({ uid: podOf(name).uid, ip: PAIR });
      api.put(pathOfPod(podOf(name)), nodePodObject(podOf(name)));
    }
    agent = await runNodeagent(receiver, [
      ...['--pod-source', 'kubernetes', '--kubeconfig', await api.kubeconfig(), '--node-name', NODE],
      ...['--interval', INTERVAL],
    ]);
    await eventually(
      () => receiver.reports.length,
      (count) => count === 1,
    );
  });
  after(async () => {
    await agent.close();
    await receiver.close();
    await api.close();
    await pods.close();
  });

  const send = (name: string): void => sendOverPair(pods.pidOf(podOf(name).uid), { count: PACKETS, payload: 1 });
  /** Of a pod in all samples. */
  const sent = (name: string): number[] =>
    receiver
      .sightings()
      .filter(({ uid, interfaceName }) => uid === podOf(name).uid && interfaceName === 'eth0')
      .map(({ reading }) => reading[TRANSMIT_PACKETS] ?? NaN);

  /** The first sample, and the last. */
  const isWhole = (packets: readonly number[]): boolean => packets.join() === `0,${PACKETS}`;

  test('the first sample is taken as soon as the pods are listed', () => {
    assert.deepEqual(names.map(sent), [[0], [0], [0], [0]]);
  });

  test('a pod that is being deleted is read until its processes end', async () => {
    const pod = podOf('1');
    api.put(pathOfPod(pod), nodePodObject({ ...pod, isTerminating: true }));
    send('1');
    await twoRounds();
    await pods.remove(pod.uid);
    await eventually(() => sent('1'), isWhole);
    api.remove(pathOfPod(pod));
  });

  test('a pod that is deleted at once is read once more', async () => {
    send('2');
    api.remove(pathOfPod(podOf('2')));
    await eventually(() => sent('2'), isWhole);
  });

  test('a pod whose containers end for good is read until its processes end', async () => {
    send('3');
    api.put(pathOfPod(podOf('3')), nodePodObject({ ...podOf('3'), phase: 'Succeeded' }));
    await twoRounds();
    await pods.remove(podOf('3').uid);
    await eventually(() => sent('3'), isWhole);
  });

  test('other pods have no reading in the samples of those that end', () => {
    assert.deepEqual(sent('4'), [0]);
    const [newest] = receiver.reports.slice(-1);
    assert.deepEqual(
      newest?.samples.map(({ sequence }) => sequence),
      newest?.samples.map(({ sequence }) => sequence).sort((a, b) => a - b),
    );
  });
});
