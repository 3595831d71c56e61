import { fieldsOf, listOf, textOf } from '../grpc/fields.js';
import { parseContainerPid, parseSandboxInfo, type SandboxInfo } from './sandbox-info.js';

/** Of its list: a sandbox with an id and the uid of a pod. */
export interface ListedSandbox {
  readonly id: string;
  readonly uid: string;
  readonly isReady: boolean;
  /** Nanoseconds since 1970 of the runtime's clock: more than a number can hold, and good for an order alone. */
  readonly createdNs: bigint;
  readonly attempt: number;
  /** Empty: the runtime's default. */
  readonly runtimeHandler: string;
}

export type ContainerState = 'created' | 'running' | 'exited' | 'unknown';

export interface ListedContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly image: string;
  /** Counts restarts. */
  readonly attempt: number;
  readonly state: ContainerState;
  readonly createdNs: bigint;
}

export interface SandboxStatus extends SandboxInfo {
  /** It has the node's network and none of its own. */
  readonly isHostNetwork: boolean;
}

export interface RuntimeVersion {
  readonly name: string;
  readonly version: string;
}

/** A container id has 64 characters, a name 253 at most. */
const MAX_NAME = 253;
const MAX_IMAGE = 1_024;

const STATES = new Map<unknown, ContainerState>([
  ['CONTAINER_CREATED', 'created'],
  ['CONTAINER_RUNNING', 'running'],
  ['CONTAINER_EXITED', 'exited'],
]);

/** @param answer as gRPC decoded it, see READ_AS; one without id or uid is left out */
export function sandboxesOf(answer: unknown): ListedSandbox[] {
  return listOf(fieldsOf(answer)['items']).flatMap((item): ListedSandbox[] => {
    const { id: rawId, metadata, state, created_at: created, runtime_handler: handler } = fieldsOf(item);
    const { uid: rawUid, attempt } = fieldsOf(metadata);
    const id = textOf(rawId, MAX_NAME);
    const uid = textOf(rawUid, MAX_NAME);
    if (id === undefined || uid === undefined) return [];
    return [
      {
        id,
        uid,
        isReady: state === 'SANDBOX_READY',
        createdNs: nanosecondsOf(created),
        attempt: countOf(attempt),
        runtimeHandler: textOf(handler, MAX_NAME) ?? '',
      },
    ];
  });
}

/** Also those that are left out. */
export function sandboxCount(answer: unknown): number {
  return listOf(fieldsOf(answer)['items']).length;
}

/** One without id, name or sandbox is left out. */
export function containersOf(answer: unknown): ListedContainer[] {
  return listOf(fieldsOf(answer)['containers']).flatMap((item): ListedContainer[] => {
    const { id: rawId, pod_sandbox_id: rawSandbox, metadata, image, state, created_at: created } = fieldsOf(item);
    const { name: rawName, attempt } = fieldsOf(metadata);
    const id = textOf(rawId, MAX_NAME);
    const sandboxId = textOf(rawSandbox, MAX_NAME);
    const name = textOf(rawName, MAX_NAME);
    if (id === undefined || sandboxId === undefined || name === undefined) return [];
    return [
      {
        id,
        sandboxId,
        name,
        image: imageOf(image),
        attempt: countOf(attempt),
        state: STATES.get(state) ?? 'unknown',
        createdNs: nanosecondsOf(created),
      },
    ];
  });
}

export function sandboxStatusOf(answer: unknown): SandboxStatus {
  const { status, info } = fieldsOf(answer);
  const { linux, runtime_handler: handler } = fieldsOf(status);
  const { network } = fieldsOf(fieldsOf(fieldsOf(linux)['namespaces'])['options']);
  const runtimeHandler = textOf(handler, MAX_NAME);
  return {
    ...parseSandboxInfo(fieldsOf(info)['info']),
    ...(runtimeHandler !== undefined && { runtimeHandler }),
    isHostNetwork: network === 'NODE',
  };
}

export function containerPidOf(answer: unknown): number | undefined {
  return parseContainerPid(fieldsOf(fieldsOf(answer)['info'])['info']);
}

export function versionOf(answer: unknown): RuntimeVersion {
  const { runtime_name: name, runtime_version: version } = fieldsOf(answer);
  return { name: textOf(name, MAX_NAME) ?? 'unknown', version: textOf(version, MAX_NAME) ?? 'unknown' };
}

/** What the pod asked for, where the runtime knows it: the kubelet hands it the digest that this came to. */
function imageOf(value: unknown): string {
  const { image, user_specified_image: asked } = fieldsOf(value);
  return textOf(asked, MAX_IMAGE) ?? textOf(image, MAX_IMAGE) ?? '';
}

function nanosecondsOf(value: unknown): bigint {
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? BigInt(value) : 0n;
}

function countOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
