import assert from 'node:assert/strict';
import { CUSTOM_METRICS_GROUP, EXTERNAL_METRICS_GROUP } from '../../../openapi/metric-values.js';
import { PODNET_GROUP } from '../../../openapi/podnet-api.js';
import { listAt, nameOf, textAt } from '../json.js';
import type { AppName } from '../names.js';
import { wait, type Run } from '../run-context.js';
import { podsOf } from '../setup/deploy.js';
import type { Plan } from '../setup/registration.js';
import { selectorValue } from '../../../metrics/labels.js';
import { VF_RESOURCE } from '../setup/pusher.js';
import { LOADS, METRIC, networkOf, vfNetworkOf } from '../setup/workloads.js';

export const CUSTOM = `/apis/${CUSTOM_METRICS_GROUP}/v1beta2`;
export const EXTERNAL = `/apis/${EXTERNAL_METRICS_GROUP}/v1beta1`;
export const PODNET = `/apis/${PODNET_GROUP}/v1alpha1`;

const MINOR_WITH_OPENAPI_V3 = 27;

/** Path of the metric of an app's pods, or of one object, as the HPA writes it. */
export function customPath(
  { names, options }: Run,
  object: string,
  app: AppName,
  selector = `network=${networkOf(app)}`,
): string {
  const query = new URLSearchParams({ metricLabelSelector: `${selector},window=${options.window}` });
  if (object === 'pods/%2A') query.set('labelSelector', `app=${app}`);
  return `${CUSTOM}/namespaces/${names.load}/${object}/${METRIC}?${query.toString()}`;
}

export function externalPath({ names, options }: Run, app: AppName): string {
  const query = new URLSearchParams({ labelSelector: `network=${networkOf(app)},window=${options.window}` });
  return `${EXTERNAL}/namespaces/${names.load}/${METRIC}?${query.toString()}`;
}

/** What the API answers through the aggregation layer. */
export async function checkMetrics(run: Run, { groups, leftOut }: Plan): Promise<void> {
  const { outcomes } = run;
  if (groups.has(CUSTOM_METRICS_GROUP)) await checkCustom(run);
  else outcomes.skip('custom metrics', leftOut.get(CUSTOM_METRICS_GROUP) ?? '');
  if (groups.has(EXTERNAL_METRICS_GROUP)) {
    await outcomes.check('an External metric adds up the pods of its network', () =>
      untilValues(run, externalPath(run, 'web-external'), ([value]) => isNear(value, LOADS.start.bytesPerSecond)),
    );
  } else outcomes.skip('external metrics', leftOut.get(EXTERNAL_METRICS_GROUP) ?? '');
  if (groups.has(PODNET_GROUP)) await checkPodnet(run);
  else outcomes.skip('podnet.dev', leftOut.get(PODNET_GROUP) ?? '');
}

async function checkCustom(run: Run): Promise<void> {
  const { outcomes, cluster, names } = run;
  const each = LOADS.start.bytesPerSecond / LOADS.start.replicas;
  await outcomes.check('the metric of pods lists exactly the pods, each with its rate', () =>
    untilValues(run, customPath(run, 'pods/%2A', 'web-pods'), (values) => {
      return values.length === LOADS.start.replicas && values.every((value) => isNear(value, each));
    }),
  );
  await outcomes.check('one pod is answered by name', async () => {
    const [pod] = await podsOf(run, 'web-pods');
    await untilValues(run, customPath(run, `pods/${nameOf(pod)}`, 'web-pods'), (values) => values.length === 1);
  });
  await outcomes.check('pods whose VF has no netdev answer by its network, its PF and its resource', async () => {
    for (const selector of [`network=${vfNetworkOf('web-pods')}`, `pf=ens1f0,resource=${selectorValue(VF_RESOURCE)}`]) {
      await untilValues(run, customPath(run, 'pods/%2A', 'web-pods', selector), (values) => {
        return values.length === LOADS.start.replicas && values.every((value) => isNear(value, each));
      });
    }
  });
  await outcomes.check('the metric of a Service adds up its pods', () =>
    untilValues(run, customPath(run, 'services/web-object', 'web-object'), ([value]) =>
      isNear(value, LOADS.start.bytesPerSecond),
    ),
  );
  await outcomes.check('v1beta1 answers as well, v1beta2 is preferred', async () => {
    const older = `/apis/${CUSTOM_METRICS_GROUP}/v1beta1/namespaces/${names.load}/pods/%2A/${METRIC}`;
    assert.equal(textAt(await cluster.get(older), 'apiVersion'), `${CUSTOM_METRICS_GROUP}/v1beta1`);
    const group = await cluster.get(`/apis/${CUSTOM_METRICS_GROUP}`);
    assert.equal(textAt(group, 'preferredVersion', 'version'), 'v1beta2');
  });
}

async function checkPodnet(run: Run): Promise<void> {
  const { outcomes, cluster, names } = run;
  await outcomes.check('podnetworks lists the interfaces of the pods', () =>
    wait(run, 'podnetworks', async () => {
      const items = await cluster.list(`${PODNET}/namespaces/${names.load}/podnetworks`);
      const expected = 3 * LOADS.start.replicas;
      return items.length >= expected ? { value: undefined } : { seen: `${items.length} of ${expected}` };
    }),
  );
  await outcomes.check('virtualfunctions lists each VF with the pod that has it', () =>
    wait(run, 'virtualfunctions', async () => {
      const items = await cluster.list(`${PODNET}/virtualfunctions?fieldSelector=namespace%3D${names.load}`);
      const pods = new Set(items.map((item) => textAt(item, 'pod', 'name')));
      const expected = LOADS.start.replicas;
      return pods.size === expected && !pods.has('') ? { value: undefined } : { seen: [...pods].join(', ') };
    }),
  );
  const name = "OpenAPI v3 of the cluster has podnet's kinds";
  if (run.minor !== undefined && run.minor < MINOR_WITH_OPENAPI_V3) {
    outcomes.skip(name, `that begins with 1.${MINOR_WITH_OPENAPI_V3}`);
    return;
  }
  // the API server fetches documents once a minute
  await outcomes.check(name, () =>
    wait(run, 'the document', async () => {
      const text = JSON.stringify((await cluster.find(`/openapi/v3${PODNET}`)) ?? null);
      return text.includes('PodNetwork') ? { value: undefined } : { seen: text.slice(0, 200) };
    }),
  );
}

async function untilValues(run: Run, path: string, isIt: (values: readonly number[]) => boolean): Promise<void> {
  await wait(run, path, async () => {
    const values = listAt(await run.cluster.get(path), 'items').map((item) => quantity(textAt(item, 'value')));
    return isIt(values) ? { value: undefined } : { seen: `values ${values.join(', ') || 'none'}` };
  });
}

const SUFFIXES: Readonly<Record<string, number>> = { m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9 };

/** Kubernetes' decimal quantities, those of them that rates have. */
function quantity(text: string): number {
  const [, digits = '', suffix = '?'] = /^(\d+)([mkMG]?)$/.exec(text) ?? [];
  return Number(digits) * (SUFFIXES[suffix] ?? NaN);
}

/** The pods of an app are counted anew as they come and go. */
function isNear(value: number | undefined, wanted: number): boolean {
  return value !== undefined && Math.abs(value - wanted) < 0.1 * wanted;
}
