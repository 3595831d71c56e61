import { Client, credentials } from '@grpc/grpc-js';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';

/** A process of the runtime, and how it is. */
export interface TaskStatus {
  readonly state: string;
  /** 0 where there is none. */
  readonly pid: number;
}

/** Of a container. */
export interface ContainerStatus extends TaskStatus {
  /** Of one that has ended. */
  readonly exitCode: number;
}

export interface SandboxStatus extends TaskStatus {
  /** Path of its network namespace; undefined where it has none of its own. */
  readonly netns?: string;
  readonly interfaces: readonly CniInterface[];
}

/** As containerd has it from the CNI plugins. */
export interface CniInterface {
  readonly name: string;
  readonly mac: string;
  /** Without their prefix length. */
  readonly addresses: readonly string[];
  /** Whether it is in the sandbox, not at the host's end. */
  readonly isInside: boolean;
}

interface VerboseInfo {
  readonly pid: number;
  readonly runtimeSpec?: { readonly linux: { readonly namespaces: readonly { type: string; path?: string }[] } };
  readonly cniResult?: {
    readonly Interfaces: Readonly<
      Record<string, { IPConfigs: readonly { IP: string }[] | null; Mac: string; Sandbox: string }>
    >;
  } | null;
}
interface StatusResponse {
  readonly status: { readonly state: string; readonly exit_code?: number };
  readonly info: { readonly info?: string };
}

const PROTO = 'test/support/containerd/cri.proto'; // from where the tests are run, as test/fixtures/
const CALL_TIMEOUT_MS = 20_000;

/** What the kubelet says to a container runtime, so far as tests have to say it. */
export class CriClient {
  readonly #methods: ServiceDefinition;
  readonly #client: Client;

  /** @param endpoint such as unix:///run/containerd/containerd.sock */
  constructor(endpoint: string) {
    const definitions = loadSync(PROTO, { keepCase: true, longs: String, enums: String, defaults: true });
    this.#methods = definitions['runtime.v1.RuntimeService'] as ServiceDefinition;
    this.#client = new Client(endpoint, credentials.createInsecure(), {
      'grpc.default_authority': 'localhost', // the path of the socket is none that Go's server takes
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.min_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 200,
    });
  }

  close(): void {
    this.#client.close();
  }

  /** Whether it takes pods: its network plugins are loaded. */
  async isReady(): Promise<boolean> {
    const { status } = await this.#call<{ status: { conditions: { type: string; status: boolean }[] } }>('Status', {});
    return status.conditions.length > 0 && status.conditions.every((condition) => condition.status);
  }

  async runPodSandbox(config: object): Promise<string> {
    return (await this.#call<{ pod_sandbox_id: string }>('RunPodSandbox', { config })).pod_sandbox_id;
  }

  async stopPodSandbox(id: string): Promise<void> {
    await this.#call('StopPodSandbox', { pod_sandbox_id: id });
  }

  async removePodSandbox(id: string): Promise<void> {
    await this.#call('RemovePodSandbox', { pod_sandbox_id: id });
  }

  async listPodSandboxes(): Promise<{ id: string; state: string; metadata: { uid: string } }[]> {
    return (
      await this.#call<{ items: { id: string; state: string; metadata: { uid: string } }[] }>('ListPodSandbox', {})
    ).items;
  }

  async podSandboxStatus(id: string): Promise<SandboxStatus> {
    const { status, info } = await this.#call<StatusResponse>('PodSandboxStatus', {
      pod_sandbox_id: id,
      verbose: true,
    });
    const { pid, runtimeSpec, cniResult } = JSON.parse(info.info ?? '{"pid":0}') as VerboseInfo;
    const netns = runtimeSpec?.linux.namespaces.find(({ type }) => type === 'network')?.path;
    const interfaces = Object.entries(cniResult?.Interfaces ?? {}).map(([name, { IPConfigs, Mac, Sandbox }]) => ({
      ...{ name, mac: Mac, isInside: Sandbox !== '' },
      addresses: (IPConfigs ?? []).map(({ IP }) => IP),
    }));
    return { state: status.state, pid, interfaces, ...(netns !== undefined && { netns }) };
  }

  /** @returns its id; it is not started yet */
  async createContainer(sandboxId: string, config: object, sandboxConfig: object): Promise<string> {
    const request = { pod_sandbox_id: sandboxId, config, sandbox_config: sandboxConfig };
    return (await this.#call<{ container_id: string }>('CreateContainer', request)).container_id;
  }

  async startContainer(id: string): Promise<void> {
    await this.#call('StartContainer', { container_id: id });
  }

  /** As the kubelet ends one: by the signal that its image names, and by force after some seconds. */
  async stopContainer(id: string, timeoutSeconds: number): Promise<void> {
    await this.#call('StopContainer', { container_id: id, timeout: timeoutSeconds });
  }

  async removeContainer(id: string): Promise<void> {
    await this.#call('RemoveContainer', { container_id: id });
  }

  async containerStatus(id: string): Promise<ContainerStatus> {
    const { status, info } = await this.#call<StatusResponse>('ContainerStatus', { container_id: id, verbose: true });
    const { pid } = JSON.parse(info.info ?? '{"pid":0}') as VerboseInfo;
    return { state: status.state, pid, exitCode: status.exit_code ?? 0 };
  }

  async #call<T>(name: string, request: object): Promise<T> {
    const method = this.#methods[name];
    if (method === undefined) throw new TypeError(`no ${name} in ${PROTO}`);
    const { path, requestSerialize, responseDeserialize } = method;
    const deadline = Date.now() + CALL_TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        { deadline },
        (error, answer) => {
          if (error === null) resolve(answer as T);
          else reject(new Error(`${name}: ${error.message}`, { cause: error }));
        },
      );
    });
  }
}
