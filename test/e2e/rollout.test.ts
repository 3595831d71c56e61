// A rolling update of two replicas, real processes, as a Deployment makes it: who asks through the Service notices nothing.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { sleep } from '../../runtime/sleep.js';
import { run, type Run } from '../support/bundle.js';
import { connectOverHttp1, type Connection, type Server } from '../support/connections.js';
import { startDeployment, type Deployment } from '../support/deployment.js';
import { createCertificateFiles, eventually } from '../support/programs.js';
import { SteadyFleet } from '../support/steady-fleet.js';

const NODES = 10;
const PODS_PER_NODE = 4;
const PODS = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/network_receive_bytes_per_second';
/** The kubelet and the kube-proxy take their time: longer than a look at readiness and a query together. */
const SHUTDOWN_DELAY = '1500ms';
const LOOK_MS = 200;
const PATIENCE_MS = 60_000;

interface Replica extends Server {
  readonly program: Run;
  readonly connection: Connection;
  readonly pushes: { stop: () => void };
  isReady: boolean;
  readonly looking: AbortController;
}

describe('a rolling update of two replicas under load', () => {
  let deployment: Deployment;
  let fleet: SteadyFleet;
  let files: Awaited<ReturnType<typeof createCertificateFiles>>;
  const replicas: Replica[] = [];

  before(async () => {
    files = await createCertificateFiles();
    deployment = await startDeployment();
    deployment.rules.push(() => true);
    deployment.api.remove('/api/v1/namespaces/podnet-system/pods/agent-a'); // it would never report
    for (let i = 0; i < NODES; i++) {
      const ownerReferences = [{ kind: 'DaemonSet', name: 'podnet-nodeagent', uid: 'ds', controller: true }];
      deployment.addPod('podnet-system', `agent-${i}`, { ownerReferences });
    }
    for (let i = 0; i < NODES * PODS_PER_NODE; i++) deployment.addPod('default', `web-${i}`);
    fleet = new SteadyFleet({
      nodes: NODES,
      podsPerNode: PODS_PER_NODE,
      token: (i) => deployment.agentToken({ node: `node-${i}`, pod: { name: `agent-${i}`, uid: `uid-agent-${i}` } }),
    });
  });
  after(async () => {
    fleet?.close();
    for (const { program, connection, looking } of replicas) {
      looking.abort();
      connection.close();
      program.child.kill('SIGKILL');
    }
    await Promise.all(replicas.map(({ program }) => program.ended));
    await deployment?.close();
    await files?.remove();
  });

  /** As a Pod of the Deployment: agents find it before it is ready, clients when it is. */
  async function start(): Promise<Replica> {
    const program = run(process.execPath, [
      ...[
        join(import.meta.dirname, '../../cli/podnet.js'),
        'apiserver',
        '--kubeconfig',
        await deployment.api.kubeconfig(),
      ],
      ...[...files.flags, '--secure-port', '0', '--bind-address', '127.0.0.1', '--shutdown-delay', SHUTDOWN_DELAY],
    ]);
    const url = await eventually(
      () => /"url":"([^"]+)"/.exec(program.error())?.[1],
      (found) => found !== undefined,
      PATIENCE_MS,
    );
    const server = { url: url ?? '', ca: files.ca };
    const replica: Replica = {
      ...{ ...server, program, isReady: false, looking: new AbortController() },
      connection: connectOverHttp1(server),
      pushes: fleet.pushTo(server),
    };
    replicas.push(replica);
    void lookAt(replica);
    return replica;
  }

  /** As a kubelet does, and whoever follows the EndpointSlices. */
  async function lookAt(replica: Replica): Promise<void> {
    const probe = connectOverHttp1(replica);
    while (!replica.looking.signal.aborted) {
      const answer = await probe.ask('/readyz').catch(() => undefined);
      replica.isReady = answer?.statusCode === 200;
      await sleep(LOOK_MS, replica.looking.signal);
    }
    probe.close();
  }

  const ready = (replica: Replica) =>
    eventually(
      () => replica.isReady,
      (isReady) => isReady,
      PATIENCE_MS,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${replica.program.error()}\n${fleet.problems.join('\n')}`);
    });

  /** Agents hear that it is terminating when everybody does. */
  async function terminate(replica: Replica): Promise<void> {
    replica.program.child.kill('SIGTERM');
    await eventually(
      () => replica.isReady,
      (isReady) => !isReady,
      PATIENCE_MS,
    );
    replica.pushes.stop();
    assert.equal(await replica.program.ended, 0, replica.program.error());
    replica.looking.abort();
    replica.connection.close();
  }

  async function figures({ connection }: Replica, query = ''): Promise<Map<string, string>> {
    const { statusCode, body, text } = await connection.ask<MetricValueListV1Beta2>(`${PODS}${query}`);
    assert.equal(statusCode, 200, text);
    return new Map(body.items.map(({ describedObject, value }) => [describedObject.name, value]));
  }

  test('every query is answered, with every pod and its value; a long window is the same on a new replica', async () => {
    const [first, second] = [await start(), await start()];
    await Promise.all([ready(first), ready(second)]);
    const stop = new AbortController();
    const seen = { answers: 0, replicas: new Set<Replica>(), wrong: [] as unknown[] };
    const asking = ask(stop.signal, seen);
    const third = await start();
    await ready(third);
    await terminate(first);
    const fourth = await start();
    await ready(fourth);
    await terminate(second);
    await sleep(1_000, stop.signal);
    stop.abort();
    await asking;
    assert.deepEqual(seen.wrong, []);
    assert.equal(seen.replicas.size, 4);
    assert.ok(seen.answers > 100, `${seen.answers} answers`);

    const last = fleet.pause();
    const long = '?metricLabelSelector=window%3D5m';
    await eventually(
      () => Promise.all([third, fourth].map((replica) => figures(replica, long))),
      (all) => new Set(all.map((one) => JSON.stringify([...one]))).size === 1,
    );
    // With the fast minute in it: it is of long before any of these began.
    const [bytes] = [(await figures(fourth, long)).get('web-0')];
    assert.ok(bytes !== undefined && bytes !== '1k', `${bytes} after sequence ${last}`);
  });

  /** A client of the Service: a kube-proxy has led it to one of those that were ready when it looked. */
  async function ask(
    signal: AbortSignal,
    seen: { answers: number; readonly replicas: Set<Replica>; readonly wrong: unknown[] },
  ): Promise<void> {
    const expected = fleet.rates();
    for (let i = 0; !signal.aborted; i++) {
      const there = replicas.filter(({ isReady }) => isReady);
      const replica = there[i % there.length];
      if (replica === undefined) {
        seen.wrong.push('nobody is ready');
      } else {
        seen.replicas.add(replica);
        try {
          assert.deepEqual(await figures(replica), expected);
        } catch (error) {
          seen.wrong.push(`replica ${replicas.indexOf(replica)}: ${String(error)}`);
        }
        seen.answers++;
      }
      await sleep(20, signal);
    }
  }
});
