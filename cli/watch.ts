import type { Standalone } from './standalone.js';
import { systemClock } from '../runtime/clock.js';
import { liveInterfaces } from '../apiserver/store/interface-rates.js';
import { renderSummary, renderTable, type TableRow } from './live-table.js';
import { RedrawnBlock } from './terminal.js';

/** Short, so that the table moves; the API's own default window is a minute. */
const TABLE_WINDOW_MS = 5_000;
const REDRAW_EVERY_MS = 1_000;
const MESSAGES_SHOWN = 3;
/** Of a terminal that says it has no size, as some pseudo-terminals do. */
const UNKNOWN_SCREEN = { columns: 80, rows: 24 } as const;

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

/** The log of a program whose terminal shows a table: its last lines stand under the table. */
export class Messages {
  readonly lines: string[] = [];

  readonly write = (line: string): void => {
    this.lines.push(line.trimEnd());
    this.lines.splice(0, this.lines.length - MESSAGES_SHOWN);
  };
}

/** Shows the rates: on a terminal as a table drawn again in its place, elsewhere as one line a second. */
export function startWatch(
  { apiserver }: Standalone,
  { stdout, messages }: { readonly stdout: NodeJS.WriteStream; readonly messages: Messages },
): { close(): void } {
  const rates = (): TableRow[] =>
    liveInterfaces(apiserver.store, apiserver.pods, {
      windowMs: TABLE_WINDOW_MS,
      nowMs: systemClock.monotonicMs(),
    }).map(({ pod, series, figures }) => ({
      namespace: pod.namespace,
      pod: pod.name,
      interface: series.name,
      network: series.meta.network,
      perSecond: figures.map((figure) => (figure.ok ? figure.perSecond : NaN)),
    }));
  const block = stdout.isTTY ? new RedrawnBlock(stdout) : undefined;
  const draw = (): void => {
    if (block === undefined) {
      stdout.write(`${new Date(systemClock.wallMs()).toISOString()} ${renderSummary(rates())}\n`);
    } else {
      const columns = stdout.columns > 0 ? stdout.columns : UNKNOWN_SCREEN.columns;
      const rows = stdout.rows > 0 ? stdout.rows : UNKNOWN_SCREEN.rows;
      const screen = { columns, rows: rows - messages.lines.length - 1 };
      block.draw([...renderTable(rates(), screen), ...messages.lines.map((line) => line.slice(0, columns))]);
    }
  };
  const timer = setInterval(draw, REDRAW_EVERY_MS);
  return {
    close: () => {
      clearInterval(timer);
      block?.close();
    },
  };
}
