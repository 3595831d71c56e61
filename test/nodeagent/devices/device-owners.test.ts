import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Allocation } from '../../../nodeagent/devices/allocation.js';
import { DeviceOwners } from '../../../nodeagent/devices/device-owners.js';
import type { Pod } from '../../../nodeagent/inventory/pod.js';
import { createLogger } from '../../../runtime/logger.js';
import { allocationOf, devicePod, VF_ADDRESSES } from '../../support/device-pods.js';

const [VF, VF2] = VF_ADDRESSES;
const DEVICES = new Set<string>(VF_ADDRESSES);

class Fixture {
  list: readonly Allocation[] | undefined;
  askedMs = -Infinity;
  isAwaited = false;
  refreshed = 0;
  started = 0;
  isKubeletWanted = false;
  conflicts = NaN;
  readonly logged: string[] = [];
  readonly owners: DeviceOwners;

  constructor(arePodsListed = true) {
    const log = createLogger('test', { level: 'info', format: 'json', write: (line) => this.logged.push(line) });
    const metrics = { deviceConflicts: { set: (value: number) => (this.conflicts = value) } };
    const isKubeletWanted = (): boolean => this.isKubeletWanted;
    this.owners = new DeviceOwners({ kubelet: this, isKubeletWanted, claims: undefined, arePodsListed, metrics, log });
  }

  start(): void {
    this.started++;
  }

  refresh(): void {
    this.refreshed++;
  }

  answer(askedMs: number, ...list: readonly Allocation[]): void {
    [this.list, this.askedMs] = [list, askedMs];
  }

  /** The uid of the owner of the first VF, or its name. */
  ownerAt(nowMs: number, pods: readonly Pod[], device: string = VF): string | undefined {
    const found = this.owners.ownersOf(DEVICES, pods, nowMs)?.owners.get(device);
    return found && (found.podUid ?? `${found.namespace}/${found.pod}`);
  }
}

test('before the kubelet has been heard nothing is known', () => {
  const fixture = new Fixture();
  fixture.isAwaited = true;
  assert.equal(fixture.owners.ownersOf(DEVICES, [], 0), undefined);
});

test('the kubelet is asked where there is a device, or nobody else tells the CPUs', () => {
  const fixture = new Fixture();
  fixture.owners.ownersOf(new Set(), [], 0);
  assert.equal(fixture.started, 0);
  fixture.isKubeletWanted = true;
  fixture.owners.ownersOf(new Set(), [], 0);
  assert.equal(fixture.started, 1);
  fixture.isKubeletWanted = false;
  fixture.owners.ownersOf(DEVICES, [], 0);
  assert.equal(fixture.started, 2);
});

test('what the kubelet said before a pod was seen is of an earlier one of that name, but for those that were there first', () => {
  const fixture = new Fixture();
  fixture.answer(1_000, allocationOf('du-0', VF));
  assert.equal(fixture.ownerAt(2_000, [devicePod('du-0')]), 'uid-du-0');
  const recreated = devicePod('du-0', { uid: 'uid-new' });
  assert.equal(fixture.refreshed, 0);
  assert.equal(fixture.ownerAt(3_000, [recreated]), undefined);
  assert.equal(fixture.refreshed, 1);
  fixture.answer(3_500, allocationOf('du-0', VF2));
  assert.equal(fixture.ownerAt(4_000, [recreated]), undefined);
  assert.equal(fixture.ownerAt(4_000, [recreated], VF2), 'uid-new');
  assert.equal(fixture.refreshed, 1);
});

test('the kubelet is asked again while a pod that lives is not in its list: it is still being admitted', () => {
  const fixture = new Fixture();
  fixture.answer(1_000, allocationOf('du-0', VF));
  const pods = [devicePod('du-0'), devicePod('du-1')];
  fixture.ownerAt(2_000, pods);
  fixture.ownerAt(3_000, pods);
  assert.equal(fixture.refreshed, 2);
  fixture.answer(3_500, allocationOf('du-0', VF), allocationOf('du-1', VF2));
  assert.equal(fixture.ownerAt(4_000, pods, VF2), 'uid-du-1');
  assert.equal(fixture.refreshed, 2);
  fixture.ownerAt(5_000, [...pods, devicePod('job', { isEnded: true })]);
  assert.equal(fixture.refreshed, 2);
});

