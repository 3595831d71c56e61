// From what was read of devices to what pods and reports say of them, with the real ledger, owners and recovery.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterfaceReading } from '../../../nodeagent/collectors/collector.js';
import type { Allocation } from '../../../nodeagent/devices/allocation.js';
import { BaseRecovery } from '../../../nodeagent/devices/base-recovery.js';
import { DeviceBook } from '../../../nodeagent/devices/device-book.js';
import { DeviceOwners } from '../../../nodeagent/devices/device-owners.js';
import type { PfReading } from '../../../nodeagent/devices/device.js';
import { Ledger } from '../../../nodeagent/devices/ledger.js';
import type { Pod } from '../../../nodeagent/inventory/pod.js';
import type { VirtualFunctionBase, VirtualFunctionReport } from '../../../openapi/device-report.js';
import { createLogger } from '../../../runtime/logger.js';
import { allocationOf, devicePod, PF_ADDRESS, VF_ADDRESSES, vfReading } from '../../support/device-pods.js';

const [VF] = VF_ADDRESSES;
const LOG = createLogger('test', { level: 'info', format: 'json', write: () => undefined });
const IGNORED = { deviceConflicts: { set: () => undefined } };

/** Of a node whose kubelet says that du-0 has the first VF. */
class Fixture {
  nowMs = 0;
  list: readonly Allocation[] = [allocationOf('du-0', VF)];
  pods: readonly Pod[] = [devicePod('du-0')];
  /** What the kernel tells of the VFs. */
  vfNumaNode: number | undefined = 1;
  readonly cpuErrors: unknown[] = [];
  areCpusReadable = true;
  readonly recovery: BaseRecovery;
  readonly book: DeviceBook;

  constructor(
    instance = 'first',
    servers: readonly string[] = [],
    readonly vfDriver = 'vfio-pci',
    areDevicesCollected = true,
  ) {
    const list = (): readonly Allocation[] => this.list;
    const askedMs = (): number => this.nowMs;
    const kubelet = {
      ...{ isAwaited: false, start: () => undefined, refresh: () => undefined },
      get list() {
        return list();
      },
      get askedMs() {
        return askedMs();
      },
    };
    this.recovery = new BaseRecovery({ servers: () => servers, startedMs: 0, patienceMs: 60_000, othersMs: 5_000 });
    this.book = new DeviceBook({
      ...{
        recovery: this.recovery,
        arePodsListed: true,
        areDevicesCollected,
        nodeCpus: () => [{ numaNode: 1, cpus: '4-7' }],
      },
      ledger: new Ledger(instance),
      owners: new DeviceOwners({
        kubelet,
        isKubeletWanted: () => false,
        claims: undefined,
        arePodsListed: true,
        metrics: IGNORED,
        log: LOG,
      }),
      onCpuError: (error) => this.cpuErrors.push(error),
      cpus: {
        resolve: () => {
          if (!this.areCpusReadable) throw new Error('EMFILE');
          return new Map([['uid-du-0', [{ container: 'du', cpu: 4, numaNode: 1 }]]]);
        },
        list: () => [],
      },
    });
  }

  /** What the pod's interfaces say after a round in which its VF had received so much; undefined: the round failed. */
  sweep(receiveBytes: bigint | undefined, interfaces: readonly InterfaceReading[] = []): readonly InterfaceReading[] {
    this.nowMs += 1_000;
    const read = new Map(this.pods.map(({ uid }) => [uid, interfaces]));
    const { vfDriver: driver, vfNumaNode: numaNode } = this;
    const devices = receiveBytes === undefined ? undefined : [pf(receiveBytes, { driver, numaNode })];
    return this.book.account(this.pods, devices, read, this.nowMs).get(this.pods[0]?.uid ?? '') ?? [];
  }

  get vf(): VirtualFunctionReport | undefined {
    return this.book.state.virtualFunctions?.find(({ pciAddress }) => pciAddress === VF);
  }
}

function pf(
  receiveBytes: bigint,
  { driver = 'vfio-pci', numaNode }: { readonly driver?: string; readonly numaNode?: number | undefined } = {},
): PfReading {
  const virtualFunctions = [vfReading(0, receiveBytes), vfReading(1)].map(
    ({ vf: { numaNode: _, ...vf }, ...reading }) => ({
      ...reading,
      vf: { ...vf, driver, ...(numaNode !== undefined && { numaNode }) },
    }),
  );
  return {
    pf: {
      ...{ name: 'ens1f0', pciAddress: PF_ADDRESS, driver: 'ice', linkLayer: 'ethernet', totalVirtualFunctions: 8 },
      virtualFunctions: virtualFunctions.map(({ vf }) => vf),
    },
    counterSource: 'rtnetlink',
    virtualFunctions,
  };
}

