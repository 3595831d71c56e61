import { INTERFACE_COUNTER_FAMILIES } from '../../metrics/catalogue.js';
import { TRANSPORT_FAMILIES } from '../../metrics/transport-families.js';
import type { PodSeries } from '../store/pod-series.js';
import type { PodMeta } from '../store/report.js';

/** The counters and the info. */
const SERIES_OF_INTERFACE = INTERFACE_COUNTER_FAMILIES.length + 1;
const SERIES_OF_TRANSPORT = TRANSPORT_FAMILIES.reduce((sum, { series }) => sum + series.length, 0);

/** What is shown of a pod. One whose interfaces are not known yet will have one. */
export function seriesOf(pod: PodSeries, meta: PodMeta): number {
  const { isRead, interfaces, transport } = pod;
  const { hostNetwork, exclusiveCpus = [], numaAligned } = meta;
  const expected = isRead || hostNetwork ? interfaces.size : Math.max(1, interfaces.size);
  let stacked = 0;
  for (const series of interfaces.values()) stacked += pod.networksBelow(series).length;
  return (
    1 +
    stacked +
    expected * SERIES_OF_INTERFACE +
    (transport === undefined ? 0 : SERIES_OF_TRANSPORT) +
    exclusiveCpus.length +
    (numaAligned === undefined ? 0 : 1)
  );
}
