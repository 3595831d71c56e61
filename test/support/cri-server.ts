import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { CRI, type CriMethod } from '../../nodeagent/cri/messages.js';
import { GrpcServer, Refusal, type HandlersOf, type Message } from './grpc-server.js';

export const RECORDED = ['containerd-1.6.20', 'containerd-2.1.9'] as const;
export type Recorded = (typeof RECORDED)[number];

export function recordedJson(runtime: Recorded, name: string): Message {
  return JSON.parse(readFileSync(`test/fixtures/cri/${runtime}/${name}.json`, 'utf8')) as Message;
}

export function recordedBytes(runtime: Recorded, name: string): Buffer {
  return readFileSync(`test/fixtures/cri/${runtime}/raw/${name}.pb`);
}

export type Handlers = HandlersOf<CriMethod>;

/** A container runtime's end of the socket. */
export type CriServer = GrpcServer<CriMethod>;

export function startCriServer(socketPath: string, handlers: Handlers): Promise<CriServer> {
  return GrpcServer.start(CRI, socketPath, handlers);
}

/** What a node's runtime has, for a test to change. */
export class PlayedNode {
  sandboxes: Message[] = [];
  containers: Message[] = [];
  readonly statuses = new Map<string, Message>();
  readonly containerStatuses = new Map<string, Message>();

  /** @returns the two pods of a recording */
  static recorded(runtime: Recorded): PlayedNode {
    const node = new PlayedNode();
    node.sandboxes = recordedJson(runtime, 'ListPodSandbox')['items'] as Message[];
    node.containers = recordedJson(runtime, 'ListContainers')['containers'] as Message[];
    for (const pod of ['web-0', 'web-1']) {
      node.setStatus(recordedJson(runtime, `PodSandboxStatus.${pod}.verbose`));
      const container = recordedJson(runtime, `ContainerStatus.${pod}.verbose`);
      node.containerStatuses.set((container['status'] as Message)['id'] as string, container);
    }
    return node;
  }

  setStatus(answer: Message): void {
    this.statuses.set((answer['status'] as Message)['id'] as string, answer);
  }

  handlers(): Required<Handlers> {
    return {
      Version: () => ({ version: '0.1.0', runtime_name: 'played', runtime_version: '1', runtime_api_version: 'v1' }),
      ListPodSandbox: () => ({ items: this.sandboxes }),
      ListContainers: () => ({ containers: this.containers }),
      PodSandboxStatus: ({ pod_sandbox_id: id }) => found(this.statuses.get(id as string)),
      ContainerStatus: ({ container_id: id }) => found(this.containerStatuses.get(id as string)),
    };
  }
}

function found(answer: Message | undefined): Message {
  if (answer !== undefined) return answer;
  throw new Refusal(status.NOT_FOUND, 'an error occurred when try to find sandbox: not found');
}
