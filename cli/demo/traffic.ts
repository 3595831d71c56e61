import { addressOf, NETWORKS, PODS, type DemoNetwork } from './topology.js';

/** What one pod sends over one network, as the counters of its interface see it. */
export interface Stream {
  readonly podIndex: number;
  readonly network: DemoNetwork;
  readonly bytesPerSecond: number;
}

/** Payload and what the wire adds: Ethernet 14, IPv4 20, UDP 8. */
export const PAYLOAD_BYTES = 1_000;
export const WIRE_BYTES = PAYLOAD_BYTES + 42;
export const PORT = 9_999;

const BYTES_PER_SECOND: Readonly<Record<string, number>> = { cbr0: 100_000, n3: 400_000 };

/** Every pod sends to the next one: the second twice as much as the first, the third three times. */
export const STREAMS: readonly Stream[] = PODS.flatMap((_, podIndex) =>
  NETWORKS.map((network) => ({
    podIndex,
    network,
    bytesPerSecond: (BYTES_PER_SECOND[network.network] ?? 0) * (podIndex + 1),
  })),
);

export function receiverOf({ podIndex, network }: Stream): string {
  return addressOf(network, (podIndex + 1) % PODS.length);
}

/** Bytes per second that a pod is offered on a network. */
export function offered(direction: 'receive' | 'transmit', podIndex: number, network: DemoNetwork): number {
  const sender = direction === 'transmit' ? podIndex : (podIndex + PODS.length - 1) % PODS.length;
  return STREAMS.find((stream) => stream.podIndex === sender && stream.network === network)?.bytesPerSecond ?? 0;
}
