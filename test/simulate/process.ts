// A process of a run: agents, or clients. The first message is its order, each one after it a question.
import process from 'node:process';
import { systemClock } from '../../runtime/clock.js';
import { createLogger } from '../../runtime/logger.js';
import { startFleet } from './fleet.js';
import { Load } from './load.js';
import { worldOptionsOf, type FleetOrder, type Order, type Question, type Result } from './messages.js';
import { World } from './world.js';

/** Complaints of agents: they all have the same. */
const MAX_TOLD = 5;

interface Work {
  measure(): void;
  result(): Promise<Result>;
  close(): Promise<void>;
}

process.once('message', (order: Order) => {
  const work = order.role === 'fleet' ? fleetOf(order) : new Load(order, systemClock);
  process.on('message', (question: Question) => void answer(work, question));
});
process.once('disconnect', () => process.exit(1)); // whoever started it is gone

async function answer(work: Work, question: Question): Promise<void> {
  if (question === 'measure') work.measure();
  else if (question === 'result') process.send?.(await work.result());
  else {
    await work.close();
    process.exit(0);
  }
}

function fleetOf({ world, from, to, targets, ca, intervalMs }: FleetOrder): Work {
  let told = 0;
  const log = createLogger('fleet', {
    ...{ level: 'warn', format: 'text' },
    write: (line) => {
      if (told++ < MAX_TOLD) process.stderr.write(line);
    },
  });
  const fleet = startFleet({
    ...{ world: new World(worldOptionsOf(world)), nodes: { from, to }, targets, ca, intervalMs },
    ...{ clock: systemClock, log },
  });
  return {
    measure: () => undefined,
    result: () => Promise.resolve(fleet.stats()),
    close: () => fleet.close(),
  };
}
