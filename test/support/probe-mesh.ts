import type { DialSeries, RecentProbes } from '../../openapi/probe-report.js';
import type { NodeReport } from '../../openapi/node-report.js';
import { dialSeries, probeReading, probeReport, type Probed } from './probe-reports.js';

/** Agents that dial each other: each the next k of a ring. */
export interface Mesh {
  /** Zone of each node. */
  readonly zones: readonly string[];
  readonly k: number;
  readonly networks?: readonly string[];
  readonly families?: readonly NonNullable<DialSeries['family']>[];
}

/** One dial of a mesh; nodes by their place in the ring. */
export interface MeshDial {
  readonly prober: number;
  readonly peer: number;
  readonly network: string;
  readonly family: NonNullable<DialSeries['family']>;
}

/** How the newest dials went: the median of eight that succeeded, seconds; `failing`: none did; undefined: there were none yet. */
export type Went = number | 'failing' | undefined;

export function nodeOf(place: number): string {
  return `node-${String.fromCharCode(97 + place)}`;
}

export function recentOf(went: Went): RecentProbes | undefined {
  if (went === undefined) return undefined;
  if (went === 'failing') return { attempts: 8, failures: 8, lastFailed: true };
  return { attempts: 8, failures: 0, lastFailed: false, medianSeconds: went };
}

/** The dials that the agent of a node makes. */
export function dialsOf(
  { zones, k, networks = ['default'], families = ['ipv4'] }: Mesh,
  prober: number,
  went: (dial: MeshDial) => Went,
  probed: (dial: MeshDial) => Probed<'dial'> = () => ({}),
): DialSeries[] {
  return networks.flatMap((network) =>
    Array.from({ length: Math.min(k, zones.length - 1) }, (_, i) => (prober + i + 1) % zones.length).flatMap((peer) =>
      families.map((family) => {
        const dial = { prober, peer, network, family };
        const recent = recentOf(went(dial));
        return dialSeries({
          ...{ peer: { node: nodeOf(peer), zone: zones[peer] ?? '' }, network, family },
          ...(recent !== undefined && { recent }),
          readings: [probeReading('dial', probed(dial))],
        });
      }),
    ),
  );
}

/** What the agent of a node reports, of one sample. */
export function meshReport(
  mesh: Mesh,
  prober: number,
  atMs: number,
  went: (dial: MeshDial) => Went,
  probed?: (dial: MeshDial) => Probed<'dial'>,
): NodeReport {
  const node = nodeOf(prober);
  return probeReport(
    atMs,
    { dials: dialsOf(mesh, prober, went, probed) },
    { node, bootId: `boot-${node}`, instance: { id: `instance-${node}`, startedAt: 0 } },
  );
}
