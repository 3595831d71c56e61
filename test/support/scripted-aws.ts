import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it arrived. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface ScriptedAws {
  readonly url: string;
  readonly asked: readonly Asked[];
  close(): Promise<void>;
}

/** An HTTP server in place of one of AWS, that answers as a test wants. */
export async function startScriptedAws(answer: (asked: Asked, response: ServerResponse) => void): Promise<ScriptedAws> {
  const asked: Asked[] = [];
  const server = createServer((incoming, response) => {
    void read(incoming).then((body) => {
      const one = { method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body };
      asked.push(one);
      answer(one, response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function read(incoming: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of incoming.setEncoding('utf8') as AsyncIterable<string>) body += chunk;
  return body;
}

/** An answer in the form of AWS JSON 1.0. */
export function refuse(response: ServerResponse, statusCode: number, code: string, message = `about ${code}`): void {
  response.writeHead(statusCode, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify({ __type: `com.amazonaws.cloudwatch#${code}`, message }));
}
