import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CounterChoice, type CounterChoiceDeps, type ReadCounters } from '../../../nodeagent/devices/counter-choice.js';
import type { PfReading, PhysicalFunction } from '../../../nodeagent/devices/device.js';
import { VF_COUNTER_SOURCES, type VfCounterSource } from '../../../openapi/report-terms.js';

type Counters = Readonly<Record<string, number>>;
/** By index of the VF; a text: what the source throws. */
type Answer = readonly (Counters | undefined)[] | string;
type Answers = Partial<Record<VfCounterSource | 'rdma', Answer>>;

const ZERO = { receiveBytes: 0, transmitBytes: 0 };
const counted = (receiveBytes: number, transmitBytes = receiveBytes) => ({ receiveBytes, transmitBytes });

const PF: PhysicalFunction = {
  ...{ name: 'ens1f0', pciAddress: '0000:3b:00.0', driver: 'igb', linkLayer: 'ethernet', totalVirtualFunctions: 8 },
  virtualFunctions: [0, 1].map((index) => ({ index, pciAddress: `0000:3b:02.${index}`, rdmaDevices: [] })),
};

function countersOf(answer: Answer = []): ReadonlyMap<number, ReadonlyMap<string, bigint>> {
  if (typeof answer === 'string') throw new Error(answer);
  return new Map(
    answer.flatMap((counters, index) =>
      counters === undefined
        ? []
        : [[index, new Map(Object.entries(counters).map(([key, value]) => [key, BigInt(value)]))] as const],
    ),
  );
}

/** An agent that sweeps over one physical function after the other, and what it says in each sweep. */
function watch({ order = VF_COUNTER_SOURCES, countedBy = () => undefined }: Partial<CounterChoiceDeps> = {}) {
  const choice = new CounterChoice({ order, countedBy });
  const asked: VfCounterSource[] = [];
  const sweep = (answers: Answers, pf = PF): PfReading => {
    choice.keepOnly(new Set([pf.pciAddress]));
    const reader =
      (source: VfCounterSource): ReadCounters =>
      () => {
        asked.push(source);
        return countersOf(answers[source]);
      };
    return choice.read(pf, {
      counters: { rtnetlink: reader('rtnetlink'), sysfs: reader('sysfs'), netdev: reader('netdev') },
      settingsOf: ({ index }) => ({ vlan: index }),
      rdmaCountersOf: ({ index }) => countersOf(answers.rdma).get(index) ?? new Map(),
    });
  };
  return { choice, sweep, asked };
}

/** What came of it, in short: the source or why there is none, and the counters of each VF. */
function told({ counterSource, counterAbsence, virtualFunctions }: PfReading) {
  const counters = virtualFunctions.map((vf) => vf.counters && Object.fromEntries([...vf.counters].map(toNumber)));
  return [counterSource ?? counterAbsence, ...counters];
}

const toNumber = ([key, value]: readonly [string, bigint]) => [key, Number(value)] as const;

