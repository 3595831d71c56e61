import assert from 'node:assert/strict';
import { CUSTOM_METRICS_GROUP, EXTERNAL_METRICS_GROUP } from '../../../openapi/metric-values.js';
import { PODNET_GROUP } from '../../../openapi/podnet-api.js';
import { listAt, textAt } from '../json.js';
import { kubectl, noKubectl } from '../kubectl.js';
import { wait, type Run } from '../run-context.js';
import type { Plan } from '../setup/registration.js';
import { READERS } from '../setup/rights.js';
import { METRIC } from '../setup/workloads.js';
import { CUSTOM, customPath, externalPath } from './metrics.js';

const AS_READER = ['--as=alice', `--as-group=${READERS.group}`];

/** What a person sees. */
export async function checkKubectl(run: Run, { groups, leftOut }: Plan): Promise<void> {
  const { outcomes } = run;
  const absent = noKubectl();
  if (absent !== false) {
    outcomes.skip('kubectl', absent);
    return;
  }
  if (groups.has(CUSTOM_METRICS_GROUP)) await checkRaw(run);
  else outcomes.skip('kubectl get --raw of custom metrics, and who may', leftOut.get(CUSTOM_METRICS_GROUP) ?? '');
  if (groups.has(EXTERNAL_METRICS_GROUP)) {
    await outcomes.check('kubectl get --raw prints an External metric', async () => {
      const answer: unknown = JSON.parse(await succeed(run, 'get', '--raw', externalPath(run, 'web-external')));
      assert.equal(textAt(answer, 'kind'), 'ExternalMetricValueList');
    });
  }
  if (groups.has(PODNET_GROUP)) await checkResources(run);
  else outcomes.skip('kubectl get podnetworks, explain', leftOut.get(PODNET_GROUP) ?? '');
}

async function checkRaw(run: Run): Promise<void> {
  const { outcomes, names } = run;
  const path = customPath(run, 'pods/%2A', 'web-pods');
  await outcomes.check('kubectl get --raw prints a metric of pods', async () => {
    const answer: unknown = JSON.parse(await succeed(run, 'get', '--raw', path));
    assert.equal(textAt(answer, 'kind'), 'MetricValueList');
    assert.ok(listAt(answer, 'items').length > 0);
  });
  await outcomes.check('kubectl prints our reason for a metric that is none', async () => {
    const { code, error } = await kubectl(run, 'get', '--raw', path.replace(METRIC, 'no_such_metric'));
    assert.equal(code, 1);
    assert.match(error, /\(NotFound\): the server could not find the metric no_such_metric for pods; served are /);
  });
  await outcomes.check('a user without rights is denied', async () => {
    const plain = `${CUSTOM}/namespaces/${names.load}/pods/%2A/${METRIC}`;
    const { code, error } = await kubectl(run, '--as=alice', 'get', '--raw', plain);
    assert.equal(code, 1);
    const who = 'pods.custom.metrics.k8s.io "*" is forbidden: User "alice" cannot get resource';
    assert.ok(error.includes(`Error from server (Forbidden): ${who} "pods/${METRIC}"`), error);
  });
  await outcomes.check('impersonation with a group that may read is answered', async () => {
    assert.match(await succeed(run, ...AS_READER, 'get', '--raw', path), /"MetricValueList"/);
  });
}

async function checkResources(run: Run): Promise<void> {
  const { outcomes, names } = run;
  await outcomes.check('kubectl get podnetworks prints a table', async () => {
    const [header = '', first = ''] = (await succeed(run, 'get', 'podnetworks', '-n', names.load)).split('\n');
    assert.match(header, /^NAME +NETWORK +RECEIVE +TRANSMIT/);
    assert.match(first, /^web-\S+\.eth0 +net-web-/);
  });
  await outcomes.check('kubectl get podnetworks -A -o json prints the objects', async () => {
    const list: unknown = JSON.parse(await succeed(run, 'get', 'podnetworks', '-A', '-o', 'json'));
    const own = listAt(list, 'items').filter((item) => textAt(item, 'metadata', 'namespace') === names.load);
    assert.equal(textAt(own[0], 'kind'), 'PodNetwork');
  });
  await outcomes.check('kubectl get nodenetworks prints the nodes', async () => {
    assert.match(await succeed(run, 'get', 'nodenetworks'), /^NAME +PODS +INTERFACES +VFS/);
  });
  // of custom metrics it cannot be asked: kubectl knows no subresources of resources that are not listed themselves
  await outcomes.check('kubectl auth can-i tells who may read', async () => {
    const question = ['auth', 'can-i', 'list', `podnetworks.${PODNET_GROUP}`, '-n', names.load];
    assert.match(await succeed(run, ...question, ...AS_READER), /^yes/m);
    const denied = await kubectl(run, ...question, '--as=alice');
    assert.deepEqual([denied.code, /^no/m.test(denied.out)], [1, true], `${denied.out}${denied.error}`);
  });
  for (const [what, said] of [
    ['podnetworks', /^KIND: +PodNetwork$/m],
    ['podnetworks.rates', /^FIELDS:$/m],
  ] as const) {
    // the API server fetches descriptions once a minute
    await outcomes.check(`kubectl explain ${what}`, () =>
      wait(run, `the explanation of ${what}`, async () => {
        const { out, error } = await kubectl(run, 'explain', what);
        return said.test(out) ? { value: undefined } : { seen: `${out}${error}`.trim() };
      }),
    );
  }
}

/** What kubectl prints. @throws with its complaint when it fails */
async function succeed(run: Run, ...args: readonly string[]): Promise<string> {
  const { code, out, error } = await kubectl(run, ...args);
  assert.equal(code, 0, `kubectl ${args.join(' ')}: ${error}`);
  return out;
}
