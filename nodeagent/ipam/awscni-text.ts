import type { IpamFamily } from '../../openapi/ipam-report.js';
import { SOURCE_PREFIX } from '../../metrics/ipam/names.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import { parsePrometheusText, type PrometheusText } from './prometheus-text.js';
import { IpamReadError, type IpamReading, type PoolReading } from './source.js';
import { decodePrometheusText } from './text-bytes.js';
import { PrometheusTextError } from './text-error.js';

const LIMITS = { families: REPORT_LIMITS.ipamFamilies, samples: REPORT_LIMITS.ipamSamples };
const WAY_OUT = 'does --ipam.endpoint name the metrics of ipamd, as in http://<address of the node>:61678/metrics?';

/**
 * What ipamd, the daemon of Amazon's VPC CNI, tells on /metrics: its own families, and how many addresses the node could still give.
 * @param text the body of one answer, as it came or decoded
 * @throws {IpamReadError} `failed` when the text is malformed, with its line, or is not ipamd's
 */
export function readAwscni(text: string | Uint8Array): IpamReading {
  const { families, leftOut, bad } = parse(text);
  if (families.length + bad.length === 0) {
    throw new IpamReadError('failed', `no metric of the answer begins with ${SOURCE_PREFIX.awscni}: ${WAY_OUT}`);
  }
  return { families, leftOut, bad, pools: poolsOf(families) };
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

/**
 * The pool of the whole node: what it can have, less what pods have.
 *
 * In an IPv6 cluster awscni_ip_max is still that of IPv4 (amazon-vpc-cni-k8s, ipamd.go, GetIPv4Limit), and the node has more addresses than
 * that by its first prefix. A maximum below what the node has bounds nothing, so how many are free is not known then.
 */
function poolsOf(families: readonly IpamFamily[]): PoolReading[] {
  const max = soleValue(families, 'awscni_ip_max');
  const assigned = soleValue(families, 'awscni_assigned_ip_addresses');
  const total = soleValue(families, 'awscni_total_ip_addresses') ?? 0;
  if (max === undefined || assigned === undefined || max <= 0 || max < total) return [];
  const free = Math.max(0, max - assigned);
  return free <= Number.MAX_SAFE_INTEGER ? [{ labels: {}, free }] : [];
}

/** The value of a family with one sample and no labels. */
function soleValue(families: readonly IpamFamily[], name: string): number | undefined {
  const [sample, ...others] = families.find((family) => family.name === name)?.samples ?? [];
  if (sample === undefined || others.length > 0 || Object.keys(sample.labels).length > 0) return undefined;
  return sample.value;
}
