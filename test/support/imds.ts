import { startScriptedAws, type ScriptedAws } from './scripted-aws.js';

export interface ImdsOptions {
  /** By path, below /latest/meta-data/. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What the PUT of a token is answered with; 200 gives one, and 0 nothing at all, as where the hop limit is too low. */
  readonly tokenStatus?: number;
}

const TOKEN = 'AQAEAO-token-of-the-instance';

/** An instance metadata service that takes version 2 only, as those of today do. */
export async function startImds({ metadata, tokenStatus = 200 }: ImdsOptions): Promise<ScriptedAws> {
  return startScriptedAws(({ method, path, headers }, response) => {
    if (method === 'PUT' && path === '/latest/api/token') {
      const seconds = Number(headers['x-aws-ec2-metadata-token-ttl-seconds']);
      if (tokenStatus === 0) return;
      if (tokenStatus !== 200 || !(seconds > 0 && seconds <= 21_600)) response.writeHead(tokenStatus).end();
      else response.end(TOKEN);
      return;
    }
    if (headers['x-aws-ec2-metadata-token'] !== TOKEN) {
      response.writeHead(401).end();
      return;
    }
    const text = metadata[path.replace('/latest/meta-data/', '')];
    if (text === undefined) response.writeHead(404).end('<html>Not Found</html>');
    else response.end(text);
  });
}
