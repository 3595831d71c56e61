// What the processes of a run say to each other: plain data, as structured clones and JSON carry it.
import type { JWK } from 'jose';
import type { FleetStats } from './fleet.js';
import type { Spread } from './percentiles.js';
import type { Told } from './problems.js';
import type { WorldOptions } from './world.js';

/** Without Infinity, which JSON does not have: 0 stands for it. */
export type WorldSettings = WorldOptions;

/** How clients show who they are: as kube-apiserver does in front of an aggregated API. */
export interface ClientIdentity {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The Kubernetes API of the cluster. */
export interface ClusterOrder {
  readonly role: 'cluster';
  readonly world: WorldSettings;
  /** `data` of the ConfigMap extension-apiserver-authentication. */
  readonly authentication: Readonly<Record<string, string>>;
  /** What tokens of agents are verified with. */
  readonly publicKey: JWK;
}

/** A Kubernetes API that answers. */
export interface ClusterStarted {
  readonly kubeconfig: string;
}

export interface FleetOrder {
  readonly role: 'fleet';
  readonly world: WorldSettings;
  readonly from: number;
  readonly to: number;
  readonly targets: readonly string[];
  readonly ca: string;
  readonly intervalMs: number;
  /** What tokens are signed with; without it none are sent. */
  readonly privateKey?: JWK;
}

export interface LoadOrder {
  readonly role: 'load';
  readonly world: WorldSettings;
  readonly targets: readonly string[];
  readonly ca: string;
  readonly intervalMs: number;
  readonly slackMs: number;
  /** Each second. */
  readonly queries: number;
  readonly scrapeIntervalMs: number;
  readonly identity?: ClientIdentity;
}

export type Order = ClusterOrder | FleetOrder | LoadOrder;

/** What a process is asked for after its order. */
export type Question = 'pause' | 'measure' | 'result' | 'stop';

export interface ScrapeResult {
  readonly encoding: 'gzip' | 'identity';
  readonly milliseconds: number;
  readonly bytes: number;
}

export interface LoadResult {
  /** From when a query was due, milliseconds; of one that was given up, until then. */
  readonly hpa: Spread;
  /** A request that costs the server nothing: how long its event loop is busy with others. Milliseconds. */
  readonly cheap: Spread;
  /** How much later than it was due a question went out: the machine's doing, and in all of the above. Milliseconds. */
  readonly late: Spread;
  readonly scrapes: readonly ScrapeResult[];
  /** Requests without a whole answer of 200, from the first that there was on; the first ones, and how many. */
  readonly failures: readonly string[];
  readonly failureCount: number;
  readonly checked: CheckResult;
}

export interface CheckResult {
  readonly answers: number;
  /** Not checked, because there was no time for it. */
  readonly skipped: number;
  readonly items: number;
  readonly series: number;
  readonly plainBytes: number;
  /** What nobody counted, or not there and then. */
  readonly wrong: Told;
  /** What would be right if no report had taken longer than `slackMs`. */
  readonly late: Told;
}

export type Result = ClusterStarted | FleetStats | LoadResult;

/** A world of settings that went through JSON. */
export function worldOptionsOf(settings: WorldSettings): WorldOptions {
  const forEver = (ms: number): number => (ms === 0 ? Infinity : ms);
  return {
    ...settings,
    podLifeMs: forEver(settings.podLifeMs),
    agentLifeMs: forEver(settings.agentLifeMs),
    bootLifeMs: forEver(settings.bootLifeMs),
  };
}
