import type { NodeReport } from '../../openapi/node-report.js';
import type { DialSeries, RecentProbes } from '../../openapi/probe-report.js';
import { dialSeries, dnsSeries, ntpSeries, probeReport, serviceDial } from '../support/probe-reports.js';
import { probeRow } from '../support/probe-view.js';

const INTERVAL_MS = 15_000;
const PEERS = 4;
const ZONES = 3;
/** One node in so many does not answer. */
const FAILING_ONE_IN = 1_000;
const DNS_SERVERS = ['10.96.0.10', '10.244.17.3'];
const HOSTS = ['kubernetes.default.svc.cluster.local.', 'registry.example.com.'];
const WELL: RecentProbes = { attempts: 8, failures: 0, lastFailed: false, medianSeconds: 0.000_31 };
const FAILING: RecentProbes = { attempts: 8, failures: 8, lastFailed: true };

/** Name of a node of the ring, as long as those of a cluster. */
export function probingNode(number: number): string {
  return `ip-10-${number >> 16}-${(number >> 8) & 255}-${number & 255}.eu-central-1.compute.internal`;
}

/** The nth report of an agent that dials the next four of a ring of nodes and a Service, and asks two DNS servers and a time server. */
export function syntheticProbeReport(node: number, nodes: number, nth: number): NodeReport {
  const next = Array.from({ length: PEERS }, (_, i) => (node + i + 1) % nodes);
  const dialled = probeRow('dial', [
    [0.000_3, 2 * nth],
    [0.000_7, nth],
  ]);
  const lookedUp = probeRow('dns', [[0.002, nth]]);
  const dns = DNS_SERVERS.flatMap((server) =>
    HOSTS.flatMap((host) =>
      (['udp', 'tcp'] as const).map((protocol) =>
        dnsSeries({ server, host, protocol, recent: WELL, readings: [lookedUp] }),
      ),
    ),
  );
  const service = serviceDial({ recent: WELL, readings: [dialled] });
  const dials = [...next.map((peer) => dialOf(peer, dialled, nth)), service];
  const ntp = [ntpSeries({ recent: WELL, readings: [probeRow('ntp', [[0.01, nth]])] })];
  return probeReport(
    nth * INTERVAL_MS,
    { dials, dns, ntp },
    {
      ...{ node: probingNode(node), sequence: nth, intervalMs: INTERVAL_MS },
      samples: [{ sequence: nth, takenAt: nth * INTERVAL_MS }],
      bootId: `6a1f0c1e-2b7d-4c55-9a53-${String(node).padStart(12, '0')}`,
      instance: { id: `instance-${node}`, startedAt: 0 },
    },
  );
}

function dialOf(peer: number, dialled: number[], nth: number): DialSeries {
  const isFailing = peer % FAILING_ONE_IN === FAILING_ONE_IN - 1;
  return dialSeries({
    peer: { node: probingNode(peer), zone: `eu-central-1${String.fromCharCode(97 + (peer % ZONES))}` },
    address: `10.${peer >> 16}.${(peer >> 8) & 255}.${peer & 255}:9809`,
    recent: isFailing ? FAILING : WELL,
    readings: [isFailing ? probeRow('dial', [], { timeout: 3 * nth }) : dialled],
  });
}
