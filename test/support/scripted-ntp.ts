import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Fields of an answer that are not as they should be; times are milliseconds since 1970. */
export interface AnswerFields {
  readonly leap?: number;
  readonly version?: number;
  readonly mode?: number;
  readonly stratum?: number;
  readonly referenceId?: string;
  readonly originate?: Buffer;
  readonly receiveMs?: number;
  readonly transmitMs?: number;
  /** Eight zero bytes for the time of transmission. */
  readonly noTransmit?: boolean;
  readonly length?: number;
}

const EPOCH_SECONDS = 2_208_988_800;

/** NTP's 32 bits of seconds and 32 of their fraction, of whatever era. */
export function ntpTimestamp(wallMs: number): Buffer {
  const timestamp = Buffer.alloc(8);
  const seconds = Math.floor(wallMs / 1_000);
  timestamp.writeUInt32BE((((seconds + EPOCH_SECONDS) % 2 ** 32) + 2 ** 32) % 2 ** 32, 0);
  timestamp.writeUInt32BE(Math.floor((wallMs / 1_000 - seconds) * 2 ** 32), 4);
  return timestamp;
}

/** A good answer of stratum 3 to a question, of a server whose clock shows this, but for some fields. */
export function answerTo(question: Buffer, wallMs: number, fields: AnswerFields = {}): Buffer {
  const { leap = 0, version = 4, mode = 4, stratum = 3, referenceId = '', length = 48 } = fields;
  const answer = Buffer.alloc(Math.max(48, length));
  answer[0] = (leap << 6) | (version << 3) | mode;
  answer[1] = stratum;
  answer.write(referenceId, 12, 'latin1');
  (fields.originate ?? question.subarray(40, 48)).copy(answer, 24);
  ntpTimestamp(fields.receiveMs ?? wallMs).copy(answer, 32);
  if (fields.noTransmit !== true) ntpTimestamp(fields.transmitMs ?? wallMs).copy(answer, 40);
  return answer.subarray(0, length);
}

/** A time server that answers as a test says. */
export interface ScriptedNtp extends AsyncDisposable {
  readonly port: number;
  readonly questions: readonly Buffer[];
}

/** @param answer called with each question and what sends a datagram back */
export async function playNtpServer(
  host: string,
  answer: (question: Buffer, reply: (datagram: Buffer) => void, asker: { address: string; port: number }) => void,
): Promise<ScriptedNtp> {
  const socket = await bound(host);
  const questions: Buffer[] = [];
  socket.on('message', (question, asker) => {
    questions.push(question);
    answer(question, (datagram) => socket.send(datagram, asker.port, asker.address), asker);
  });
  return {
    port: socket.address().port,
    questions,
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

export async function bound(host: string): Promise<Socket> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4').bind(0, host);
  await once(socket, 'listening');
  return socket;
}
