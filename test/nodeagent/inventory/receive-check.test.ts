import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReceiveCheck, type ReceiveReading } from '../../../nodeagent/inventory/receive-check.js';

interface Sweep {
  readonly eth0?: number;
  readonly net1?: number;
  readonly lo?: number;
  readonly ip?: number;
  readonly group?: number;
}

/** Sweeps every 15 s over a pod, each told by what was received between it and the one before. */
function watch({ used = ['eth0'], packet = 100 }: { used?: string[]; packet?: number } = {}) {
  const check = new ReceiveCheck();
  const total = { eth0: 1e10, net1: 1e10, lo: 5e5, ip: 9e9, group: 0 };
  let second = 0;
  return {
    total,
    check,
    sweep: (grown: Sweep = {}, overrides: Partial<ReceiveReading> = {}) => {
      total.eth0 += grown.eth0 ?? 0;
      total.net1 += grown.net1 ?? 0;
      total.lo += grown.lo ?? 0;
      total.ip += grown.ip ?? 0;
      total.group += grown.group ?? 0;
      second += 15;
      return check.check({
        ...{ uid: 'u', netns: '1', atMs: second * 1_000 },
        interfaces: (['eth0', 'net1'] as const).map((name, i) => ({
          ...{ name, identity: `1/${i + 2}`, receiveBytes: total[name], isUsed: used.includes(name) },
        })),
        loopback: { bytes: total.lo, packets: total.lo / packet },
        ip: { bytes: total.ip, groupBytes: total.group, packets: total.ip / packet },
        ...overrides,
      });
    },
  };
}

const SOUND = { kind: 'sound' };
const ip = (receiveBytes: number) => ({ kind: 'ip', name: 'eth0', receiveBytes, receivePackets: receiveBytes / 100 });
const unreliable = (...names: string[]) => ({ kind: 'unreliable', names: new Set(names) });

test('the first sweep finds nothing where the interface has counted all there was', () => {
  const { sweep } = watch();
  assert.deepEqual(sweep({ ip: 1e9 }), SOUND);
});

test('an interface that counts more than IP is believed', () => {
  const { sweep } = watch();
  for (let i = 0; i < 100; i++) assert.deepEqual(sweep({ eth0: 10_140, ip: 15_000, lo: 5_000 }), SOUND);
});

test('IP stands for an only interface since its count was last told', () => {
  const { sweep } = watch();
  assert.deepEqual([sweep(), sweep({ ip: 5_000 }), sweep({ ip: 100 })], [SOUND, SOUND, ip(100)]);
  assert.deepEqual([sweep({ ip: 700 }), sweep({ ip: 900, lo: 400 }), sweep()], [ip(800), ip(1_300), ip(1_300)]);
});

test('what IP received since the last sweep is not held against an interface read before', () => {
  const { sweep } = watch();
  sweep();
  assert.deepEqual([sweep({ ip: 1e9 }), sweep({ eth0: 1.1e9 }), sweep(), sweep()], [SOUND, SOUND, SOUND, SOUND]);
});

test('a pod that decrypts IPsec without an interface for it is believed', () => {
  const { sweep } = watch();
  for (let i = 0; i < 100; i++) assert.deepEqual(sweep({ eth0: 1_100_000, ip: 2_100_000 }), SOUND);
});

test('traffic over loopback is not missed on an interface', () => {
  const { sweep } = watch();
  for (let i = 0; i < 100; i++) assert.deepEqual(sweep({ eth0: 100, ip: 1e9 + 80, lo: 1e9 }), SOUND);
});

test('multicasts of its own that come back prove nothing', () => {
  const { sweep } = watch();
  for (let i = 0; i < 100; i++) assert.deepEqual(sweep({ ip: 1e6, group: 1e6 }), SOUND);
});

test('traffic of 20 bytes a second is found out too', () => {
  const { sweep } = watch();
  const found = Array.from({ length: 20 }, () => sweep({ ip: 300 }).kind);
  assert.deepEqual([found.indexOf('ip'), found.lastIndexOf('sound')], [15, 14]); // after 4,200 bytes
});

test('an interface that counted well is found out within minutes of ceasing to', () => {
  const { sweep } = watch();
  for (let i = 0; i < 20; i++) sweep({ eth0: 1e9, ip: 1e9 });
  const found = Array.from({ length: 40 }, () => sweep({ ip: 1e6 }).kind);
  assert.ok(found.indexOf('ip') > 0 && found.indexOf('ip') <= 22, found.join(' '));
});

