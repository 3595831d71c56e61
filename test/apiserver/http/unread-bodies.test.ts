import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { App } from '../../../apiserver/api/app-types.js';
import { ApiError, type Reason } from '../../../apiserver/api/errors.js';
import { eventually } from '../../support/programs.js';
import { connectRaw, runShell, type RunningShell } from '../../support/shell.js';

// Frame by frame, as Go's clients take them: Node's own client is content with an answer that a reset has cut short.

const [DATA, HEADERS, RST_STREAM, SETTINGS] = [0x0, 0x1, 0x3, 0x4];
const [END_STREAM, END_HEADERS] = [0x1, 0x4];
const BODY_BYTES = 1_000;

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly payload: string;
}

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** Those of the one request. */
function framesIn(received: string): Frame[] {
  const bytes = Buffer.from(received, 'latin1');
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (bytes.readUInt32BE(at + 5) !== 1) continue;
    frames.push({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      payload: bytes.toString('latin1', at + 9, end),
    });
  }
  return frames;
}

/** Headers without Huffman and without a table (RFC 7541 6.2.2). */
function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat(
    Object.entries(headers).map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)])),
  );
}

let server: RunningShell;
before(async () => {
  server = await runShell({ bodyBytes: BODY_BYTES }, declareRoutes);
});
after(() => server.close());

function declareRoutes(app: App): void {
  const refusals: readonly Reason[] = ['Unauthorized', 'Forbidden', 'TooManyRequests'];
  for (const reason of refusals) {
    const refuse = (): Promise<never> => Promise.reject(new ApiError(reason, 'no'));
    app.post(`/${reason}`, { onRequest: refuse }, () => undefined);
  }
  app.get('/read', () => 'ok');
  app.post('/body', () => 'ok');
}

interface Asked {
  readonly path: string;
  readonly method?: string;
  readonly contentType?: string;
  /** Bytes of the body in one frame; the end of the stream comes with it, or never. */
  readonly bytes?: number;
  readonly isEnded?: boolean;
  /** Frames that are waited for. */
  readonly until: (frames: readonly Frame[]) => boolean;
}

async function ask({
  path,
  method = 'POST',
  contentType = 'application/json',
  bytes = 2,
  isEnded = true,
  until,
}: Asked): Promise<readonly Frame[]> {
  const connection = await connectRaw(server, { protocol: 'h2' });
  const { socket } = connection;
  const headers = { ':method': method, ':scheme': 'https', ':authority': 'x', ':path': path };
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
  socket.write(frame(HEADERS, END_HEADERS, 1, headerBlock({ ...headers, 'content-type': contentType })));
  if (bytes > 0) socket.write(frame(DATA, isEnded ? END_STREAM : 0, 1, Buffer.from('{}'.padEnd(bytes))));
  const frames = await eventually(() => Promise.resolve(framesIn(connection.received())), until);
  socket.destroy();
  return frames;
}

function isWhole(frames: readonly Frame[]): boolean {
  return frames.some(({ type, flags }) => type === DATA && (flags & END_STREAM) !== 0);
}

function isReset(frames: readonly Frame[]): boolean {
  return frames.some(({ type }) => type === RST_STREAM);
}

/** With a body and, where it is not read first, with half of one. */
const CASES: readonly (readonly [string, Omit<Asked, 'until'>, number])[] = [
  ['401', { path: '/Unauthorized' }, 401],
  ['403', { path: '/Forbidden' }, 403],
  ['404', { path: '/nope', isEnded: true }, 404],
  ['405', { path: '/read', method: 'DELETE' }, 405],
  ['405 to a method of WebDAV', { path: '/read', method: 'PROPFIND' }, 405],
  ['413', { path: '/body', bytes: BODY_BYTES + 1 }, 413],
  ['415', { path: '/body', contentType: 'text/plainest' }, 415],
  ['429', { path: '/TooManyRequests' }, 429],
];
for (const [what, asked, code] of CASES) {
  test(`a ${what} over HTTP/2 ends before its stream does`, async () => {
    for (const isEnded of asked.isEnded === undefined ? [true, false] : [asked.isEnded]) {
      const frames = await ask({ ...asked, isEnded, until: (all) => (isEnded && isWhole(all)) || isReset(all) });
      const [end, reset] = [frames.findIndex((one) => isWhole([one])), frames.findIndex((one) => isReset([one]))];
      assert.ok(end > 0 && (reset < 0 || end < reset), JSON.stringify(frames));
      const text = frames.map(({ type, payload }) => (type === DATA ? payload : '')).join('');
      assert.equal((JSON.parse(text) as { code: number }).code, code);
    }
  });
}

test('a refused body that goes on and on has its stream reset at the limit of bodies', async () => {
  const startedMs = performance.now();
  await ask({ path: '/Unauthorized', bytes: BODY_BYTES + 1, isEnded: false, until: isReset });
  assert.ok(performance.now() - startedMs < 900, 'before the time that it may take');
});
