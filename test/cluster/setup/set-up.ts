import { PODNET_GROUP } from '../../../openapi/podnet-api.js';
import { exposureOf, ownAddress } from '../address.js';
import type { NewObject } from '../cluster.js';
import { wait, type Run } from '../run-context.js';
import { Agents } from './agents.js';
import { areScheduled, untilRunning } from './deploy.js';
import { pauseImage } from './image.js';
import { hasKubelets, PlayedKubelets } from './kubelet.js';
import { Pusher } from './pusher.js';
import { apiServiceObject, planRegistration, serviceObjects, untilAvailable, type Plan } from './registration.js';
import { emptyAuthority, rights } from './rights.js';
import { freePort, startOwnServer, type OwnServer } from './server.js';
import { namespaces, workloads } from './workloads.js';

/** What the checks are made against. */
export interface Stage {
  readonly plan: Plan;
  readonly server: OwnServer;
  readonly agents: Agents;
  readonly pusher: Pusher;
  close(): Promise<void>;
}

/** Of pods that nobody runs. */
const NO_IMAGE = 'none';
/** Enough for every node to have two samples. */
const FIRST_REPORTS = 4;

/**
 * Rights, the server with its registration, pods that run, and reports of them.
 * @param scheduledWithinMs after which kubelets are played where they are only said to be there
 */
export async function setUp(run: Run, scheduledWithinMs: number): Promise<Stage> {
  const { outcomes } = run;
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).reverse()) await one();
  };
  try {
    const plan = await planRegistration(run.cluster);
    for (const [group, why] of plan.leftOut) outcomes.note(`      ${group} is left out: ${why}`);
    const server = await outcomes.require('the server starts with the rights of its service account', () =>
      startRegistered(run, plan),
    );
    closing.push(() => server.close());
    for (const { name } of plan.apiServices) {
      await outcomes.require(`APIService ${name} is available, with the authority that the server wrote`, () =>
        untilAvailable(run, name, server.ca),
      );
    }
    const image = await deploy(run, closing, scheduledWithinMs);
    const agents = new Agents(run, server, image);
    const pusher = new Pusher(run, agents);
    closing.push(() => {
      agents.close();
      return Promise.resolve();
    });
    closing.push(inBackground((signal) => pusher.serve(signal)));
    await outcomes.require('reports of the pods are accepted', () =>
      wait(run, 'reports', () =>
        Promise.resolve(
          pusher.accepted >= FIRST_REPORTS && pusher.problem === '' ? { value: undefined } : { seen: pusher.problem },
        ),
      ),
    );
    return { plan, server, agents, pusher, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function createAll({ cluster }: Run, objects: readonly NewObject[]): Promise<void> {
  for (const object of objects) await cluster.create(object);
}

async function startRegistered(run: Run, plan: Plan): Promise<OwnServer> {
  const { names, options, outcomes, kubeconfigs, cluster } = run;
  const port = await freePort(options.securePort);
  const address = options.address ?? (await ownAddress(kubeconfigs.server, cluster));
  const exposure = exposureOf(address, options.expose);
  outcomes.note(`      the control plane is told to reach this machine at ${address}, port ${port} (${exposure})`);
  const apiServices = plan.apiServices.map(({ name }) => name);
  await createAll(run, [...namespaces(names), ...rights(names, apiServices), ...emptyAuthority(names)]);
  await createAll(run, serviceObjects(names, { address, port, exposure }));
  await createAll(
    run,
    plan.apiServices.map((registered) => apiServiceObject(names, registered, port)),
  );
  // reports come to podnet.dev, registered or not
  return startOwnServer(run, port, [...new Set([...plan.groups, PODNET_GROUP])]);
}

/** Deployments whose pods run, by kubelets or as if there were some. @returns the image that they run */
async function deploy(run: Run, closing: (() => Promise<void>)[], scheduledWithinMs: number): Promise<string> {
  const { names, options, outcomes, cluster } = run;
  const play = async (): Promise<void> => {
    outcomes.note('      no kubelet runs pods here: kubelets are played');
    const kubelets = new PlayedKubelets(run);
    await kubelets.createNodes();
    closing.push(inBackground((signal) => kubelets.serve(signal)));
  };
  return outcomes.require('the pods of the Deployments run', async () => {
    const isPlayed = options.kubelet === 'played' || (options.kubelet === 'auto' && !(await hasKubelets(cluster)));
    if (isPlayed) await play();
    const image = options.image ?? (isPlayed ? NO_IMAGE : await pauseImage(cluster));
    await createAll(run, workloads(names, image));
    if (!isPlayed && options.kubelet === 'auto' && !(await areScheduled(run, scheduledWithinMs))) await play();
    await untilRunning(run);
    return image;
  });
}

/** Begins something that goes on until it is closed. */
function inBackground(serve: (signal: AbortSignal) => Promise<void>): () => Promise<void> {
  const stop = new AbortController();
  const served = serve(stop.signal);
  return async () => {
    stop.abort();
    await served;
  };
}
