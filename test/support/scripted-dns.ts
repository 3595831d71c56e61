import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { decode, encode, type Answer, type Question } from 'dns-packet';

/** What an answer has that differs from a good one without records. */
export interface AnswerParts {
  readonly id?: number;
  readonly rcode?: number;
  /** Flags besides those of an answer and the rcode. */
  readonly flags?: number;
  readonly questions?: Question[];
  readonly answers?: Answer[];
  readonly authorities?: Answer[];
  readonly additionals?: Answer[];
}

/** Answers a query, in bytes, as a server does. */
export function answerTo(query: Buffer, { rcode = 0, flags = 0, ...parts }: AnswerParts = {}): Buffer {
  const { id = 0, questions = [] } = decode(query);
  return encode({ type: 'response', id, questions, flags: flags | rcode, ...parts });
}

/** The good answer: one address of the type asked for. */
export function addressOf(query: Buffer): { readonly answers: Answer[] } {
  const { name, type } = questionOf(query);
  return {
    answers: [{ name, type: 'A', ttl: 60, data: '192.0.2.1' } as const].flatMap((a): Answer[] =>
      type === 'A' ? [a] : [{ ...a, type: 'AAAA', data: '2001:db8::1' }],
    ),
  };
}

export function questionOf(query: Buffer): Question {
  const [question] = decode(query).questions ?? [];
  if (question === undefined) throw new TypeError('no question');
  return question;
}

/** A server that does as a test says. */
export interface ScriptedServer {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** @param onQuery is given each datagram, and how to send one back */
export async function scriptUdp(
  onQuery: (query: Buffer, reply: (bytes: Buffer) => void, from: AddressInfo) => void,
  address = '127.0.0.1',
): Promise<ScriptedServer> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (query, from) => onQuery(query, (bytes) => socket.send(bytes, from.port, from.address), from));
  socket.bind(0, address);
  await once(socket, 'listening');
  return {
    address,
    port: socket.address().port,
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** @param onQueries is given the two queries of a connection once both have come */
export async function scriptTcp(
  onQueries: (queries: readonly [Buffer, Buffer], socket: Socket) => void,
  address = '127.0.0.1',
): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let received = Buffer.alloc(0);
    socket.on('error', () => undefined); // whoever is tested may break it
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const [first, second] = framesOf(received);
      if (first !== undefined && second !== undefined) onQueries([first, second], socket);
    });
  });
  server.listen(0, address);
  await once(server, 'listening');
  return {
    address,
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function framesOf(bytes: Buffer): readonly Buffer[] {
  if (bytes.length < 2) return [];
  const end = 2 + bytes.readUInt16BE();
  return bytes.length < end ? [] : [bytes.subarray(2, end), ...framesOf(bytes.subarray(end))];
}

/** As messages go over TCP. */
export function frame(...messages: readonly Buffer[]): Buffer {
  return Buffer.concat(
    messages.flatMap((message) => [Buffer.from([message.length >> 8, message.length & 0xff]), message]),
  );
}
