import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { run, type Bundle, type Run } from '../support/bundle.js';
import type { KubeApiServer } from '../support/kube-api.js';
import { eventually } from '../support/programs.js';
import { processCost, type ProcessCost } from './process-cost.js';

/**
 * A service account where a kubelet mounts it: $1 the directory with its files. In a mount namespace of its own, so that nothing of the
 * machine changes; the process stays the same.
 */
const IN_POD = `
mount -t tmpfs podnet-bench /var/run && mkdir -p /var/run/secrets/kubernetes.io && ln -s "$1" /var/run/secrets/kubernetes.io/serviceaccount &&
shift && exec "$@"`;

/** What a DaemonSet without any right has. */
export const NOBODY = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=-all',
  '--bounding-set=-all',
];

export interface AgentPlan {
  readonly name: string;
  readonly bundle: Bundle;
  readonly api: KubeApiServer;
  /** Instead of as uid 65534 without a capability. */
  readonly isRoot?: boolean;
  /** Of the apiserver. */
  readonly server: { readonly url: string; readonly ca: string };
  /** Of node, such as --cpu-prof. */
  readonly nodeFlags: readonly string[];
  readonly flags: readonly string[];
}

/** An agent and its sweeps at one time. */
export interface Look {
  /** Before it was asked for its metrics, and afterwards: that costs, too. */
  readonly before: ProcessCost;
  readonly after: ProcessCost;
  readonly sweeps: number;
  readonly sweepSeconds: number;
}

/** The agent as it is shipped, in a process of its own, with the service account of a pod. */
export class AgentRun {
  private constructor(
    readonly name: string,
    readonly url: string,
    readonly program: Run,
    readonly directory: string,
  ) {}

  static async start({ name, bundle, api, server, isRoot = false, nodeFlags, flags }: AgentPlan): Promise<AgentRun> {
    const directory = await mkdtemp(join(tmpdir(), 'podnet-bench-'));
    await chmod(directory, 0o755);
    const { hostname, port } = new URL(api.url);
    const files = { token: api.token, 'ca.crt': api.ca, namespace: 'podnet-system', 'server-ca.crt': server.ca };
    for (const [file, content] of Object.entries(files)) await writeFile(join(directory, file), content);
    const agent = [
      ...[
        process.execPath,
        ...nodeFlags,
        bundle.file,
        'nodeagent',
        '--listen-address',
        '127.0.0.1:0',
        '--listen-rate-limit',
        '1000',
      ],
      ...['--server', server.url, '--server-ca-file', join(directory, 'server-ca.crt'), ...flags],
    ];
    const inPod = ['-m', 'sh', '-c', IN_POD, 'sh', directory, ...(isRoot ? [] : NOBODY), ...agent];
    const program = run('unshare', inPod, {
      env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
    });
    const url = await urlIn(program, 'sampling');
    return new AgentRun(name, url, program, directory);
  }

  /** What it has cost so far. */
  async look(): Promise<Look> {
    const pid = this.program.child.pid ?? 0;
    const before = processCost(pid);
    const metrics = await fetchMetrics(this.url);
    const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1] ?? NaN);
    return {
      ...{ before, after: processCost(pid) },
      sweeps: value('podnet_nodeagent_sweep_duration_seconds_count'),
      sweepSeconds: value('podnet_nodeagent_sweep_duration_seconds_sum'),
    };
  }

  /** @throws {Error} unless it read all pods and pushed them */
  async check(pods: number): Promise<void> {
    const isWhole = (metrics: string): boolean =>
      metrics.includes(`\npodnet_nodeagent_pods ${pods}\n`) &&
      !/^podnet_nodeagent_pods_skipped\{.*\} [1-9]/m.test(metrics) &&
      /^podnet_nodeagent_pushes_total\{.*result="ok".*\} [1-9]/m.test(metrics);
    await eventually(() => fetchMetrics(this.url), isWhole, 60_000).catch((error: unknown) => {
      throw new Error(`${this.name}: not all pods are read and pushed\n${this.program.error()}`, { cause: error });
    });
  }

  async close(): Promise<void> {
    this.program.child.kill('SIGTERM');
    await this.program.ended;
    await rm(this.directory, { recursive: true });
  }
}

/** Ends what was started; the last first. */
export type Closers = (() => Promise<void>)[];

/** In a process of its own. @returns its URL */
export async function startApiserver(bundle: Bundle, flags: readonly string[], closers: Closers): Promise<string> {
  const server = run(process.execPath, [bundle.file, 'apiserver', '--standalone', '--secure-port', '0', ...flags]);
  closers.push(() => end(server));
  return urlIn(server, 'serving');
}

async function end({ child, ended }: Run): Promise<void> {
  child.kill('SIGTERM');
  await ended;
}

/** A program of ours says where it serves in a line of its log. */
async function urlIn(program: Run, message: string): Promise<string> {
  const line = new RegExp(`^.*"url":"([^"]+)".*"${message}".*$`, 'm');
  const found = await eventually(
    () => (program.child.exitCode === null ? line.exec(program.error())?.[1] : program.error()),
    (url) => url !== undefined,
  );
  if (found?.startsWith('http') !== true) throw new Error(`it ended: ${found ?? ''}`);
  return found;
}

async function fetchMetrics(url: string): Promise<string> {
  const request = get(`${url}/metrics`, { agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return text(response);
}
