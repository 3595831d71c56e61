// What only shows on a real connection.
import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import type { Apiserver } from '../../apiserver/start.js';
import { runApiserver } from '../support/programs.js';

describe('the wire', () => {
  let server: Apiserver;
  before(async () => {
    server = await runApiserver();
  });
  after(() => server.close());

  /** Sends bytes over TLS. @returns all that comes back before the end */
  async function exchange(bytes: string): Promise<string> {
    const { hostname, port } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port), ca: server.ca, ALPNProtocols: ['http/1.1'] });
    socket.write(bytes);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    return answer;
  }

  const MALFORMED: readonly (readonly [string, string, number])[] = [
    ['a method that is none', 'G@T / HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['no HTTP at all', '\u0016\u0003\u0001hello\r\n\r\n', 400],
    ['headers of 96 KiB', `GET / HTTP/1.1\r\nHost: x\r\nx: ${'y'.repeat(96 * 1024)}\r\n\r\n`, 431],
    ['a URL of 96 KiB', `GET /${'y'.repeat(96 * 1024)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
  ];

  for (const [what, bytes, code] of MALFORMED) {
    test(`${what} is a ${code} with a Status in JSON`, async () => {
      const [head = '', body = ''] = (await exchange(bytes)).split('\r\n\r\n');
      assert.match(head, new RegExp(`^HTTP/1\\.1 ${code} `));
      assert.match(head, /content-type: application\/json/);
      assert.equal((JSON.parse(body) as { kind: string }).kind, 'Status');
    });
  }

  test('another method is a 405, whatever its body', async () => {
    const answer = await exchange(
      'POST /apis HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 1\r\n\r\n{',
    );
    assert.match(answer, /^HTTP\/1\.1 405 /);
    assert.match(answer, /"reason":"MethodNotAllowed"/);
  });

  test('HTTP/2 is offered beside HTTP/1.1', async () => {
    const session = connectHttp2(server.url, { ca: server.ca });
    const stream = session.request({ ':path': '/healthz' });
    stream.setEncoding('utf8');
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    assert.equal(text, 'ok');
    assert.match(
      await exchange('GET /healthz HTTP/1.1\r\nHost: x\r\nconnection: close\r\n\r\n'),
      /^HTTP\/1\.1 200 OK[^]*ok$/,
    );
    session.close();
  });
});