test('loopback that was read before IP does not make a counter step back', () => {
  const { sweep } = watch();
  sweep();
  sweep({ ip: 5_000 });
  assert.deepEqual(sweep(), ip(0));
  assert.deepEqual([sweep({ ip: 4_000 }), sweep({ ip: 1_000, lo: 4_000 })], [ip(4_000), ip(4_000)]);
});

test('a counter that IP stands for is not known while IP is not, and goes on after', () => {
  const { sweep } = watch();
  sweep();
  sweep({ ip: 5_000 });
  assert.deepEqual(sweep({ ip: 1_000 }), ip(1_000));
  const unknown = { bytes: NaN, groupBytes: NaN, packets: NaN };
  assert.deepEqual(sweep({}, { ip: unknown }), ip(NaN));
  assert.deepEqual(sweep({ ip: 2_000 }), ip(3_000));
});

test('without the counters of IP or loopback nothing is found', () => {
  const { sweep, total } = watch();
  for (let i = 0; i < 10; i++) {
    const ipUnknown = { bytes: total.ip, groupBytes: NaN, packets: 1 };
    assert.deepEqual(
      sweep({ ip: 1e6 }, i % 2 === 0 ? { ip: ipUnknown } : { loopback: { bytes: NaN, packets: 1 } }),
      SOUND,
    );
  }
});

test('another namespace of a pod is another matter', () => {
  const { sweep } = watch();
  sweep();
  sweep({ ip: 5_000 });
  assert.deepEqual(sweep(), ip(0));
  assert.deepEqual(sweep({}, { netns: '2' }), SOUND);
});

test('a pod that is gone is forgotten', () => {
  const { sweep, check } = watch();
  sweep();
  sweep({ ip: 5_000 });
  assert.deepEqual(sweep(), ip(0));
  check.keepOnly(new Set(['other']));
  assert.deepEqual(sweep(), SOUND);
});

test('of several interfaces those that counted less than what is missing are unreliable', () => {
  const { sweep } = watch({ used: ['eth0', 'net1'] });
  sweep();
  assert.deepEqual(sweep({ eth0: 1_000, net1: 1e6, ip: 1.5e6 }), SOUND);
  assert.deepEqual(sweep(), unreliable('eth0'));
});

test('less than a tenth of what several interfaces counted is not missed', () => {
  const { sweep } = watch({ used: ['eth0', 'net1'] });
  for (let i = 0; i < 100; i++) assert.deepEqual(sweep({ eth0: 9e5, net1: 1e5, ip: 1.09e6 }), SOUND);
});

test('an interface that steps back or is made anew begins a new comparison', () => {
  const { sweep, total } = watch();
  sweep();
  sweep({ ip: 5_000 });
  total.eth0 = 0;
  assert.deepEqual([sweep(), sweep(), sweep()], [SOUND, SOUND, SOUND]);
});

/** As many sweeps as it takes to change one's mind; undefined when it is not changed in an hour. */
function sweepsUntil(kind: string, sweep: () => { kind: string }): number | undefined {
  for (let i = 1; i <= 240; i++) if (sweep().kind === kind) return i;
  return undefined;
}

test('a doubt ends when as much again was received and counted, not in silence', () => {
  const { sweep } = watch({ used: ['eth0', 'net1'] });
  const missing = { ip: 1e6 };
  const counted = { eth0: 1.1e5, net1: 1.1e5, ip: 2e5 };
  assert.equal(
    sweepsUntil('unreliable', () => sweep(missing)),
    3,
  );
  assert.equal(
    sweepsUntil('sound', () => sweep()),
    undefined,
  );
  const sweeps = sweepsUntil('sound', () => sweep(counted));
  assert.ok(sweeps !== undefined && sweeps >= 5 && sweeps <= 45, String(sweeps)); // 1 MB at 200 kB, in whole periods of 21 sweeps
});

test('a second doubt is for good', () => {
  const { sweep } = watch({ used: ['eth0', 'net1'] });
  const missing = { ip: 1e6 };
  const counted = { eth0: 1.1e6, net1: 1.1e6, ip: 2e6 };
  sweepsUntil('unreliable', () => sweep(missing));
  assert.notEqual(
    sweepsUntil('sound', () => sweep(counted)),
    undefined,
  );
  assert.notEqual(
    sweepsUntil('unreliable', () => sweep(missing)),
    undefined,
  );
  assert.equal(
    sweepsUntil('sound', () => sweep(counted)),
    undefined,
  );
});

