// The agent: one sweep over real namespaces.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { Registry } from 'prom-client';
import { createInterfacesCollector } from '../../nodeagent/collectors/interfaces.js';
import { NetnsLayouts } from '../../nodeagent/inventory/layout.js';
import { createNetnsPods } from '../../nodeagent/inventory/netns-pods.js';
import { NetnsScan } from '../../nodeagent/inventory/netns-scan.js';
import { ProcFs } from '../../nodeagent/procfs/fs.js';
import { createSelfMetrics } from '../../nodeagent/self-metrics.js';
import { Sweeper } from '../../nodeagent/sweeper.js';
import { SysFs } from '../../nodeagent/sysfs/fs.js';
import { systemClock } from '../../runtime/clock.js';
import { encode } from '../../nodeagent/push/encode.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import { createLogger } from '../../runtime/logger.js';
import { missing } from '../support/requirements.js';
import { HEADER, measure, ratio, row } from './measure.js';

const PREFIX = 'pnbench';
const NAMESPACES = 100;
const INTERFACES = 3;

export async function benchSweep(): Promise<void> {
  const reason = missing('root', 'ip');
  if (reason !== false) {
    console.log(`\nSweep of namespaces: left out, ${reason}`);
    return;
  }
  const processes = makeNamespaces();
  try {
    await benchSweepOf(processes.map(({ pid }) => pid ?? 0));
  } finally {
    for (const child of processes) child.kill('SIGKILL');
    ipBatch(Array.from({ length: NAMESPACES }, (_, i) => `netns del ${PREFIX}${i}`));
  }
}

async function benchSweepOf(pids: readonly number[]): Promise<void> {
  const procfs = new ProcFs('/proc');
  const scan = new NetnsScan(procfs);
  const layouts = new NetnsLayouts(procfs, new SysFs('/sys'));
  const sweeper = new Sweeper({
    sender: {
      node: 'n',
      role: 'node',
      bootId: 'b',
      instance: { id: 'i', startedAt: 0 },
      intervalMs: 15_000,
      agentVersion: '0',
    },
    podSource: createNetnsPods({ procfs, scan, bootId: 'b', runNetns: '/run/netns' }),
    collectors: new Map([
      ['interfaces', createInterfacesCollector({ procfs, layouts, forget: (pid) => scan.forget(pid) })],
    ]),
    clock: systemClock,
    log: createLogger('bench', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) }),
    metrics: createSelfMetrics(new Registry(), '0'),
    historyMs: () => 300_000,
  });
  const sweep = await measure(100, () => sweeper.sweep());
  const report = await measure(100, () => encode(sweeper.report(0, 1).pieces, REPORT_LIMITS));
  const pooled = await measure(50, () =>
    Promise.all(
      pids.map((pid) =>
        Promise.all([
          stat(`/proc/${pid}/net/dev`),
          readFile(`/proc/${pid}/net/dev`),
          readFile(`/proc/${pid}/net/dev_mcast`),
        ]),
      ),
    ),
  );
  const allProcesses = procfs.pids().length;
  console.log(
    `\nSweep of ${NAMESPACES} namespaces × ${INTERFACES} interfaces, ${allProcesses} processes on the machine\n${HEADER}`,
  );
  console.log(
    row('find the pods, read every counter', sweep, `${((sweep.cpuUs / 15e6) * 100).toFixed(3)} % of a core at 15 s`),
  );
  console.log(row('the same files through fs.promises, unparsed', pooled, `a sweep takes ${ratio(sweep, pooled)}`));
  console.log(row('write and compress the report of one sample', report));
}

function makeNamespaces(): ChildProcess[] {
  const names = Array.from({ length: NAMESPACES }, (_, i) => `${PREFIX}${i}`);
  ipBatch(names.map((name) => `netns add ${name}`));
  for (const name of names) {
    // Pairs within the namespace: as many interfaces, and nothing on the host to clean up.
    ipBatch(
      [
        'link add eth0 type veth peer name net1',
        'link add net2 type veth peer name net3',
        'link del net3',
        'link add net2 type bridge',
        'link set eth0 up',
        'link set net1 up',
      ],
      name,
    );
  }
  return names.map((name) => spawn('ip', ['netns', 'exec', name, 'sleep', '600'], { stdio: 'ignore' }));
}

function ipBatch(lines: readonly string[], netns?: string): void {
  execFileSync('ip', [...(netns === undefined ? [] : ['-n', netns]), '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
  });
}