describe('a source is chosen that', () => {
  test('shows a counter of any VF: the others are believed once it is no failure', () => {
    const { sweep } = watch();
    assert.deepEqual(told(sweep({ rtnetlink: [counted(5), ZERO] })), ['rtnetlink', counted(5), undefined]);
    assert.deepEqual(told(sweep({ rtnetlink: [counted(6), ZERO] })), ['rtnetlink', counted(6), ZERO]);
  });

  test('is known to count, with zeros alone', () => {
    const { sweep } = watch({
      countedBy: ({ driver }, source) => (driver === 'igb' && source === 'sysfs' ? ['receiveBytes'] : undefined),
    });
    sweep({ rtnetlink: [ZERO, ZERO], sysfs: [ZERO, ZERO] });
    assert.deepEqual(told(sweep({ rtnetlink: [ZERO, ZERO], sysfs: [ZERO, ZERO] })), ['sysfs', ZERO, ZERO]);
  });

  test('is the interface of a VF, for the VFs that have one there', () => {
    const { sweep } = watch();
    const first = sweep({ rtnetlink: [ZERO, ZERO], netdev: [undefined, counted(7)] });
    assert.deepEqual(told(first), ['netdev', undefined, counted(7)]);
  });

  test('is the first in the order asked for, and named in it', () => {
    const answers = { rtnetlink: [counted(1)], sysfs: [counted(2)], netdev: [counted(3)] };
    const chosen = (order: readonly VfCounterSource[]) => watch({ order }).sweep(answers).counterSource;
    assert.equal(chosen(['sysfs', 'rtnetlink']), 'sysfs');
    assert.equal(chosen(['netdev', 'rtnetlink']), 'netdev');
    assert.equal(chosen(['rtnetlink']), 'rtnetlink');
    assert.deepEqual(told(watch({ order: [] }).sweep(answers)), ['no_source', undefined, undefined]);
  });

  test('is the only one there is', () => {
    for (const source of VF_COUNTER_SOURCES) {
      assert.deepEqual(told(watch().sweep({ [source]: [counted(9)] })), [source, counted(9), undefined]);
    }
  });

  test('is for each physical function its own', () => {
    const { choice } = watch();
    const other = { ...PF, pciAddress: '0000:3b:00.1' };
    const read = (pf: PhysicalFunction, answer: Answer) =>
      choice.read(pf, {
        counters: { rtnetlink: () => countersOf(answer) },
        settingsOf: () => ({}),
        rdmaCountersOf: () => new Map(),
      });
    assert.deepEqual(told(read(PF, [counted(1), counted(1)])), ['rtnetlink', counted(1), counted(1)]);
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(told(read(other, [ZERO, ZERO])), ['unproven', undefined, undefined]);
    }
  });

  test('is asked, and none behind it', () => {
    const { sweep, asked } = watch();
    sweep({ rtnetlink: [ZERO], sysfs: [counted(1)], netdev: [counted(1)] });
    assert.deepEqual(asked, ['rtnetlink', 'sysfs']);
  });
});

describe('there is no source', () => {
  test('where zeros is all they ever say, as of a driver that counts no VF', () => {
    const { sweep } = watch();
    for (let round = 0; round < 50; round++) {
      const answers = { rtnetlink: [ZERO, ZERO], sysfs: round % 2 === 0 ? 'EIO' : [] };
      assert.deepEqual(told(sweep(answers)), ['unproven', undefined, undefined]);
    }
  });

  test('where they fail', () => {
    assert.deepEqual(told(watch().sweep({ rtnetlink: 'EPERM' })), ['failed', undefined, undefined]);
    assert.deepEqual(told(watch().sweep({ rtnetlink: 'EPERM', sysfs: 'EIO' })), ['failed', undefined, undefined]);
  });

  test('where none answers', () => {
    assert.deepEqual(told(watch().sweep({})), ['no_source', undefined, undefined]);
    assert.deepEqual(told(watch().sweep({ rtnetlink: [{}, {}] })), ['no_source', undefined, undefined]);
  });

  test('and nothing to be said where there are no VFs', () => {
    const reading = watch().sweep({ rtnetlink: [counted(1)] }, { ...PF, virtualFunctions: [] });
    assert.deepEqual(Object.keys(reading).sort(), ['pf', 'virtualFunctions']);
  });

  test('in what is said of VFs that are not there', () => {
    const reading = watch().sweep({ rtnetlink: [ZERO, ZERO, counted(1)] });
    assert.deepEqual(told(reading), ['unproven', undefined, undefined]);
  });
});

