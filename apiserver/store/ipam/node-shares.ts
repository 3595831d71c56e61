import { IPAM_FIGURES, type IpamFigure } from '../../../metrics/ipam/figures.js';
import { freeAddresses } from '../../../metrics/ipam/free-addresses.js';
import { slopeOf } from '../../../metrics/ipam/trend.js';
import type { HeldReading } from './node-ipam.js';
import { unpackPool } from './pool-samples.js';
import { samplesOf, type ToldFamilies } from './told-families.js';

/** The quantile that stands for a latency; the families of ipamd have milliseconds. */
const QUANTILE = 0.99;
const MS_PER_SECOND = 1_000;

/**
 * What a node has of each of IPAM_FIGURES, in their order. A latency in seconds, -Infinity where there was no call to AWS; of when addresses run
 * out the growth of what is free per second. NaN where it is not known; of counters always: they are added up as they grow.
 */
export function sharesOf(reading: HeldReading, told: ToldFamilies): Float64Array {
  return Float64Array.from(IPAM_FIGURES, (figure) => shareOf(figure, reading, told));
}

function shareOf(figure: IpamFigure, { families, pools }: HeldReading, told: ToldFamilies): number {
  switch (figure.kind) {
    case 'gauge':
      // Each counts something: below 0 it is wrong, and would make the others less.
      return samplesOf(figure, told)?.reduce((sum, { value }) => sum + (value < 0 ? NaN : value), 0) ?? NaN;
    case 'latency':
      return latencyOf(figure, told);
    case 'free':
      return freeAddresses(families) ?? NaN;
    case 'exhaustion': {
      const ofNode = pools.find(({ labels }) => Object.keys(labels).length === 0);
      return (ofNode && slopeOf(unpackPool(ofNode).samples)) ?? NaN;
    }
    case 'counter':
      return NaN;
  }
}

function latencyOf(figure: IpamFigure, told: ToldFamilies): number {
  const samples = samplesOf(figure, told);
  if (samples === undefined) return NaN;
  const quantiles = samples.filter(
    ({ suffix, labels }) => suffix === undefined && Number(labels['quantile']) === QUANTILE,
  );
  return Math.max(...quantiles.map(({ value }) => value)) / MS_PER_SECOND;
}
