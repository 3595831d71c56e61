import type { IpamFamily } from '../../openapi/ipam-report.js';
import { freeAddresses, maximumAddresses } from '../../metrics/ipam/free-addresses.js';
import { SOURCE_PREFIX } from '../../metrics/ipam/names.js';
import { refusedFamilies } from '../../metrics/ipam/refused-families.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import { parsePrometheusText, type PrometheusText } from './prometheus-text.js';
import { IpamReadError, MAX_SAMPLES, type IpamReading, type PoolReading } from './source.js';
import { decodePrometheusText } from './text-bytes.js';
import { PrometheusTextError } from './text-error.js';

const LIMITS = { families: REPORT_LIMITS.ipamFamilies, samples: MAX_SAMPLES.awscni };
const WAY_OUT = 'does --ipam.endpoint name the metrics of ipamd, as in http://<address of the node>:61678/metrics?';

/**
 * What ipamd, the daemon of Amazon's VPC CNI, tells on /metrics: its own families, and how many addresses the node could still give.
 * @param text the body of one answer, as it came or decoded
 * @throws {IpamReadError} `failed` when the text is malformed, with its line, or is not ipamd's
 */
export function readAwscni(text: string | Uint8Array): IpamReading {
  const told = parse(text);
  if (told.families.length + told.bad.length === 0) {
    throw new IpamReadError('failed', `no metric of the answer begins with ${SOURCE_PREFIX.awscni}: ${WAY_OUT}`);
  }
  const refused = refusedFamilies('awscni', told.families);
  const families = told.families.filter((family) => !refused.has(family));
  const messages = [...refused.values()];
  return {
    families,
    leftOut: [...new Set([...told.leftOut, ...[...refused.keys()].map(({ name }) => name)])],
    bad: [...told.bad, ...messages.map((message) => ({ reason: 'refused_family', message }))],
    pools: poolsOf(families),
  };
}

function parse(body: string | Uint8Array): PrometheusText {
  try {
    const text = typeof body === 'string' ? body : decodePrometheusText(body);
    return parsePrometheusText(text, { limits: LIMITS, wanted: (name) => name.startsWith(SOURCE_PREFIX.awscni) });
  } catch (error) {
    if (!(error instanceof PrometheusTextError)) throw error;
    throw new IpamReadError('failed', `not metrics in the text format of Prometheus: ${error.message}; ${WAY_OUT}`, {
      cause: error,
    });
  }
}

/** The pool of the whole node. */
function poolsOf(families: readonly IpamFamily[]): PoolReading[] {
  const free = freeAddresses(families);
  const size = maximumAddresses(families);
  if (free === undefined || size === undefined || free > Number.MAX_SAFE_INTEGER) return [];
  return [{ labels: {}, free, size }];
}
