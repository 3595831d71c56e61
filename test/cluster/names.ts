import type { ObjectName } from '../../runtime/options/kinds.js';

/** On everything that a run creates, with the id of the run. */
export const RUN_LABEL = 'podnet.dev/e2e';

/** Deployments, one for each kind of HPA: a second HPA of one Deployment is refused by the controller. */
export const APPS = ['web-pods', 'web-object', 'web-external'] as const;
export type AppName = (typeof APPS)[number];

/** How the things of one run are called. */
export interface Names {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of the server and the agents. */
  readonly system: string;
  /** Of the Deployments and their HPAs. */
  readonly load: string;
  /** Made to be deleted. */
  readonly scratch: string;
  readonly service: ObjectName;
  /** What the name of an object of the cluster begins with. */
  readonly prefix: string;
  readonly selector: string;
}

export function namesOf(id: string): Names {
  const prefix = `podnet-e2e-${id}`;
  return {
    id,
    labels: { [RUN_LABEL]: id, 'app.kubernetes.io/managed-by': 'podnet-e2e' },
    system: `${prefix}-system`,
    load: `${prefix}-load`,
    scratch: `${prefix}-scratch`,
    service: { namespace: `${prefix}-system`, name: 'podnet-apiserver' },
    prefix,
    selector: `${RUN_LABEL}=${id}`,
  };
}
