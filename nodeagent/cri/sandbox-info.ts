import { fieldsOf, listOf, parseFields, textOf, type Fields } from '../grpc/fields.js';

/** An interface that the CNI plugins said they made. */
export interface CniInterface {
  readonly name: string;
  /** Else it is one of the node: the other end of a pair, or a bridge. */
  readonly isInPod: boolean;
  /** Of the device behind it, such as 0000:3b:02.1; containerd 2.1 and later. */
  readonly pciAddress?: string;
}

/** What a runtime tells of a sandbox in a form of its own; each part may be missing. */
export interface SandboxInfo {
  readonly pid?: number;
  /** Path on the node. */
  readonly netnsPath?: string;
  /** The runtime has let go of the network namespace, for good; containerd. */
  readonly isNetnsClosed?: boolean;
  readonly runtimeHandler?: string;
  /** Such as io.containerd.runc.v2; containerd. */
  readonly runtimeType?: string;
  /** As in the OCI runtime spec: a path, or slice:prefix:name for systemd. */
  readonly cgroupsPath?: string;
  /** In the order of their names; absent where no CNI result is told, as of a pod in the node's network. */
  readonly interfaces?: readonly CniInterface[];
}

/** Annotations of a pod, 256 KiB at most, are in it up to three times. */
const MAX_INFO_CHARS = 4 * 1024 * 1024;
const MAX_PATH = 4_096;
const MAX_NAME = 253;
const MAX_INTERFACES = 256;
/** PID_MAX_LIMIT of the kernel. */
const MAX_PID = 4_194_304;

const CRIO = {
  cniResult: 'io.kubernetes.cri-o.CNIResult',
  runtimeHandler: 'io.kubernetes.cri-o.RuntimeHandler',
} as const;

/**
 * Parses the `info` of a verbose PodSandboxStatus: JSON whose form is the runtime's own. Never throws: what is missing or odd is
 * undefined.
 *
 * containerd: pid, runtimeSpec, runtimeType, netNamespaceClosed, cniResult, since 2.1 sandboxMetadata instead of runtimeHandler. CRI-O: pid
 * and runtimeSpec, whose annotations hold the CNI result; for a pod without an infra container the spec alone, or nothing.
 * @see containerd internal/cri/server/podsandbox/sandbox_status.go, CRI-O server/sandbox_status.go
 */
export function parseSandboxInfo(text: unknown): SandboxInfo {
  const info = parseFields(text, MAX_INFO_CHARS) ?? {};
  const spec = fieldsOf(info['runtimeSpec']);
  const annotations = fieldsOf(spec['annotations']);
  const metadata = fieldsOf(fieldsOf(info['sandboxMetadata'])['Metadata']);
  const cni = containerdInterfaces(info['cniResult'] ?? metadata['CNIResult']) ?? crioInterfaces(annotations);
  const closed = info['netNamespaceClosed'];
  return defined({
    pid: pidOf(info),
    netnsPath: specNetns(spec) ?? pathOf(metadata['NetNSPath']) ?? cni?.sandbox,
    isNetnsClosed: typeof closed === 'boolean' ? closed : undefined,
    runtimeHandler:
      textOf(info['runtimeHandler'], MAX_NAME) ??
      textOf(metadata['RuntimeHandler'], MAX_NAME) ??
      textOf(annotations[CRIO.runtimeHandler], MAX_NAME),
    runtimeType: textOf(info['runtimeType'], MAX_NAME),
    cgroupsPath: textOf(fieldsOf(spec['linux'])['cgroupsPath'], MAX_PATH),
    interfaces: cni?.interfaces,
  });
}

/** The process of a container, of the `info` of a verbose ContainerStatus. */
export function parseContainerPid(text: unknown): number | undefined {
  return pidOf(parseFields(text, MAX_INFO_CHARS) ?? {});
}

/** 0 stands for no process. */
function pidOf({ pid }: Fields): number | undefined {
  return typeof pid === 'number' && Number.isInteger(pid) && pid > 0 && pid <= MAX_PID ? pid : undefined;
}

function specNetns(spec: Fields): string | undefined {
  const namespaces = listOf(fieldsOf(spec['linux'])['namespaces']).map(fieldsOf);
  return pathOf(namespaces.find(({ type }) => type === 'network')?.['path']);
}

/** An absolute path that goes nowhere but down. */
function pathOf(value: unknown): string | undefined {
  const path = textOf(value, MAX_PATH);
  return path?.startsWith('/') === true && !path.includes('\0') && !path.split('/').includes('..') ? path : undefined;
}

interface CniResult {
  readonly interfaces: readonly CniInterface[];
  /** The namespace that the plugins were called for. */
  readonly sandbox: string | undefined;
}

/** An object by interface name. */
function containerdInterfaces(result: unknown): CniResult | undefined {
  const { Interfaces } = fieldsOf(result);
  if (typeof Interfaces !== 'object' || Interfaces === null) return undefined;
  return cniResult(
    Object.entries(Interfaces).map(([name, value]) => {
      const { Sandbox: sandbox, PciID: pciId } = fieldsOf(value);
      return { name, sandbox, pciId };
    }),
  );
}

/** JSON in an annotation, as the CNI specification has it. */
function crioInterfaces(annotations: Fields): CniResult | undefined {
  const interfaces = parseFields(annotations[CRIO.cniResult], MAX_INFO_CHARS)?.['interfaces'];
  if (!Array.isArray(interfaces)) return undefined;
  return cniResult(
    interfaces.map((value) => {
      const { name, sandbox, pciID: pciId } = fieldsOf(value);
      return { name, sandbox, pciId };
    }),
  );
}

function cniResult(found: readonly Readonly<Record<'name' | 'sandbox' | 'pciId', unknown>>[]): CniResult {
  const interfaces = found.slice(0, MAX_INTERFACES).flatMap(({ name, sandbox, pciId }): CniInterface[] => {
    if (!isInterfaceName(name)) return [];
    const isInPod = typeof sandbox === 'string' && sandbox !== '';
    const pciAddress = pciAddressOf(pciId);
    return [{ name, isInPod, ...(pciAddress !== undefined && { pciAddress }) }];
  });
  return {
    interfaces: interfaces.sort((a, b) => (a.name < b.name ? -1 : 1)),
    sandbox: found.map(({ sandbox }) => pathOf(sandbox)).find((path) => path !== undefined),
  };
}

/** As the kernel allows it: 15 bytes, no slash, no white space. */
function isInterfaceName(value: unknown): value is string {
  return typeof value === 'string' && /^[^\s/]{1,15}$/.test(value) && Buffer.byteLength(value) <= 15;
}

function pciAddressOf(value: unknown): string | undefined {
  const address = typeof value === 'string' ? value.toLowerCase() : '';
  return /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(address) ? address : undefined;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the fields that are undefined. */
function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