test('a kubelet that is down gives nothing to others: its last word holds while the pod lives', () => {
  const fixture = new Fixture();
  const pod = devicePod('du-0');
  fixture.answer(1_000, allocationOf('du-0', VF));
  assert.equal(fixture.ownerAt(2_000, [pod]), 'uid-du-0');
  fixture.list = undefined;
  const attachment = { network: 'sriov', nadNamespace: 'telco', isDefault: false, pciAddress: VF };
  const other = devicePod('thief', { attachments: new Map([['net1', attachment]]) });
  assert.equal(fixture.ownerAt(100_000, [pod, other]), 'uid-du-0');
  assert.equal(fixture.ownerAt(101_000, [{ ...pod, isEnded: true }]), undefined);
  assert.equal(fixture.ownerAt(102_000, [pod]), undefined);
});

test('a kubelet that has just started and lists no pods yet takes nothing from those that live', () => {
  const fixture = new Fixture();
  const pods = [devicePod('du-0'), devicePod('du-1')];
  fixture.answer(1_000, allocationOf('du-0', VF), allocationOf('du-1', VF2));
  assert.equal(fixture.ownerAt(2_000, pods), 'uid-du-0');
  fixture.answer(3_000);
  assert.equal(fixture.ownerAt(4_000, pods), 'uid-du-0');
  assert.equal(fixture.ownerAt(5_000, [devicePod('du-0', { uid: 'uid-new' })]), undefined);
});

test('what the kubelet gives to another pod, or takes from one that it lists, is not kept', () => {
  const fixture = new Fixture();
  const pods = [devicePod('du-0'), devicePod('du-1')];
  fixture.answer(1_000, allocationOf('du-0', VF, VF2));
  assert.equal(fixture.ownerAt(2_000, pods), 'uid-du-0');
  fixture.answer(3_000, allocationOf('unknown', VF), allocationOf('du-1', VF2));
  assert.equal(fixture.ownerAt(4_000, pods), undefined);
  assert.equal(fixture.ownerAt(4_000, pods, VF2), 'uid-du-1');
  fixture.answer(5_000, allocationOf('du-1'));
  assert.equal(fixture.ownerAt(6_000, pods, VF2), undefined);
});

test('a pod that came while the kubelet was awaited is not given what it said before', () => {
  const fixture = new Fixture();
  fixture.isAwaited = true;
  fixture.ownerAt(1_000, [devicePod('du-0')]);
  fixture.isAwaited = false;
  fixture.answer(1_100, allocationOf('du-0', VF));
  assert.equal(fixture.ownerAt(2_000, [devicePod('du-0', { uid: 'uid-new' })]), undefined);
});

test('where nobody lists pods the kubelet names them', () => {
  const fixture = new Fixture(false);
  fixture.answer(1_000, allocationOf('du-0', VF));
  assert.equal(fixture.ownerAt(2_000, []), 'telco/du-0');
});

test('a device of two pods is nobody’s, counted, and told once', () => {
  const fixture = new Fixture();
  fixture.answer(1_000, allocationOf('du-0', VF), allocationOf('du-1', VF));
  const pods = [devicePod('du-0'), devicePod('du-1')];
  for (const nowMs of [2_000, 3_000]) assert.equal(fixture.ownerAt(nowMs, pods), undefined);
  assert.equal(fixture.conflicts, 1);
  assert.equal(fixture.logged.length, 1);
  assert.match(fixture.logged[0] ?? '', /telco\/du-0.*telco\/du-1/);
  fixture.answer(3_500, allocationOf('du-0', VF));
  assert.equal(fixture.ownerAt(4_000, pods), 'uid-du-0');
  assert.equal(fixture.conflicts, 0);
});