/** What a netdev in a pod says of itself. */
function netdev(name: string, receiveBytes: number): InterfaceReading {
  const meta = { name, network: '', nadNamespace: '', primary: false, identity: '4026/3', source: 'netdev' as const };
  return { meta, counters: [receiveBytes] };
}

function receivedOf(interfaces: readonly InterfaceReading[]): (number | undefined)[] {
  return interfaces.map(({ counters }) => counters[0]);
}

test('a VF without a netdev is an interface of its pod, and counts from when the pod got it', () => {
  const fixture = new Fixture();
  assert.deepEqual(receivedOf(fixture.sweep(5_000n)), [0]);
  const [found] = fixture.sweep(5_700n);
  assert.equal(found?.counters[0], 700);
  assert.deepEqual([found.meta.name, found.meta.source, found.meta.identity], [VF, 'vf', fixture.vf?.epoch]);
});

test('the report says whose a VF is, what it counted for whom, and how it is set up', () => {
  const fixture = new Fixture();
  fixture.sweep(5_000n);
  fixture.sweep(5_700n);
  const { epoch, ...described } = fixture.vf ?? assert.fail('no VF');
  assert.match(epoch, /^first\//);
  assert.deepEqual(described, {
    ...{ pf: 'ens1f0', vf: 0, pciAddress: VF, numaNode: 1, driver: 'vfio-pci', trust: true, isCurrent: true },
    owner: {
      ...{ podUid: 'uid-du-0', namespace: 'telco', pod: 'du-0', container: 'du', resource: 'openshift.io/inteldpdk' },
      ...{ network: '', nadNamespace: '', source: 'kubelet' },
    },
    ...{ raw: { receiveBytes: '5700' }, counted: { receiveBytes: 700 }, unattributed: { receiveBytes: 0 } },
  });
  const { physicalFunctions, cpus, ofPods } = fixture.book.state;
  assert.deepEqual(physicalFunctions, [
    {
      ...{ name: 'ens1f0', pciAddress: PF_ADDRESS, driver: 'ice', linkLayer: 'ethernet' },
      ...{ totalVirtualFunctions: 8, virtualFunctions: 2, counterSource: 'rtnetlink' },
    },
  ]);
  assert.deepEqual(cpus, [{ numaNode: 1, cpus: '4-7' }]);
  assert.deepEqual(ofPods.get('uid-du-0'), {
    exclusiveCpus: [{ container: 'du', cpu: 4, numaNode: 1 }],
    numaAligned: true,
  });
});

test('where the kernel does not tell the NUMA node of a VF the kubelet does', () => {
  const alignedWith = (...numaNodes: readonly number[]): boolean | undefined => {
    const fixture = new Fixture();
    fixture.vfNumaNode = undefined;
    fixture.list = fixture.list.map((allocation) => ({
      ...allocation,
      devices: allocation.devices.map((device) => ({ ...device, numaNodes })),
    }));
    fixture.sweep(5_000n);
    assert.equal(fixture.vf?.numaNode, undefined);
    return fixture.book.state.ofPods.get('uid-du-0')?.numaAligned;
  };
  assert.equal(alignedWith(1), true);
  assert.equal(alignedWith(0), false);
  assert.equal(alignedWith(0, 1), undefined);
  assert.equal(alignedWith(), undefined);
});

test('a round that could not read the devices says nothing of what they count, and forgets nothing', () => {
  const fixture = new Fixture();
  fixture.sweep(5_000n);
  assert.deepEqual(receivedOf(fixture.sweep(undefined)), [NaN]);
  assert.equal(fixture.vf?.isCurrent, false);
  assert.equal(fixture.vf.owner?.pod, 'du-0');
  assert.deepEqual(receivedOf(fixture.sweep(5_900n)), [900]);
});

test('where devices are not looked for there are none to be told of; where they could not be read yet, nobody knows', () => {
  const isTold = (areDevicesCollected: boolean): unknown => {
    const fixture = new Fixture('first', [], 'vfio-pci', areDevicesCollected);
    fixture.sweep(undefined);
    return fixture.book.state.virtualFunctions;
  };
  assert.deepEqual(isTold(false), []);
  assert.equal(isTold(true), undefined);
});

test('the next pod starts at 0, and what was counted in between is nobody’s', () => {
  const fixture = new Fixture();
  fixture.sweep(5_000n);
  fixture.sweep(5_100n);
  const epoch = fixture.vf?.epoch;
  fixture.pods = [devicePod('du-1')];
  fixture.list = [allocationOf('du-1', VF)];
  assert.deepEqual(receivedOf(fixture.sweep(5_400n)), [NaN].slice(1)); // the kubelet was asked before the pod was seen
  fixture.nowMs += 1;
  fixture.sweep(5_400n);
  assert.deepEqual(receivedOf(fixture.sweep(5_450n)), [50]);
  assert.notEqual(fixture.vf?.epoch, epoch);
  assert.deepEqual(fixture.vf?.unattributed, { receiveBytes: 300 });
});

test('a pod that is ending is read once more, and the VFs of others are left alone', () => {
  const fixture = new Fixture();
  fixture.sweep(5_000n);
  const [ending] = fixture.pods;
  if (ending === undefined) throw new TypeError('no pod');
  assert.ok(fixture.book.hasDevices(new Set([ending.uid])));
  assert.ok(!fixture.book.hasDevices(new Set(['uid-other'])));
  const read = new Map([[ending.uid, []]]);
  const last = fixture.book.accountEnding([ending], [pf(5_250n)], read).get(ending.uid);
  assert.deepEqual(receivedOf(last ?? []), [250]);
});

test('a pod that is ending and can no longer be read is credited with nothing more', () => {
  const fixture = new Fixture();
  fixture.sweep(5_000n);
  fixture.book.accountEnding(fixture.pods, [pf(5_100n)], new Map([['uid-du-0', []]]));
  fixture.book.accountEnding(fixture.pods, [pf(5_400n)], new Map());
  fixture.pods = [];
  fixture.sweep(5_400n);
  assert.deepEqual(fixture.vf?.unattributed, { receiveBytes: 300 });
});

test('a pod that is ending keeps the interface of its VF when the devices cannot be read', () => {
  const fixture = new Fixture();
  fixture.sweep(5_000n);
  const last = fixture.book.accountEnding(fixture.pods, undefined, new Map([['uid-du-0', []]])).get('uid-du-0');
  assert.deepEqual(receivedOf(last ?? []), [NaN]);
  assert.deepEqual(
    last?.map(({ meta }) => [meta.name, meta.source]),
    [[VF, 'vf']],
  );
});

test('a VF that two pods are said to have is credited to neither, and the sum of neither passes for whole', () => {
  const fixture = new Fixture();
  fixture.pods = [devicePod('du-0'), devicePod('du-1')];
  fixture.list = [allocationOf('du-0', VF), allocationOf('du-1', VF)];
  fixture.sweep(5_000n);
  const [found, ...others] = fixture.sweep(5_700n);
  assert.deepEqual([others.length, found?.meta.name, found?.counters[0]], [0, VF, NaN]);
  assert.equal(fixture.vf?.owner, undefined);
  assert.deepEqual(fixture.vf?.unattributed, { receiveBytes: 700 });
});

test('CPUs that cannot be read cost nothing else', () => {
  const fixture = new Fixture();
  fixture.areCpusReadable = false;
  fixture.sweep(5_000n);
  assert.deepEqual(receivedOf(fixture.sweep(5_700n)), [700]);
  assert.deepEqual([fixture.cpuErrors.length, fixture.book.state.ofPods.size], [2, 0]);
});

test('a pod that has no network yet gets none through a device', () => {
  const fixture = new Fixture();
  fixture.pods = [devicePod('du-0', { netnsAbsence: 'none' })];
  assert.deepEqual(fixture.sweep(5_000n), []);
  assert.deepEqual(fixture.vf?.counted, { receiveBytes: 0 });
});

test('an agent that was started again goes on from what its server knows, and says nothing until then', () => {
  const before = new Fixture();
  before.sweep(5_000n);
  before.sweep(5_700n);
  const { epoch, raw = {}, counted = {}, unattributed = {} } = before.vf ?? assert.fail('no VF');
  const base: VirtualFunctionBase = {
    ...{ pciAddress: VF, epoch, ownerKey: 'uid-du-0' },
    ...{ raw, counted, unattributed },
  };
  const after = new Fixture('second', ['https://server']);
  assert.deepEqual(receivedOf(after.sweep(5_800n)), [NaN]);
  assert.equal(after.book.state.virtualFunctions, undefined);
  assert.equal(after.book.state.physicalFunctions.length, 1);
  after.recovery.heard('https://server', { virtualFunctionBases: [base] }, after.nowMs);
  assert.deepEqual(receivedOf(after.sweep(5_900n)), [900]);
  assert.equal(after.vf?.epoch, epoch);
});

test('a VF of a kernel driver that nobody names is counted once: as the netdev in the pod', () => {
  const fixture = new Fixture('first', [], 'iavf');
  const names = fixture.sweep(5_000n, [netdev('net1', 9)]).map(({ meta }) => [meta.name, meta.source]);
  assert.deepEqual(names, [['net1', 'netdev']]);
  assert.deepEqual(fixture.vf?.counted, { receiveBytes: 0 });
});
