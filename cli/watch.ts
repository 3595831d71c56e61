import type { Standalone } from './standalone.js';
import { systemClock } from '../runtime/clock.js';
import { liveInterfaces } from '../apiserver/store/interface-rates.js';
import type { Output } from '../runtime/output.js';
import { renderSummary, renderTable, type Screen, type TableRow } from './live-table.js';
import type { LiveTerminal } from './terminal.js';

/** Short, so that the table moves; the API's own default window is a minute. */
const TABLE_WINDOW_MS = 5_000;
const REDRAW_EVERY_MS = 1_000;

/** What somebody who just started it wants to try next. */
export function renderInvitation({ apiserver, nodeagent }: Standalone): string {
  const pods = `${apiserver.url}/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/network_receive_bytes_per_second`;
  return [
    `podnet is serving on ${apiserver.url}, its agent on ${nodeagent.url}. Try:`,
    '',
    `  curl -k '${pods}'`,
    `  curl -k '${pods}?metricLabelSelector=window=5s'`,
    `  curl -k '${apiserver.url}/metrics?namespace=default'`,
    '',
    '',
  ].join('\n');
}

export interface WatchDeps {
  readonly out: Output;
  /** Undefined where the output is none. */
  readonly terminal: LiveTerminal | undefined;
  readonly screen: () => Screen;
}

/** Shows the rates: on a terminal as a table drawn again in its place, elsewhere as one line a second. */
export function startWatch({ apiserver }: Standalone, { out, terminal, screen }: WatchDeps): { close(): void } {
  const rates = (): TableRow[] =>
    liveInterfaces(apiserver.store, apiserver.pods, {
      windowMs: TABLE_WINDOW_MS,
      nowMs: systemClock.monotonicMs(),
    }).map(({ pod, series, isCounted, figures }) => ({
      namespace: pod.namespace,
      pod: pod.name,
      interface: series.name,
      network: series.meta.network,
      isMachine: pod.series?.meta.machine === true,
      isCounted,
      perSecond: figures.map((figure) => (figure.ok ? figure.perSecond : NaN)),
    }));
  const show = (): void => {
    if (terminal !== undefined) terminal.draw(renderTable(rates(), screen()));
    else out.write(`${new Date(systemClock.wallMs()).toISOString()} ${renderSummary(rates())}\n`);
  };
  const timer = setInterval(show, REDRAW_EVERY_MS);
  return { close: () => clearInterval(timer) };
}
