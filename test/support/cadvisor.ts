import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { INTERFACE_COUNTER_FAMILIES } from '../../metrics/catalogue.js';

/** The eight families of cAdvisor that predecessors join with. */
export const CONTAINER_NETWORK = INTERFACE_COUNTER_FAMILIES.map(({ name }) =>
  name.replace('podnet_interface_', 'container_network_'),
);

export interface CadvisorSeries {
  readonly namespace: string;
  readonly pod: string;
  readonly interface: string;
}

/** Growth of every counter that is served, per second. */
export const PER_SECOND = 1_000;

/**
 * Texts as a scraper finds them, by path. Samples of cAdvisor carry the time they were taken at, so that a rate over them is exact.
 */
export async function serveTexts(
  texts: Readonly<Record<string, () => string>>,
  contentType = 'text/plain; version=0.0.4',
): Promise<{ readonly host: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const text = texts[request.url ?? ''];
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': contentType });
    response.end(text?.());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** /metrics/cadvisor of a kubelet on containerd, with the series given; `pod` empty: the node's own, `id="/"`. */
export function cadvisorText(series: readonly CadvisorSeries[]): string {
  const takenAtMs = Date.now();
  return CONTAINER_NETWORK.map((family) => {
    const lines = series.map(({ namespace, pod, interface: name }) => {
      const id = pod === '' ? '/' : `/kubepods/pod${pod}/sandbox`;
      const labels = `container="",id="${id}",image="",interface="${name}",name="",namespace="${namespace}",pod="${pod}"`;
      return `${family}{${labels}} ${(takenAtMs * PER_SECOND) / 1_000} ${takenAtMs}\n`;
    });
    return `# HELP ${family} Cumulative count\n# TYPE ${family} counter\n${lines.join('')}`;
  }).join('');
}
