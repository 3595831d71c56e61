import { createSocket, type Socket } from 'node:dgram';
import process from 'node:process';
import { systemClock } from '../../runtime/clock.js';
import { PAYLOAD_BYTES, PORT, STREAMS, WIRE_BYTES, receiverOf, type Stream } from './traffic.js';

const SEND_EVERY_MS = 10;

/**
 * `podnet demo-pod <index>`: the process in a pod of the demo. Sends what the pod is to send, takes what others send it, and ends when
 * its standard input does, so that none outlives the demo.
 */
export async function runDemoPod([index]: readonly string[]): Promise<number> {
  const socket = createSocket('udp4');
  socket.on('message', () => undefined); // an open port: nothing is answered with "port unreachable"
  await new Promise<void>((resolve) => socket.bind(PORT, resolve));
  const timers = STREAMS.filter(({ podIndex }) => podIndex === Number(index)).map((stream) => send(socket, stream));
  process.stdin.resume();
  await new Promise<void>((resolve) => process.stdin.once('close', resolve).once('end', resolve));
  for (const timer of timers) clearInterval(timer);
  socket.close();
  return 0;
}

/** As many datagrams as are due by the clock, so that a late timer costs nothing of the rate. */
function send(socket: Socket, stream: Stream): NodeJS.Timeout {
  const payload = Buffer.alloc(PAYLOAD_BYTES);
  const address = receiverOf(stream);
  const startedMs = systemClock.monotonicMs();
  let sent = 0;
  return setInterval(() => {
    const due = ((systemClock.monotonicMs() - startedMs) / 1_000) * stream.bytesPerSecond;
    for (; (sent + 1) * WIRE_BYTES <= due; sent++) socket.send(payload, PORT, address);
  }, SEND_EVERY_MS);
}
