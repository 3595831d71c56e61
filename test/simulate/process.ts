// A process of a run: agents, clients, or the Kubernetes API. The first message is its order, each one after it a question.
import process from 'node:process';
import { systemClock } from '../../runtime/clock.js';
import { createLogger } from '../../runtime/logger.js';
import { ClusterApi } from './cluster-api.js';
import { startFleet } from './fleet.js';
import { Load } from './load.js';
import { worldOptionsOf, type FleetOrder, type Order, type Question, type Result } from './messages.js';
import { AGENTS_NICE, CLIENTS_NICE, setNice } from './nice.js';
import { signTokens } from './tokens.js';
import { World } from './world.js';

/** Complaints of agents: they all have the same. */
const MAX_TOLD = 5;

interface Work {
  pause?(): void;
  measure?(): void;
  result(): Promise<Result>;
  close(): Promise<void>;
}

process.once('message', (order: Order) => {
  const work = begin(order);
  process.on('message', (question: Question) => void answer(work, question));
});
process.once('disconnect', () => process.exit(1)); // whoever started it is gone

async function begin(order: Order): Promise<Work> {
  if (order.role === 'fleet') return fleetOf(order);
  if (order.role === 'load') {
    const load = new Load(order, systemClock);
    setNice(0, CLIENTS_NICE); // not of the threads that it has begun by now
    return load;
  }
  const api = await ClusterApi.start(order, systemClock);
  return { result: () => api.started(), close: () => api.close() };
}

async function answer(begun: Promise<Work>, question: Question): Promise<void> {
  const work = await begun;
  if (question === 'pause') work.pause?.();
  else if (question === 'measure') work.measure?.();
  else if (question === 'result') process.send?.(await work.result());
  else {
    await work.close();
    process.exit(0);
  }
}

async function fleetOf({ world: settings, from, to, targets, ca, intervalMs, privateKey }: FleetOrder): Promise<Work> {
  setNice(0, AGENTS_NICE);
  let told = 0;
  const log = createLogger('fleet', {
    ...{ level: 'warn', format: 'text' },
    write: (line) => {
      if (told++ < MAX_TOLD) process.stderr.write(line);
    },
  });
  const world = new World(worldOptionsOf(settings));
  const nodes = Array.from({ length: to - from }, (_, n) => from + n);
  const tokens = privateKey === undefined ? undefined : await signTokens(world, nodes, privateKey);
  const fleet = startFleet({
    ...{ world, nodes: { from, to }, targets, ca, intervalMs, clock: systemClock, log },
    ...(tokens !== undefined && { token: (node: number) => tokens.get(node) ?? '' }),
  });
  return {
    result: () => Promise.resolve(fleet.stats()),
    close: () => fleet.close(),
  };
}