describe('a proof', () => {
  test('survives sweeps without an answer, in which there are no counters', () => {
    const { sweep } = watch();
    sweep({ rtnetlink: [counted(5), counted(5)] });
    for (const rtnetlink of [[], 'EIO'] as const) {
      const silent = sweep({ rtnetlink, netdev: [counted(900), counted(900)] });
      assert.deepEqual(told(silent), ['rtnetlink', undefined, undefined]);
    }
    assert.deepEqual(told(sweep({ rtnetlink: [counted(6), counted(5)] })), ['rtnetlink', counted(6), counted(5)]);
  });

  test('of a better source takes over, and is not given up for a worse one', () => {
    const { sweep } = watch();
    const netdev = [counted(900), counted(900)];
    assert.equal(sweep({ rtnetlink: [ZERO, ZERO], netdev }).counterSource, 'netdev');
    assert.equal(sweep({ rtnetlink: [ZERO, counted(1)], netdev }).counterSource, 'rtnetlink');
    for (let round = 0; round < 100; round++) {
      const rtnetlink = round % 19 === 0 ? [counted(1), counted(1)] : [];
      assert.equal(sweep({ rtnetlink, netdev }).counterSource, 'rtnetlink');
    }
  });

  test('is of no use after 20 sweeps without an answer, until there is one again', () => {
    const { sweep } = watch();
    const netdev = [counted(900), counted(900)];
    sweep({ rtnetlink: [counted(1)], netdev });
    const sources = Array.from({ length: 20 }, () => sweep({ rtnetlink: 'EIO', netdev }).counterSource);
    assert.deepEqual(sources, [...Array.from({ length: 19 }, () => 'rtnetlink'), 'netdev']);
    assert.equal(sweep({ rtnetlink: [counted(2)], netdev }).counterSource, 'rtnetlink');
    assert.equal(sweep({ rtnetlink: 'EIO', netdev }).counterSource, 'rtnetlink');
  });

  test('ends with the driver, and with the physical function', () => {
    const { choice, sweep } = watch();
    const zeros = { rtnetlink: [ZERO, ZERO] };
    sweep({ rtnetlink: [counted(5), counted(5)] });
    assert.equal(sweep(zeros).counterSource, 'rtnetlink');
    assert.equal(sweep(zeros, { ...PF, driver: 'vfio-pci' }).counterAbsence, 'unproven');
    assert.equal(sweep(zeros).counterAbsence, 'unproven', 'the driver came back');
    sweep({ rtnetlink: [counted(5), counted(5)] });
    choice.keepOnly(new Set());
    assert.equal(sweep(zeros).counterAbsence, 'unproven');
  });

  test('survives the VFs', () => {
    const { sweep } = watch();
    sweep({ rtnetlink: [counted(5), counted(5)] });
    sweep({}, { ...PF, virtualFunctions: [] });
    sweep({ rtnetlink: [ZERO, ZERO] });
    assert.deepEqual(told(sweep({ rtnetlink: [ZERO, ZERO] })), ['rtnetlink', ZERO, ZERO]);
  });

  test('is of each counter where the driver is known not to count all of them', () => {
    const drops = (receivePacketsDropped: number) => ({ ...counted(5), receivePacketsDropped });
    assert.deepEqual(told(watch().sweep({ rtnetlink: [drops(0), ZERO] })), ['rtnetlink', drops(0), undefined]);
    const { sweep } = watch({ countedBy: () => ['receiveBytes', 'transmitBytes'] });
    assert.deepEqual(told(sweep({ rtnetlink: [drops(0), drops(0)] })), ['rtnetlink', counted(5), counted(5)]);
    assert.deepEqual(told(sweep({ rtnetlink: [drops(2), drops(0)] })), ['rtnetlink', drops(2), drops(0)]);
    const inSysfs = watch({ countedBy: () => ['receiveBytes', 'transmitBytes'] });
    assert.deepEqual(told(inSysfs.sweep({ sysfs: [drops(0)] })), ['sysfs', drops(0), undefined]);
  });
});

