// What `npm run test:e2e` does, against a small cluster that the test plays: its requests and its assertions, not Kubernetes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RUN_LABEL } from '../cluster/names.js';
import { clusterTestProgram } from '../cluster/options.js';
import { EXIT, runClusterTest, type RunDeps } from '../cluster/run.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { startKubeCluster, type KubeCluster } from '../support/kube-cluster.js';
import { createShiftedClock } from '../support/programs.js';

const FAST = ['--timeout', '10s', '--hold', '500ms', '--push-interval', '200ms', '--window', '1s'];

describe('npm run test:e2e', () => {
  let cluster: KubeCluster;
  before(async () => {
    cluster = await startKubeCluster();
  });
  after(() => cluster.close());

  async function run(
    flags: readonly string[],
    overrides: Partial<RunDeps> = {},
  ): Promise<{ code: number; out: string }> {
    const invocation = parseOptions(clusterTestProgram, flags, {});
    if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
    const clock = createShiftedClock();
    let out = '';
    const code = await runClusterTest(invocation.options, {
      ...{ clock, env: { KUBECONFIG: cluster.kubeconfig }, stop: new AbortController().signal, pollMs: 50 },
      write: (text) => (out += text),
      onSilence: () => (clock.shiftMs += 20_000),
      ...overrides,
    });
    return { code, out };
  }

  /** Paths of what bears the label of a run. */
  function left(): string[] {
    return [...cluster.api.objects]
      .filter(([, { metadata }]) => JSON.stringify(metadata['labels'] ?? {}).includes(RUN_LABEL))
      .map(([path]) => path);
  }

  test('every assertion holds, and nothing is left', async () => {
    const { code, out } = await run(FAST);
    console.log(out);
    assert.equal(code, EXIT.ok, out);
    assert.deepEqual(left(), []);
  });
});
