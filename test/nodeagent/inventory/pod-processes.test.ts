import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { CgroupFs } from '../../../nodeagent/cgroupfs/fs.js';
import { PodProcesses } from '../../../nodeagent/inventory/pod-processes.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
import { CgroupBed, missingCgroups, realHierarchies } from '../../support/cgroups.js';
import { InterruptedProcFs, replaceProcess, startReaped } from '../../support/pid-reuse.js';
import { eventually } from '../../support/programs.js';

const A = 'aaaaaaaa-0000-4000-8000-000000000001';
const B = 'bbbbbbbb-0000-4000-8000-000000000002';
const ID = (digit: string): string => digit.repeat(64);
const podPath = (uid: string, container: string): string => `kubepods/burstable/pod${uid}/${ID(container)}`;
const systemdPath = (uid: string, container: string): string =>
  `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${ID(container)}.scope`;

function podsIn(bed: CgroupBed): { pods: PodProcesses; cgroupfs: CgroupFs } {
  const cgroupfs = new CgroupFs(bed.root);
  return { pods: new PodProcesses({ procfs: new ProcFs('/proc'), cgroupfs }), cgroupfs };
}

/** Inodes of namespaces, or why there is none, in the order of the uids. */
function locate(
  pods: PodProcesses,
  uids: readonly string[],
  { nowMs = 0, hint }: { nowMs?: number; hint?: (uid: string) => number | undefined } = {},
): (number | string | undefined)[] {
  const asked = uids.map((uid) => ({ uid, cgroupUid: uid }));
  const located = pods.locate(asked, nowMs, hint);
  return uids.map((uid) => {
    const one = located.get(uid);
    return one === undefined || 'absence' in one ? one?.absence : one.netns.inode;
  });
}

const pidsOf = (pods: PodProcesses, uid: string, nowMs: number): number[] => {
  const one = pods.locate([{ uid, cgroupUid: uid }], nowMs).get(uid);
  return one !== undefined && 'netns' in one ? one.netns.processes.map(({ pid }) => pid) : [];
};

const skip = missingCgroups();