describe('zeros', () => {
  test('of a VF that had counted are not believed until it counts', () => {
    const { sweep } = watch();
    const sweepOf = (first: Counters) => told(sweep({ rtnetlink: [first, counted(9)] })).slice(1);
    assert.deepEqual(sweepOf(counted(5)), [counted(5), counted(9)]);
    for (let round = 0; round < 3; round++) assert.deepEqual(sweepOf(ZERO), [undefined, counted(9)]);
    assert.deepEqual(sweepOf(counted(6)), [counted(6), counted(9)]);
    assert.deepEqual(sweepOf(ZERO), [undefined, counted(9)]);
    assert.deepEqual(sweepOf(counted(0, 1)), [counted(0, 1), counted(9)], 'it was reset');
  });

  test('of a VF that was made anew are its own', () => {
    const { sweep } = watch();
    sweep({ rtnetlink: [counted(5), counted(9)] });
    const [first, second] = PF.virtualFunctions;
    assert.ok(first !== undefined && second !== undefined);
    sweep({ rtnetlink: [undefined, counted(9)] }, { ...PF, virtualFunctions: [second] });
    assert.deepEqual(told(sweep({ rtnetlink: [ZERO, counted(9)] })).slice(1), [undefined, counted(9)]);
    assert.deepEqual(told(sweep({ rtnetlink: [ZERO, counted(9)] })).slice(1), [ZERO, counted(9)]);
  });

  test('of all VFs are an answer, and no reason for another source', () => {
    const { sweep } = watch();
    sweep({ rtnetlink: [counted(5), counted(5)] });
    for (let round = 0; round < 50; round++) {
      const reading = sweep({ rtnetlink: [ZERO, ZERO], netdev: [counted(900)] });
      assert.deepEqual(told(reading), ['rtnetlink', undefined, undefined]);
    }
  });

  test('say nothing in a sweep that has no counters', () => {
    const { sweep } = watch();
    sweep({ rtnetlink: [counted(5), counted(9)] });
    sweep({});
    assert.deepEqual(told(sweep({ rtnetlink: [ZERO, counted(9)] })).slice(1), [undefined, counted(9)]);
  });
});

describe('counters of RDMA devices', () => {
  const rdma = [{ 'rdma/mlx5_2/1/port/port_rcv_data': 8 }, undefined];

  test('are added to those of any source', () => {
    const reading = watch().sweep({ rtnetlink: [counted(1), counted(1)], rdma });
    assert.deepEqual(told(reading), ['rtnetlink', { ...counted(1), ...rdma[0] }, counted(1)]);
  });

  test('are there without any, and prove none', () => {
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(told(watch().sweep({ rtnetlink: [ZERO, ZERO], rdma })), ['unproven', rdma[0], undefined]);
    }
  });

  test('that cannot be read cost no other', () => {
    const reading = watch().sweep({ rtnetlink: [counted(1)], rdma: 'EMFILE' });
    assert.deepEqual(told(reading), ['rtnetlink', counted(1), undefined]);
  });
});

test('a physical function without time has no counters, and the source that it had', () => {
  const { choice, sweep } = watch();
  const settingsOf = () => ({ vlan: 7 });
  assert.deepEqual(told(choice.unread(PF, settingsOf)), ['failed', undefined, undefined]);
  sweep({});
  assert.deepEqual(told(choice.unread(PF, settingsOf)), ['no_source', undefined, undefined]);
  sweep({ rtnetlink: [counted(5), counted(5)] });
  const unread = choice.unread(PF, settingsOf);
  assert.deepEqual(told(unread), ['rtnetlink', undefined, undefined]);
  assert.deepEqual(
    unread.virtualFunctions.map(({ settings }) => settings),
    [{ vlan: 7 }, { vlan: 7 }],
  );
});

test('settings are told whatever becomes of the counters', () => {
  const { virtualFunctions } = watch().sweep({});
  assert.deepEqual(
    virtualFunctions.map(({ settings }) => settings),
    [{ vlan: 0 }, { vlan: 1 }],
  );
});
