import { systemClock } from '../../runtime/clock.js';
import { makeBundle, type Bundle } from '../support/bundle.js';
import { CertificateFiles } from './certificate-files.js';
import { startFleet, type Fleet } from './fleet.js';
import { ServerProcess } from './server-process.js';
import { Watcher } from './watcher.js';
import { World } from './world.js';

export const INTERVAL_MS = 1_000;
export const METRIC = 'network_receive_bytes_per_second';
export const NAMESPACE = 'team-0';
const NODES = 20;
/** A push, its answer and whatever else the machine does meanwhile. */
const SLACK_MS = 2_000;

/** Two replicas of the server in processes of their own, agents of twenty nodes that push to both, and somebody who asks each all the time. */
export class FaultBed {
  readonly certificates: CertificateFiles;
  readonly world: World;
  readonly fleet: Fleet;
  readonly servers: readonly ServerProcess[];
  readonly watchers: readonly Watcher[];
  readonly #remove: () => Promise<void>;

  private constructor(
    parts: Pick<FaultBed, 'certificates' | 'world' | 'fleet' | 'servers' | 'watchers'>,
    remove: () => Promise<void>,
  ) {
    ({
      certificates: this.certificates,
      world: this.world,
      fleet: this.fleet,
      servers: this.servers,
      watchers: this.watchers,
    } = parts);
    this.#remove = remove;
  }

  static async start({ servers: count, descriptors }: { servers: number; descriptors?: number }): Promise<FaultBed> {
    const bundle: Bundle = await makeBundle();
    const certificates = await CertificateFiles.create();
    const servers: ServerProcess[] = [];
    for (let i = 0; i < count; i++) {
      servers.push(
        await ServerProcess.start({
          ...{ file: bundle.file, ca: certificates.ca, flags: [...certificates.flags, '--window', '5s'] },
          ...(descriptors !== undefined && { descriptors }),
        }),
      );
    }
    const world = new World({
      ...{ nodes: NODES, pods: 5, interfaces: 2, namespacePods: 100, podLifeMs: 20_000, agentLifeMs: Infinity },
      ...{ bootLifeMs: Infinity, startMs: systemClock.monotonicMs(), startWallMs: systemClock.wallMs() },
    });
    const fleet = startFleet({
      ...{ world, nodes: { from: 0, to: NODES }, targets: servers.map(({ url }) => url), ca: certificates.ca },
      ...{ clock: systemClock, intervalMs: INTERVAL_MS },
    });
    const checks = {
      world,
      intervalMs: INTERVAL_MS,
      slackMs: SLACK_MS,
      sinceMs: world.options.startMs,
    };
    const watchers = servers.map((server) => new Watcher({ ...checks, server, namespace: NAMESPACE, metric: METRIC }));
    return new FaultBed({ certificates, world, fleet, servers, watchers }, async () => {
      await certificates.remove();
      await bundle.remove();
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.watchers.map((watcher) => watcher.close()));
    await this.fleet.close();
    for (const server of this.servers) {
      server.signal('SIGCONT');
      await server.end('SIGKILL');
    }
    await this.#remove();
  }
}
