import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Apiserver } from '../../apiserver/start.js';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { makeBundle, type Bundle, type Run } from './bundle.js';
import type { ProbeBed } from './probe-bed.js';
import { fetchText, runApiserver } from './programs.js';

export const PROBE_PORT = 9_809;
export const STORAGE = 'storage';
const SERVER_PORT = 6_443;
const LISTEN_PORT = 9_808;
/** Two nodes each. */
const ZONES = ['a', 'b', 'c'];
const NETWORKS = ['default', STORAGE];
/** Short, so that a test sees many rounds. */
const ROUNDS = '--interval 1s --dial.interval 1s --dial.timeout 1s --dial.service none'.split(' ');

export interface ProbeAgentsOptions {
  /** Nodes of the bed that have an agent. */
  readonly nodes: readonly string[];
  /** More flags of every agent. */
  readonly flags?: readonly string[];
  /** Networks of the bed that they dial over. */
  readonly networks?: 1 | 2;
}

/** An apiserver, and agents of role probe that push to it, as they are shipped, each in a namespace of a bed. They go with their scope. */
export class ProbeAgents implements AsyncDisposable {
  readonly nodes: readonly string[];
  /** How many address families each dials on each network. */
  readonly families: number;
  readonly #bed: ProbeBed;
  readonly #flags: readonly string[];
  readonly #running = new Map<string, Run>();
  readonly #parts: { readonly server: Apiserver; readonly bundle: Bundle; readonly directory: string };

  static async start(bed: ProbeBed, options: ProbeAgentsOptions): Promise<ProbeAgents> {
    const bundle = await makeBundle();
    const directory = await mkdtemp(join(tmpdir(), 'podnet-probe-'));
    const server = await runApiserver();
    await writeFile(join(directory, 'ca.pem'), server.ca);
    const agents = new ProbeAgents(bed, options, { server, bundle, directory });
    try {
      for (const node of options.nodes) {
        await bed.forward(node, SERVER_PORT, Number(new URL(server.url).port));
        agents.start(node);
      }
      return agents;
    } catch (error) {
      await agents[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(
    bed: ProbeBed,
    { nodes, flags = [], networks = 1 }: ProbeAgentsOptions,
    parts: { readonly server: Apiserver; readonly bundle: Bundle; readonly directory: string },
  ) {
    this.#bed = bed;
    this.nodes = nodes;
    this.#parts = parts;
    this.families = bed.families === 'both' ? 2 : 1;
    const loopback = bed.families === 'both' ? '127.0.0.1' : '[::1]';
    this.#flags = [
      ...['--role', 'probe', ...ROUNDS, '--listen-address', `${loopback}:${LISTEN_PORT}`],
      ...['--server', `https://${loopback}:${SERVER_PORT}`, '--server-ca-file', join(parts.directory, 'ca.pem')],
      ...['--dial.peers', this.#peers(networks).join(',')],
      ...flags,
    ];
  }

  start(node: string): void {
    const command = [process.execPath, this.#parts.bundle.file, 'nodeagent', '--node-name', node, ...this.#flags];
    this.#running.set(node, this.#bed.start(node, ...command));
  }

  /** Kills an agent as a node does that loses its power: it says nothing more. */
  async kill(node: string): Promise<void> {
    const agent = this.#running.get(node);
    agent?.child.kill('SIGKILL');
    await agent?.ended;
  }

  /** What the apiserver exposes of the nodes. */
  async metrics(): Promise<ProbeMetrics> {
    const { statusCode, text } = await fetchText(this.#parts.server, '/metrics');
    assert.equal(statusCode, 200, text);
    return new ProbeMetrics(text);
  }

  /** A figure of each node that has it, as an HPA reads it. */
  async figures(metric: string, selector: string): Promise<Map<string, number>> {
    const root = '/apis/custom.metrics.k8s.io/v1beta2/nodes';
    const figures = new Map<string, number>();
    for (const node of this.nodes) {
      const path = `${root}/${node}/${metric}?metricLabelSelector=${encodeURIComponent(selector)}`;
      const { statusCode, text } = await fetchText(this.#parts.server, path);
      if (statusCode === 404) continue;
      assert.equal(statusCode, 200, text);
      const { items } = JSON.parse(text) as MetricValueListV1Beta2;
      for (const { value } of items) figures.set(node, parseSeconds(value));
    }
    return figures;
  }

  async readyz(): Promise<string> {
    return (await fetchText(this.#parts.server, '/readyz?verbose')).text;
  }

  /** What an agent has logged. */
  logOf(node: string): string {
    const agent = this.#running.get(node);
    const { exitCode, signalCode } = agent?.child ?? {};
    return `${agent?.out() ?? ''}${agent?.error() ?? ''} (exit ${exitCode ?? signalCode ?? 'none'})`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await this.kill(node);
    const { server, bundle, directory } = this.#parts;
    await server.close();
    await bundle.remove();
    await rm(directory, { recursive: true });
  }

  #peers(networks: number): string[] {
    return NETWORKS.slice(0, networks).flatMap((network, n) =>
      this.nodes.flatMap((node, i) => {
        const { ipv4, ipv6 } = this.#bed.addresses(node, n);
        const hosts = [...(ipv4 === undefined ? [] : [ipv4]), `[${ipv6}]`];
        return hosts.map((host) => `${node}/${ZONES[i >> 1] ?? ''}@${network}=${host}:${PROBE_PORT}`);
      }),
    );
  }
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One exposition of the apiserver. */
export class ProbeMetrics {
  readonly #samples: readonly Sample[];

  constructor(text: string) {
    this.#samples = [...text.matchAll(/^(\w+)\{(.*)\} (\S+)$/gm)].map(([, name = '', pairs = '', value]) => ({
      name,
      labels: Object.fromEntries([...pairs.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', of = '']) => [key, of])),
      value: Number(value),
    }));
  }

  /** Samples whose labels are these, whatever their others. */
  of(name: string, labels: Readonly<Record<string, string>> = {}): readonly Sample[] {
    const wanted = Object.entries(labels);
    return this.#samples.filter((one) => one.name === name && wanted.every(([key, of]) => one.labels[key] === of));
  }

  /** By how much counters have grown since, from 0 where their agent was started again or is new. */
  growth(earlier: ProbeMetrics, name: string, labels: Readonly<Record<string, string>> = {}): readonly Sample[] {
    return this.of(name, labels).map((sample) => {
      const [before] = earlier.of(name, sample.labels);
      const isOn = before !== undefined && before.value <= sample.value;
      return { ...sample, value: isOn ? sample.value - before.value : sample.value };
    });
  }
}

const PARTS_OF_ONE: Readonly<Record<string, number>> = { '': 1, m: 1e3, u: 1e6 };

/** Seconds of a quantity, such as `21m`. */
function parseSeconds(quantity: string): number {
  const [, number = '', suffix = ''] = /^(\d+)([mu]?)$/.exec(quantity) ?? assert.fail(quantity);
  return Number(number) / (PARTS_OF_ONE[suffix] ?? NaN);
}
