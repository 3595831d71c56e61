import { createSocket, type Socket } from 'node:dgram';
import { withinNetns } from '../within-netns.js';

/** UDP to one interface of a pod: each datagram is `payload` + 42 bytes on the link. */
export interface Datagrams {
  readonly interfaceName: string;
  readonly count: number;
  readonly payload: number;
}

const PORT = 9_999;

type LookupCallback = (error: null, address: string, family: number) => void;

/**
 * A socket of this process in the network namespace of each pod, for traffic of known size: no process is added to the pod. It also
 * takes what is sent to the pod: a port that nobody listens on would answer with ICMP, which would be counted.
 */
export class PodSockets {
  readonly #open = new Map<string, Socket>();

  open(id: string, netns: string): void {
    this.#open.set(
      id,
      withinNetns(netns, () =>
        createSocket({ type: 'udp4', lookup: lookUpAtOnce })
          .on('message', () => undefined)
          .bind(PORT, '0.0.0.0')
          .unref(),
      ),
    );
  }

  async send(id: string, address: string, { count, payload }: Datagrams): Promise<void> {
    const socket = this.#open.get(id);
    if (socket === undefined) throw new TypeError(`no socket in ${id}`);
    const data = Buffer.alloc(payload);
    for (let i = 0; i < count; i++) {
      await new Promise<void>((resolve, reject) =>
        socket.send(data, PORT, address, (error) => (error === null ? resolve() : reject(error))),
      );
    }
  }

  /** A namespace lives as long as a socket in it. */
  close(id: string): void {
    this.#open.get(id)?.close();
    this.#open.delete(id);
  }

  closeAll(): void {
    for (const id of [...this.#open.keys()]) this.close(id);
  }
}

/** All are addresses already. An answer later, as Node's own gives, would make the socket where the thread is then. */
function lookUpAtOnce(address: string, _options: unknown, callback: LookupCallback): void {
  callback(null, address, 4);
}