for (const [number, hierarchy] of (skip === false ? realHierarchies() : []).entries()) {
  const makeBed = (name: string): CgroupBed => new CgroupBed(`pp${number}${name}`, hierarchy);

  describe(`pods in ${hierarchy}`, { skip }, () => {
    for (const [driver, pathOf] of Object.entries({ cgroupfs: podPath, systemd: systemdPath })) {
      test(`pods of the ${driver} driver are located in one sweep`, async () => {
        await using bed = makeBed(driver.slice(0, 1));
        const [a, b] = [bed.addNetns('a'), bed.addNetns('b')];
        const pause = await bed.start(pathOf(A, '1'), 'a');
        const app = await bed.start(pathOf(A, '2'), 'a');
        await bed.start(pathOf(B, '3'), 'b');
        const { pods } = podsIn(bed);
        assert.deepEqual(locate(pods, [A, B]), [a, b]);
        assert.deepEqual(pods.state, { by: 'tree' });
        const located = pods.locate([{ uid: A, cgroupUid: A }], 1).get(A);
        assert.ok(located !== undefined && 'netns' in located);
        assert.deepEqual(
          located.netns.processes.map(({ pid }) => pid),
          [pause.pid, app.pid],
        );
        assert.equal(located.cgroups.get(ID('2')), `/${pathOf(A, '2')}`);
      });
    }

    test('a new pod is located in the sweep after its processes exist', async () => {
      await using bed = makeBed('n');
      const a = bed.addNetns('a');
      bed.addCgroup('kubepods/burstable');
      const { pods } = podsIn(bed);
      assert.deepEqual(locate(pods, [A]), ['no_process']);
      bed.addCgroup(podPath(A, '1'));
      assert.deepEqual(locate(pods, [A], { nowMs: 1 }), ['no_process']);
      await bed.start(podPath(A, '1'), 'a');
      assert.deepEqual(locate(pods, [A], { nowMs: 2 }), [a]);
    });

    test('a process in transit is not asked until it is in the namespace of the pod', async () => {
      await using bed = makeBed('t');
      const a = bed.addNetns('a');
      const placed = await bed.startInTransit(podPath(A, '1'), 'a');
      const { pods } = podsIn(bed);
      assert.deepEqual(locate(pods, [A]), ['host_namespace']);
      await placed.enter();
      assert.deepEqual(locate(pods, [A], { nowMs: 1 }), [a]);
    });

    test('conmon is not asked, and a process in the namespace of the node is passed over', async () => {
      await using bed = makeBed('c');
      const [a, other] = [bed.addNetns('a'), bed.addNetns('o')];
      await bed.start(`kubepods/pod${A}/crio-conmon-${ID('1')}`, 'o');
      const { pods } = podsIn(bed);
      assert.deepEqual(locate(pods, [A]), ['no_process']);
      await bed.start(`kubepods/pod${A}/crio-${ID('1')}`);
      await bed.start(`kubepods/pod${A}/crio-${ID('1')}`, 'a');
      assert.deepEqual(locate(pods, [A], { nowMs: 1 }), [a]);
      assert.notEqual(a, other);
    });

    test('another process takes over when the one that was asked ends', async () => {
      await using bed = makeBed('e');
      const a = bed.addNetns('a');
      const first = await bed.start(podPath(A, '1'), 'a');
      const { pods } = podsIn(bed);
      assert.deepEqual(locate(pods, [A]), [a]);
      await bed.end(first);
      const second = await bed.start(podPath(A, '2'), 'a');
      assert.deepEqual(pidsOf(pods, A, 1), [second.pid]);
      await bed.end(second);
      assert.deepEqual(locate(pods, [A], { nowMs: 2 }), ['no_process']);
    });

    test('a container that entered another namespace does not outvote the others', async () => {
      await using bed = makeBed('v');
      const [a, b] = [bed.addNetns('a'), bed.addNetns('b')];
      await bed.start(podPath(A, '1'), 'a');
      await bed.start(podPath(A, '2'), 'b');
      const own = await bed.start(podPath(B, '3'), 'b');
      await bed.start(podPath(B, '3'), 'a'); // a process that its container made
      const { pods } = podsIn(bed);
      assert.deepEqual(locate(pods, [A, B]), [a, b]);
      assert.deepEqual(pidsOf(pods, B, 1), [own.pid]);
    });

    test('a namespace stays with the pod that had it; in doubt it is nobody’s', async () => {
      await using bed = makeBed('s');
      const a = bed.addNetns('a');
      const owner = await bed.start(podPath(A, '1'), 'a');
      const { pods: before } = podsIn(bed);
      assert.deepEqual(locate(before, [A, B]), [a, 'no_process']);
      await bed.start(podPath(B, '2'), 'a');
      assert.deepEqual(locate(before, [A, B], { nowMs: 11_000 }), [a, 'shared_namespace']);
      const { pods: restarted } = podsIn(bed);
      assert.deepEqual(locate(restarted, [A, B]), ['shared_namespace', 'shared_namespace']);
      const hint = (uid: string) => (uid === A ? owner.pid : undefined);
      assert.deepEqual(locate(restarted, [A, B], { nowMs: 11_000, hint }), [a, 'shared_namespace']);
      await bed.end(owner);
      assert.deepEqual(locate(before, [B], { nowMs: 12_000 }), ['shared_namespace']);
    });

    test('a hint counts only where the process is in the pod', async () => {
      await using bed = makeBed('h');
      const [a, b] = [bed.addNetns('a'), bed.addNetns('b')];
      await bed.start(podPath(A, '1'), 'a');
      const foreign = await bed.start(podPath(B, '2'), 'b');
      const { pods } = podsIn(bed);
      assert.deepEqual(locate(pods, [A, B], { hint: () => foreign.pid }), [a, b]);
      await bed.end(foreign);
      const stray = await bed.start('system.slice', 'b');
      assert.deepEqual(locate(pods, [A, B], { nowMs: 1, hint: () => stray.pid }), [a, 'no_process']);
    });

    test('processes in cgroups of the container’s own are found, and no pods inside it', async () => {
      await using bed = makeBed('i');
      const a = bed.addNetns('a');
      bed.addNetns('b');
      await bed.start(`${systemdPath(A, '1')}/kubelet/kubepods/pod${B}/${ID('2')}`, 'b');
      const { pods } = podsIn(bed);
      assert.deepEqual(locate(pods, [A]), ['no_process']);
      await bed.start(`${systemdPath(A, '1')}/init.scope`, 'a');
      assert.deepEqual(locate(pods, [A], { nowMs: 1 }), [a]);
    });

    test('a process that left the pod’s cgroup before the look is not asked', async () => {
      await using bed = makeBed('m');
      const a = bed.addNetns('a');
      const placed = await bed.start(podPath(A, '1'), 'a');
      const { pods } = podsIn(bed);
      assert.deepEqual(locate(pods, [A]), [a]);
      bed.move(placed.pid, podPath(B, '2'));
      assert.deepEqual(locate(pods, [A], { nowMs: 60_000 }), ['no_process']);
    });

    test('a container that an old pod gets is known within a minute', async () => {
      await using bed = makeBed('k');
      bed.addNetns('a');
      await bed.start(podPath(A, '1'), 'a');
      const { pods } = podsIn(bed);
      const idsAt = (nowMs: number) => [
        ...(pods
          .locate([{ uid: A, cgroupUid: A }], nowMs)
          .get(A)
          ?.cgroups.keys() ?? []),
      ];
      for (let nowMs = 0; nowMs <= 300_000; nowMs += 15_000) assert.deepEqual(idsAt(nowMs), [ID('1')]);
      const { podReads } = pods.counts;
      assert.deepEqual(idsAt(360_000), [ID('1')]);
      assert.equal(pods.counts.podReads, podReads);
      await bed.start(podPath(A, '2'), 'a');
      assert.deepEqual(idsAt(420_000).sort(), [ID('1'), ID('2')]);
    });

    test('places of pods that appear later are searched for, not more than every ten seconds', async () => {
      await using bed = makeBed('p');
      const a = bed.addNetns('a');
      bed.addCgroup('kubepods');
      const { pods } = podsIn(bed);
      locate(pods, [B]);
      await bed.start(`own.slice/pod${A}/${ID('1')}`, 'a');
      assert.deepEqual(locate(pods, [A, B], { nowMs: 9_000 }), ['no_process', 'no_process']);
      assert.equal(pods.counts.searches, 1);
      assert.deepEqual(locate(pods, [A, B], { nowMs: 10_000 }), [a, 'no_process']);
      for (let nowMs = 10_000; nowMs < 110_000; nowMs += 1_000) locate(pods, [A, B], { nowMs });
      assert.ok(pods.counts.searches <= 6, String(pods.counts.searches));
    });

    test('a sweep does as much with two thousand more processes and cgroups', async () => {
      await using bed = makeBed('w');
      bed.addNetns('a');
      await bed.start(podPath(A, '1'), 'a');
      const measure = (): string => {
        const { pods, cgroupfs } = podsIn(bed);
        for (let nowMs = 0; nowMs < 300_000; nowMs += 15_000) locate(pods, [A, B], { nowMs });
        const before = { ...cgroupfs.counts };
        locate(pods, [A, B], { nowMs: 300_001 });
        const { lists, reads } = cgroupfs.counts;
        return JSON.stringify([pods.counts.walked, pods.counts.podReads, lists - before.lists, reads - before.reads]);
      };
      const idle = measure();
      const crowd = spawn('sh', [
        '-c',
        'read -r _; i=0; while [ $i -lt 2000 ]; do sleep 600 & i=$((i+1)); done; echo ready; wait',
      ]);
      bed.own(crowd);
      bed.move(crowd.pid ?? 0, 'system.slice/crowd'); // all of it ends with its cgroup
      crowd.stdin.write('\n');
      for (let i = 0; i < 200; i++) bed.addCgroup(`system.slice/s${i}`);
      await once(crowd.stdout, 'data');
      assert.equal(measure(), idle);
    });
  });

  describe(`pids that are used again, in ${hierarchy}`, { skip }, () => {
    test('a pid that another pod got between two sweeps is that pod’s', async () => {
      await using bed = makeBed('b');
      const [a, b] = [bed.addNetns('a'), bed.addNetns('b')];
      const pid = await startReaped(bed, { cgroup: podPath(A, '1'), netns: `${bedPrefix(bed)}-a` });
      const { pods } = podsIn(bed);
      assert.deepEqual(locate(pods, [A, B]), [a, 'no_process']);
      replaceProcess(bed, pid, { cgroup: podPath(B, '2'), netns: `${bedPrefix(bed)}-b` });
      assert.deepEqual(locate(pods, [A, B], { nowMs: 1 }), ['no_process', b]);
    });

    for (const by of ['tree', 'walk']) {
      test(`a pid that another pod gets while it is looked at is not asked, by ${by}`, async () => {
        await using bed = makeBed(`l${by.slice(0, 1)}`);
        bed.addNetns('a');
        const b = bed.addNetns('b');
        const pid = await startReaped(bed, { cgroup: podPath(A, '1'), netns: `${bedPrefix(bed)}-a` });
        const interrupt = (): void =>
          replaceProcess(bed, pid, { cgroup: podPath(B, '2'), netns: `${bedPrefix(bed)}-b` });
        const procfs = new InterruptedProcFs(pid, interrupt);
        const pods = new PodProcesses({
          procfs,
          cgroupfs: new CgroupFs(by === 'tree' ? bed.root : bed.pathOf('none')),
        });
        assert.deepEqual(locate(pods, [A]), ['no_process']);
        assert.equal(pods.state.by, by);
        assert.deepEqual(locate(pods, [A, B], { nowMs: 1 }), ['no_process', b]);
      });
    }

    for (const by of ['tree', 'walk'])
      test(`a pid that goes to another pod never takes the namespace along, by ${by}`, async () => {
        await using bed = makeBed(`r${by.slice(0, 1)}`);
        const inodes = { [A]: bed.addNetns('a'), [B]: bed.addNetns('b') };
        bed.addCgroup(podPath(A, '1'));
        bed.addCgroup(podPath(B, '2'));
        // a process of the one pod, then with the same pid of the other, each for 10 ms
        const script = `
        last=$(( $$ > 30000 ? 5000 : $$ + 200 ))
        for i in $(seq 80); do
          for pod in "a ${bed.pathOf(podPath(A, '1'))}" "b ${bed.pathOf(podPath(B, '2'))}"; do
            set -- $pod
            echo $last > /proc/sys/kernel/ns_last_pid
            (read -r me _ < /proc/self/stat; echo $me > $2/cgroup.procs; exec nsenter --net=/run/netns/${bedPrefix(bed)}-$1 sleep 0.01) &
            echo $1 $!; wait
          done
        done`;
        const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
        bed.own(child);
        let said = '';
        child.stdout.on('data', (text: Buffer) => (said += text.toString()));
        const cgroupfs = new CgroupFs(by === 'tree' ? bed.root : bed.pathOf('none'));
        const pods = new PodProcesses({ procfs: new ProcFs('/proc'), cgroupfs });
        const seen = new Set<string>();
        await eventually(
          () => {
            const until = performance.now() + 40;
            while (performance.now() < until) {
              for (const [n, at] of locate(pods, [A, B]).entries())
                seen.add(`${n} ${typeof at === 'number' ? nameOf(at, inodes) : at}`);
            }
            return child.exitCode;
          },
          (code) => code !== null,
          60_000,
        );
        assert.equal(pods.state.by, by);
        const wrong = [...seen].filter((one) => !/^0 a|^1 b|no_process|host_namespace/.test(one));
        assert.deepEqual(wrong, []);
        assert.ok(seen.has('0 a') && seen.has('1 b'), [...seen].join());
        const pidsOfB = new Set([...said.matchAll(/^b (\d+)$/gm)].map(([, pid]) => pid));
        const reused = [...said.matchAll(/^a (\d+)$/gm)].filter(([, pid]) => pidsOfB.has(pid));
        assert.ok(reused.length > 5, `only ${reused.length} of 80 pids were used again`);
      });
  });
}

const bedPrefix = (bed: CgroupBed): string => bed.root.slice(bed.root.lastIndexOf('/') + 1);
const nameOf = (inode: number, inodes: Record<string, number>): string =>
  inode === inodes[A] ? 'a' : inode === inodes[B] ? 'b' : `other ${inode}`;