test('a replaced interface is unreliable while another is in use beside it', () => {
  const used = ['eth0'];
  const { sweep } = watch({ used });
  sweep();
  sweep({ ip: 5_000 });
  assert.deepEqual(sweep(), ip(0));
  used.push('net1');
  for (let i = 0; i < 30; i++) assert.deepEqual(sweep({ ip: 1e6 }), unreliable('eth0'));
});

/** Of a namespace that has carried nothing yet. */
function watchNew(options?: Parameters<typeof watch>[0]) {
  const watched = watch(options);
  Object.assign(watched.total, { eth0: 0, net1: 0, lo: 0, ip: 0 });
  return watched;
}

test('an interface that never counted is told of in no sweep', () => {
  const { sweep } = watchNew();
  const missing = { eth0: 10, ip: 1e6 };
  const told = [sweep(missing), sweep(missing), sweep(missing), sweep(missing)];
  assert.deepEqual(told, [unreliable('eth0'), unreliable('eth0'), ip(0), ip(1e6)]);
});

test('the first traffic of an interface that does not count is not told', () => {
  const { sweep } = watchNew();
  const told = [sweep({ ip: 1_000 }), sweep(), sweep({ ip: 1e6 }), sweep({ ip: 5e5 })];
  assert.deepEqual(told, [SOUND, SOUND, unreliable('eth0'), ip(1.5e6)]); // since the second
});

test('an interface that counts what is new is believed from the second sweep on', () => {
  const { sweep } = watchNew();
  sweep({ ip: 1e9 }); // with an interface that was removed
  for (let i = 0; i < 100; i++) assert.deepEqual(sweep({ eth0: 1.01e6, ip: 1e6 }), SOUND);
});

test('an idle pod is believed, however much is missing of its life', () => {
  const { sweep } = watchNew();
  assert.deepEqual(sweep({ ip: 1e9 }), unreliable('eth0'));
  for (let i = 0; i < 100; i++) assert.deepEqual(sweep({ ip: 10 }), SOUND);
});

test('a sound pod loses no sweep to much traffic over loopback', () => {
  const { sweep } = watchNew();
  const inBetween = 5e7; // of loopback, after it was read and before IP was
  assert.deepEqual(sweep({ eth0: 1e6, lo: 1e10, ip: 1e10 + 1e6 + inBetween }), SOUND);
  for (let i = 0; i < 100; i++) {
    const jitter = i % 2 === 0 ? inBetween : -inBetween;
    assert.deepEqual(sweep({ eth0: 1_000, lo: 1e9, ip: 1e9 + 900 + jitter }), SOUND);
  }
});

test('a pod that decrypts IPsec loses no sweep, not even the first', () => {
  const { sweep } = watchNew();
  for (let i = 0; i < 100; i++) assert.deepEqual(sweep({ eth0: 1_100_000, ip: 2_100_000 }), SOUND);
});

test('IP that is not known for a while lets nobody be believed', () => {
  const { sweep } = watchNew();
  sweep({ ip: 1e6 });
  const unknown = { bytes: NaN, groupBytes: NaN, packets: NaN };
  assert.deepEqual(sweep({ ip: 1e6 }, { ip: unknown }), unreliable('eth0'));
  assert.deepEqual([sweep({ ip: 1e6 }), sweep(), sweep()], [unreliable('eth0'), ip(0), ip(0)]);
});

test('in a namespace made anew IP is told since it was made', () => {
  const { sweep, total } = watchNew();
  sweep({ ip: 1e6 });
  Object.assign(total, { eth0: 10, ip: 1e6 });
  const anew = { netns: '2' };
  const told = [sweep({}, anew), sweep({ ip: 1e6 }, anew), sweep({ ip: 1e6 }, anew)];
  assert.deepEqual(told, [unreliable('eth0'), unreliable('eth0'), ip(3e6)]);
});

test('of several interfaces that never counted enough none is told of either', () => {
  const { sweep } = watchNew({ used: ['eth0', 'net1'] });
  const missing = { eth0: 1_000, net1: 1e6, ip: 1.5e6 };
  for (let i = 0; i < 30; i++) assert.deepEqual(sweep(missing), unreliable('eth0'));
});
