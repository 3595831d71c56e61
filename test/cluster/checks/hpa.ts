import assert from 'node:assert/strict';
import { CUSTOM_METRICS_GROUP, EXTERNAL_METRICS_GROUP } from '../../../openapi/metric-values.js';
import { conditionOf, listAt, nameOf, textAt } from '../json.js';
import { APPS, type AppName } from '../names.js';
import { wait, type Run } from '../run-context.js';
import { podsOf, replicasOf } from '../setup/deploy.js';
import type { Plan } from '../setup/registration.js';
import type { Pusher } from '../setup/pusher.js';
import { hpa, LOADS, type LoadName } from '../setup/workloads.js';
import { holds } from '../wait.js';
import { customPath } from './metrics.js';

interface Kind {
  readonly app: AppName;
  readonly kind: string;
  readonly group: typeof CUSTOM_METRICS_GROUP | typeof EXTERNAL_METRICS_GROUP;
  /** What the controller says when there is no metric: its reason, and in its message our words or those for an empty list. */
  readonly failure: { readonly reason: string; readonly message: RegExp };
}

const KINDS: readonly Kind[] = [
  {
    ...{ app: 'web-pods', kind: 'Pods', group: CUSTOM_METRICS_GROUP },
    failure: { reason: 'FailedGetPodsMetric', message: /no metrics returned from custom metrics API/ },
  },
  {
    ...{ app: 'web-object', kind: 'Object', group: CUSTOM_METRICS_GROUP },
    failure: { reason: 'FailedGetObjectMetric', message: /0 of \d+ pods have samples/ },
  },
  {
    ...{ app: 'web-external', kind: 'External', group: EXTERNAL_METRICS_GROUP },
    failure: { reason: 'FailedGetExternalMetric', message: /0 of \d+ pods have samples/ },
  },
];

export interface HpaDeps {
  readonly plan: Plan;
  readonly pusher: Pusher;
  /** Called when reports have stopped: a test lets time pass faster. */
  readonly onSilence?: (() => void) | undefined;
}

/** Three HPAs follow the load up and down, and stand still when nobody reports. */
export async function checkHpas(run: Run, { plan, pusher, onSilence }: HpaDeps): Promise<void> {
  const { outcomes, cluster, names, options } = run;
  const kinds = KINDS.filter(({ group }) => plan.groups.has(group));
  for (const { kind, group } of KINDS) {
    if (!plan.groups.has(group)) outcomes.skip(`HPA of kind ${kind}`, plan.leftOut.get(group) ?? '');
  }
  await outcomes.require('the HPAs are created', async () => {
    for (const { app } of kinds) await cluster.create(hpa(names, app, options.window));
  });
  await eachKind(kinds, run, 'has its metric', (kind) => untilActive(run, kind));
  for (const load of ['high', 'low'] as const) {
    pusher.setLoad(load);
    await eachKind(kinds, run, `scales to ${LOADS[load].replicas}`, ({ app }) => untilScaled(run, app, load));
    if (load === 'high' && plan.groups.has(CUSTOM_METRICS_GROUP)) await checkNewPods(run);
  }
  await eachKind(kinds, run, 'is still active after scaling', (kind) => untilActive(run, kind));
  pusher.setSilent(true);
  onSilence?.();
  await eachKind(kinds, run, 'says why there is no metric when nobody reports', (kind) => untilFailed(run, kind));
  // more load than there are pods for: whoever took silence for a number would scale
  pusher.setLoad('high');
  await outcomes.check('no HPA scales while nobody reports', () => staysAsItIs(run, kinds));
  pusher.setSilent(false);
  await eachKind(kinds, run, 'goes on when reports come again', ({ app }) => untilScaled(run, app, 'high'));
}

async function eachKind(
  kinds: readonly Kind[],
  { outcomes }: Run,
  what: string,
  assertion: (kind: Kind) => Promise<void>,
): Promise<void> {
  for (const kind of kinds) await outcomes.check(`HPA of kind ${kind.kind} ${what}`, () => assertion(kind));
}

function find({ cluster, names }: Run, app: AppName): Promise<unknown> {
  return cluster.get(`/apis/autoscaling/v2/namespaces/${names.load}/horizontalpodautoscalers/${app}`);
}

async function untilActive(run: Run, { app }: Kind): Promise<void> {
  await wait(run, `HPA ${app} to be active`, async () => {
    const { status, reason, message } = conditionOf(await find(run, app), 'ScalingActive');
    if (status === 'True') return { value: undefined };
    return { seen: `ScalingActive is "${status}": ${reason} ${message}` };
  });
}

async function untilFailed(run: Run, { app, failure }: Kind): Promise<void> {
  await wait(run, `HPA ${app} to find no metric`, async () => {
    const { status, reason, message } = conditionOf(await find(run, app), 'ScalingActive');
    const isIt = status === 'False' && reason === failure.reason && failure.message.test(message);
    return isIt ? { value: undefined } : { seen: `ScalingActive is "${status}": ${reason} ${message}` };
  });
}

async function untilScaled(run: Run, app: AppName, load: LoadName): Promise<void> {
  const { replicas: wanted } = LOADS[load];
  await wait(run, `${wanted} replicas of ${app}`, async () => {
    const [replicas, pods] = await Promise.all([replicasOf(run, app), podsOf(run, app)]);
    const running = pods.filter((pod) => textAt(pod, 'status', 'phase') === 'Running').length;
    if (replicas === wanted && running === wanted) return { value: undefined };
    const { reason, message } = conditionOf(await find(run, app), 'ScalingActive');
    return { seen: `${replicas} replicas, ${running} of ${pods.length} pods run; ${reason}: ${message}` };
  });
}

/** Pods that an HPA made are found by whoever reports, and answered. */
async function checkNewPods(run: Run): Promise<void> {
  await run.outcomes.check('pods that scaling made are in the metric', () =>
    wait(run, 'every pod in the metric', async () => {
      const items = listAt(await run.cluster.get(customPath(run, 'pods/%2A', 'web-pods')), 'items');
      const listed = items.map((item) => textAt(item, 'describedObject', 'name')).sort();
      const pods = (await podsOf(run, 'web-pods')).map(nameOf).sort();
      const isAll = pods.length === LOADS.high.replicas && pods.join() === listed.join();
      return isAll ? { value: undefined } : { seen: `${listed.join(' ')} of ${pods.join(' ')}` };
    }),
  );
}

async function staysAsItIs(run: Run, kinds: readonly Kind[]): Promise<void> {
  const replicas = async (): Promise<Record<string, number>> => {
    const apps = APPS.filter((app) => kinds.some((kind) => kind.app === app));
    const found = await Promise.all(apps.map(async (app) => [app, await replicasOf(run, app)] as const));
    return Object.fromEntries(found);
  };
  const before = await replicas();
  await holds(async () => assert.deepEqual(await replicas(), before), run.options.hold, run.patience);
}
