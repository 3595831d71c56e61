// What the processes of a run say to each other: plain data, as structured clones and JSON carry it.
import type { FleetStats } from './fleet.js';
import type { Spread } from './percentiles.js';
import type { WorldOptions } from './world.js';

/** Without Infinity, which JSON does not have: 0 stands for it. */
export type WorldSettings = WorldOptions;

export interface FleetOrder {
  readonly role: 'fleet';
  readonly world: WorldSettings;
  readonly from: number;
  readonly to: number;
  readonly targets: readonly string[];
  readonly ca: string;
  readonly intervalMs: number;
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
}

export type Order = FleetOrder | LoadOrder;

/** What a process is asked for after its order. */
export type Question = 'measure' | 'result' | 'stop';

export interface ScrapeResult {
  readonly encoding: 'gzip' | 'identity';
  readonly milliseconds: number;
  readonly bytes: number;
}

export interface LoadResult {
  /** Milliseconds. */
  readonly hpa: Spread;
  /** A request that costs the server nothing: how long its event loop is busy with others. Milliseconds. */
  readonly cheap: Spread;
  readonly scrapes: readonly ScrapeResult[];
  readonly failures: readonly string[];
  readonly checked: CheckResult;
}

export interface CheckResult {
  readonly answers: number;
  /** Not checked, because there was no time for it. */
  readonly skipped: number;
  readonly items: number;
  readonly series: number;
  readonly plainBytes: number;
  readonly violations: readonly string[];
  readonly violationCount: number;
}

export type Result = FleetStats | LoadResult;

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
