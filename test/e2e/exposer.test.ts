// Two apiservers, scraped as one by a real Prometheus: each series exists once, and no counter steps back when the one that exposes is gone.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../support/programs.js';
import { startPrometheus, type Prometheus } from '../support/prometheus.js';
import { EXPOSER_LEASE, RATES, ReplicaBed, type ReplicaProcess } from '../support/replicas.js';
import { missing } from '../support/requirements.js';

const NODES = ['node-a', 'node-b', 'node-c'];
const PATIENCE_MS = 90_000;
const SCRAPE = '/metrics?exposer=only';
const BYTES = 'podnet_interface_receive_bytes_total';
const ADDRESSES = 'podnet_ipam_cluster_add_ip_req_total';

/** `podnet` is as the shipped monitor has it: the target's own labels dropped. `apart` tells the replicas apart. */
function configOf({ token, replicas }: ReplicaBed): string {
  const targets = replicas.map(({ host }) => `'${host}'`).join(', ');
  const job = (name: string, more: string): string => `
- job_name: ${name}
  scheme: https
  honor_labels: true
  params: {exposer: [only]}
  authorization: {credentials: '${token}'}
  tls_config: {ca_file: ca.pem}
  static_configs: [{targets: [${targets}]}]
  ${more}`;
  const drop = 'metric_relabel_configs: [{action: labeldrop, regex: instance}]';
  return `global: {scrape_interval: 1s}\nscrape_configs:${job('podnet', drop)}${job('apart', '')}\n`;
}

async function untilExposing(bed: ReplicaBed, isOther?: ReplicaProcess): Promise<ReplicaProcess> {
  const found = await eventually(
    () => bed.exposing(),
    (one) => one !== undefined && one !== isOther,
    PATIENCE_MS,
  );
  assert.ok(found);
  return found;
}

function holderOf({ api }: ReplicaBed): unknown {
  return (api.objects.get(EXPOSER_LEASE)?.['spec'] as { readonly holderIdentity?: string } | undefined)?.holderIdentity;
}

async function valueOf(prometheus: Prometheus, expression: string): Promise<number | undefined> {
  return (await prometheus.query(expression))[0]?.value;
}

describe('replicas scraped as one', { concurrency: true, skip: missing('prometheus') }, () => {
  test('a kill of the one that exposes costs no count, and adds none', async (t) => {
    const bed = await ReplicaBed.start(NODES);
    t.after(() => bed.close());
    const prometheus = await startPrometheus(configOf(bed), { 'ca.pem': bed.ca });
    t.after(() => prometheus.close());
    const first = await untilExposing(bed);
    // Some scrapes of the one and of the other, with the time in between in the middle of it.
    const seen = (samples: number) =>
      eventually(
        () => valueOf(prometheus, `count_over_time(podnet_pod_info{job="podnet",node="node-a"}[5m])`),
        (count) => (count ?? 0) >= samples,
        PATIENCE_MS,
      );
    await seen(6);
    // The nodes began to count before anybody added it up: what is missing of it says what a hand-over loses. It is shown a second late, too.
    const uncounted = `sum(${BYTES}{job="podnet"}) * ${RATES.addresses / RATES.bytes} - scalar(${ADDRESSES}{job="podnet"})`;
    const missingBefore = (await valueOf(prometheus, `min_over_time((${uncounted})[10s:1s])`)) ?? NaN;
    first.program.child.kill('SIGKILL');
    await first.program.ended;
    await untilExposing(bed, first);
    const before = (await seen(0)) ?? 0;
    await seen(before + 6);
    // A range that begins while the first one exposed, so that the kill is in it.
    const sinceSeconds = `time() - min_over_time(timestamp(podnet_pod_info{job="podnet",node="node-a"})[5m:1s])`;
    const rangeSeconds = Math.floor((await valueOf(prometheus, sinceSeconds)) ?? 0) - 3;
    assert.ok(rangeSeconds > 20, String(rangeSeconds));
    for (const [family, perSecond, series] of [
      [BYTES, RATES.bytes, NODES.length],
      [ADDRESSES, RATES.addresses * NODES.length, 1],
    ] as const) {
      const grown = await prometheus.query(`increase(${family}{job="podnet"}[${rangeSeconds}s])`);
      assert.equal(grown.length, series);
      for (const { value } of grown) {
        const ratio = value / (perSecond * rangeSeconds);
        assert.ok(Math.abs(ratio - 1) < 0.1, `${family}: ${value} in ${rangeSeconds} s`);
      }
    }
    await bed.settle();
    await eventually(
      () => prometheus.query(`${BYTES}{job="podnet"}`),
      (found) => found.length === NODES.length && found.every(({ value }) => value === bed.countedBytes),
    );
    const perSecond = RATES.addresses * NODES.length;
    const lost = await eventually(
      async () => ((await valueOf(prometheus, uncounted)) ?? NaN) - missingBefore,
      (count) => count < 4 * perSecond,
    );
    assert.ok(lost > -2 * perSecond, `${-lost} were counted twice`);
    await assertWhole(prometheus);
  });

  test('one that was frozen shows nothing when it wakes up, one that ends gives the Lease back first', async (t) => {
    const bed = await ReplicaBed.start(['node-a']);
    t.after(() => bed.close());
    const first = await untilExposing(bed);
    assert.match((await first.scrape(SCRAPE)) ?? '', new RegExp(`^${BYTES}\\{`, 'm'));
    const connection = first.connect();
    t.after(() => connection.close());
    const headers = { authorization: `Bearer ${bed.token}` };
    await connection.ask('/livez', { headers });
    const held = holderOf(bed);
    first.program.child.kill('SIGSTOP');
    const waiting = connection.ask(SCRAPE, { headers });
    await eventually(
      () => holderOf(bed),
      (holder) => holder !== held,
      PATIENCE_MS,
    );
    first.program.child.kill('SIGCONT');
    const { statusCode, text } = await waiting;
    assert.deepEqual([statusCode, text], [200, '']);
    const second = await untilExposing(bed);
    assert.notEqual(second, first);
    assert.equal(await first.scrape(SCRAPE), '');
    const given = holderOf(bed);
    second.program.child.kill('SIGTERM');
    await eventually(
      () => holderOf(bed),
      (holder) => holder !== given,
      2_900, // less than --shutdown-delay, and than what a Lease takes to run out
    );
    assert.equal(await second.scrape(SCRAPE), '');
    assert.equal(await second.program.ended, 0);
  });
});

/** Over all that was scraped: no series of two replicas at a time, nothing that went down, nothing of the processes themselves. */
async function assertWhole(prometheus: Prometheus): Promise<void> {
  const names = await prometheus.query(
    'count by (__name__) (last_over_time({job="podnet",__name__=~"podnet_.*"}[5m]))',
  );
  const families = names.map(({ metric }) => metric['__name__'] ?? '');
  assert.ok(families.includes(BYTES) && families.includes(ADDRESSES), families.join());
  assert.deepEqual(
    families.filter((name) => name.startsWith('podnet_apiserver_')),
    [],
  );
  for (const family of families) {
    const most = await valueOf(
      prometheus,
      `max(max_over_time(count without (instance) (${family}{job="apart"})[3m:1s]))`,
    );
    assert.equal(most, 1, family);
    if (!family.endsWith('_total')) continue;
    assert.equal(await valueOf(prometheus, `max(resets(${family}{job="podnet"}[5m]))`), 0, family);
  }
  const replicas = await prometheus.query(`count by (instance) (last_over_time(podnet_pod_info{job="apart"}[5m]))`);
  assert.equal(replicas.length, 2, 'both have exposed');
}
