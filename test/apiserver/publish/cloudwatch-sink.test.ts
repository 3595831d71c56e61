import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createCloudWatchSink } from '../../../apiserver/publish/cloudwatch-sink.js';
import { SendError, type Datum, type SendFailure, type Sink } from '../../../apiserver/publish/sink.js';
import { createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import { withAwsEnvironment } from '../../support/aws-environment.js';
import { eventually } from '../../support/programs.js';
import { freePort } from '../../support/prometheus.js';
import { refuse, startScriptedAws, type ScriptedAws } from '../../support/scripted-aws.js';

const SECRETS = {
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  AWS_SESSION_TOKEN: 'AQoDYXdzEJr1K5rYPEx4a2VuLXRoYXQtbm9ib2R5LW1heS1zZWUtaW4tYS1sb2c=',
};
const DATUM: Datum = { name: 'eniAllocated', unit: 'Count', value: 3, timestampMs: 1_790_000_000_000 };
const forever = new AbortController().signal;

const LONG_MS = 60_000;
const SHORT_MS = 300;

const createSink = (endpoint: string, timeoutMs: number): Promise<Sink> =>
  createCloudWatchSink({ clusterId: 'blue', region: 'eu-central-1', endpoint, timeoutMs });

/** What a request ends with; nothing of the credentials is in it. */
async function failureOf(endpoint: string, timeoutMs = LONG_MS, signal = forever): Promise<SendError> {
  return withAwsEnvironment(SECRETS, async () => {
    const sink = await createSink(endpoint, timeoutMs);
    const error: unknown = await sink.send([DATUM], signal).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof SendError, String(error));
    assert.equal(error.cause, undefined, 'the error of the SDK has the whole exchange');
    for (const secret of Object.values(SECRETS)) {
      assert.ok(!error.message.includes(secret), error.message);
    }
    return error;
  });
}

async function withServer<T>(
  answer: (response: ServerResponse) => void,
  work: (server: ScriptedAws) => Promise<T>,
): Promise<T> {
  const server = await startScriptedAws((_asked, response) => answer(response));
  try {
    return await work(server);
  } finally {
    await server.close();
  }
}

test('values go out in one request, each with the dimension of the cluster', async () => {
  await withServer(
    (response) => response.end('{}'),
    async ({ url, asked }) => {
      await withAwsEnvironment(SECRETS, async () => {
        const sink = await createSink(url, LONG_MS);
        const latency: Datum = {
          name: 'awsAPILatency',
          unit: 'Milliseconds',
          value: 12.5,
          timestampMs: 1_790_000_030_500,
        };
        await sink.send([DATUM, latency], forever);
      });
      assert.equal(asked.length, 1);
      assert.match(String(asked[0]?.headers['x-amz-target']), /\.PutMetricData$/);
      assert.equal(asked[0]?.headers['content-encoding'], undefined);
      const Dimensions = [{ Name: 'CLUSTER_ID', Value: 'blue' }];
      assert.deepEqual(JSON.parse(asked[0]?.body ?? ''), {
        Namespace: 'Kubernetes',
        MetricData: [
          { MetricName: 'eniAllocated', Dimensions, Timestamp: 1_790_000_000, Value: 3, Unit: 'Count' },
          { MetricName: 'awsAPILatency', Dimensions, Timestamp: 1_790_000_030.5, Value: 12.5, Unit: 'Milliseconds' },
        ],
      });
    },
  );
});

test('twenty values with the longest cluster id go out uncompressed', async () => {
  await withServer(
    (response) => response.end('{}'),
    async ({ url, asked }) => {
      await withAwsEnvironment(SECRETS, async () => {
        const clusterId = 'c'.repeat(1_024);
        const sink = await createCloudWatchSink({
          clusterId,
          region: 'eu-central-1',
          endpoint: url,
          timeoutMs: LONG_MS,
        });
        await sink.send(Array<Datum>(20).fill(DATUM), forever);
      });
      assert.equal((JSON.parse(asked[0]?.body ?? '') as { MetricData: unknown[] }).MetricData.length, 20);
    },
  );
});

const REFUSALS: readonly [number, string, SendFailure][] = [
  [400, 'ThrottlingException', 'throttled'],
  [400, 'Throttling', 'throttled'],
  [503, 'SlowDown', 'throttled'],
  [429, 'TooManyRequestsException', 'throttled'],
  [403, 'AccessDeniedException', 'denied'],
  [400, 'AccessDeniedException', 'denied'],
  [403, 'InvalidClientTokenId', 'denied'],
  [400, 'UnrecognizedClientException', 'denied'],
  [400, 'InvalidSignatureException', 'denied'],
  [403, 'SignatureDoesNotMatch', 'denied'],
  [400, 'ExpiredTokenException', 'denied'],
  [400, 'InvalidParameterValueException', 'invalid'],
  [400, 'MissingRequiredParameterException', 'invalid'],
  [400, 'ValidationException', 'invalid'],
  [413, 'RequestEntityTooLargeException', 'invalid'],
  [404, 'UnknownOperationException', 'unavailable'],
  [400, 'UnknownOperationException', 'unavailable'],
  [500, 'InternalServiceFault', 'unavailable'],
  [503, 'ServiceUnavailable', 'unavailable'],
];
for (const [statusCode, code, failure] of REFUSALS) {
  test(`${code} with ${statusCode} is ${failure}, and asked once`, async () => {
    await withServer(
      (response) => refuse(response, statusCode, code),
      async ({ url, asked }) => {
        const error = await failureOf(url);
        assert.equal(error.failure, failure);
        assert.match(error.message, new RegExp(`\\(${code}, HTTP ${statusCode}\\)`));
        assert.equal(asked.length, 1);
      },
    );
  });
}

const STRANGERS: readonly [number, string, SendFailure][] = [
  [200, '<html>log in to the network first</html>', 'lost'],
  [200, '{"a":', 'lost'],
  [302, '', 'unavailable'],
  [400, '<html>plain HTTP sent to an HTTPS port</html>', 'unavailable'],
  [403, '<html>forbidden by the proxy</html>', 'denied'],
  [404, 'not found', 'unavailable'],
  [407, '', 'unavailable'],
  [429, 'slower', 'throttled'],
  [500, 'oops', 'unavailable'],
  [502, '<html>bad gateway</html>', 'lost'],
  [503, 'no backend', 'unavailable'],
  [504, '<html>gateway timeout</html>', 'lost'],
];
for (const [statusCode, body, failure] of STRANGERS) {
  test(`${statusCode} of something that is not AWS is ${failure}: ${body.slice(0, 20)}`, async () => {
    await withServer(
      (response) => response.writeHead(statusCode).end(body),
      async ({ url }) => {
        const error = await failureOf(url);
        assert.equal(error.failure, failure);
        assert.match(error.message, new RegExp(`HTTP ${statusCode}`));
        if (body !== '') assert.ok(!error.message.includes(body), error.message);
      },
    );
  });
}

test('an endpoint that repeats the request puts no secret into the message', async () => {
  const server = await startScriptedAws(({ headers }, response) => {
    const { authorization = '', 'x-amz-security-token': token } = headers;
    refuse(
      response,
      400,
      'InvalidParameterValue',
      `${authorization.slice(-100)}\n${String(token)} ${'x '.repeat(5_000)}`,
    );
  });
  try {
    const error = await failureOf(server.url);
    assert.equal(error.failure, 'invalid');
    assert.ok(error.message.length < 500);
    const { authorization = '' } = server.asked[0]?.headers ?? {};
    const signature = /Signature=(\w+)/.exec(authorization)?.[1] ?? '';
    assert.ok(signature.length > 0 && !error.message.includes(signature));
  } finally {
    await server.close();
  }
});

test('denied names the right that is missing', async () => {
  await withServer(
    (response) => refuse(response, 403, 'AccessDenied', 'User: arn:aws:sts::1:assumed-role/r/s is not authorized'),
    async ({ url }) => {
      const { message } = await failureOf(url);
      assert.match(message, /arn:aws:sts::1:assumed-role\/r\/s is not authorized: allow cloudwatch:PutMetricData/);
    },
  );
});

test('no answer within the timeout is lost: it was sent', async () => {
  await withServer(
    () => undefined,
    async ({ url }) => {
      const error = await failureOf(url, SHORT_MS);
      assert.deepEqual([error.failure, error.message], ['lost', 'no answer from CloudWatch within 300ms']);
    },
  );
});

test('an answer that stops in the middle is lost', async () => {
  await withServer(
    (response) => response.writeHead(200, { 'content-length': 100 }).write('{'),
    async ({ url }) => assert.equal((await failureOf(url, SHORT_MS)).failure, 'lost'),
  );
});

test('an answer without end is lost', async () => {
  const pour = (response: ServerResponse): void => {
    if (!response.destroyed) response.write('x'.repeat(65_536), () => pour(response));
  };
  await withServer(pour, async ({ url }) => assert.equal((await failureOf(url)).failure, 'lost'));
});

test('a connection that is reset after the request is lost', async () => {
  await withServer(
    (response) => (response.socket as Socket).resetAndDestroy(),
    async ({ url }) => assert.equal((await failureOf(url)).failure, 'lost'),
  );
});

test('garbage in place of HTTP is lost', async () => {
  await withServer(
    (response) => response.socket?.end('\0\0garbage\r\n\r\n'),
    async ({ url }) => assert.equal((await failureOf(url)).failure, 'lost'),
  );
});

test('a refused connection is unavailable: nothing was sent', async () => {
  const error = await failureOf(`http://127.0.0.1:${await freePort()}`);
  assert.equal(error.failure, 'unavailable');
  assert.match(error.message, /^CloudWatch cannot be reached: .*ECONNREFUSED/);
});

test('a name that does not resolve is unavailable', async () => {
  const error = await failureOf('http://nobody.invalid');
  assert.equal(error.failure, 'unavailable');
  assert.match(error.message, /nobody\.invalid/);
});

test('a handshake that never ends is unavailable: nothing was sent', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const sockets = new Set<Socket>();
  silent.on('connection', (socket) => sockets.add(socket.on('error', () => undefined)));
  try {
    const error = await failureOf(`https://127.0.0.1:${(silent.address() as AddressInfo).port}`, SHORT_MS);
    assert.deepEqual([error.failure, error.message], ['unavailable', 'no connection to CloudWatch within 300ms']);
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});

test('a certificate that nobody vouches for is unavailable, and gets nothing', async () => {
  const { cert, key } = await createSelfSignedCertificate(['127.0.0.1'], Date.now());
  const impostor = createHttpsServer({ cert, key }, () => assert.fail('it got the request')).listen(0, '127.0.0.1');
  await once(impostor, 'listening');
  try {
    const error = await failureOf(`https://127.0.0.1:${(impostor.address() as AddressInfo).port}`);
    assert.equal(error.failure, 'unavailable');
    assert.match(error.message, /^CloudWatch cannot be reached: .*self-signed certificate/);
  } finally {
    impostor.closeAllConnections();
    impostor.close();
  }
});

test('a program that ends does not wait for the answer', async () => {
  const program = new AbortController();
  await withServer(
    () => program.abort(),
    async ({ url }) => {
      const error = await failureOf(url, LONG_MS, program.signal);
      assert.equal(error.failure, 'lost');
      assert.match(error.message, /^no answer from CloudWatch until it was given up/);
    },
  );
});

test('a program that has ended sends nothing', async () => {
  await withServer(
    (response) => response.end('{}'),
    async ({ url, asked }) => {
      assert.equal((await failureOf(url, LONG_MS, AbortSignal.abort())).failure, 'unavailable');
      assert.equal(asked.length, 0);
    },
  );
});

test('without credentials the error says how to give some', async () => {
  await withAwsEnvironment({}, async () => {
    const sink = await createSink('http://127.0.0.1:9', LONG_MS);
    await assert.rejects(sink.send([DATUM], forever), (error: SendError) => {
      assert.equal(error.failure, 'denied');
      assert.match(error.message, /^no AWS credentials: .*give the service account a role .*AWS_ACCESS_KEY_ID/);
      return true;
    });
  });
});

test('credentials that do not come in time are unavailable, and nothing is sent later', async () => {
  const released: (() => void)[] = [];
  const instance = await startScriptedAws((_asked, response) => {
    released.push(() =>
      response.end(
        JSON.stringify({ AccessKeyId: 'a', SecretAccessKey: 'b', Token: 'c', Expiration: '2099-01-01T00:00:00Z' }),
      ),
    );
  });
  await withServer(
    (response) => response.end('{}'),
    async ({ url, asked }) => {
      const AWS_CONTAINER_CREDENTIALS_FULL_URI = `${instance.url}/credentials`;
      await withAwsEnvironment({ AWS_CONTAINER_CREDENTIALS_FULL_URI }, async () => {
        const sink = await createSink(url, SHORT_MS);
        await assert.rejects(sink.send([DATUM], forever), {
          failure: 'unavailable',
          message: 'no AWS credentials within 300ms',
        });
        for (const release of released) release();
        await assert.doesNotReject(sink.send([DATUM], forever));
        assert.equal(asked.length, 1);
      });
    },
  );
  await instance.close();
});

test('credentials of the instance are never had by version 1 of its metadata', async () => {
  const instance = await startScriptedAws(({ method, path }, response) => {
    if (method === 'PUT') response.writeHead(403).end();
    else
      response.end(
        path.endsWith('/')
          ? 'role'
          : JSON.stringify({ AccessKeyId: 'a', SecretAccessKey: 'b', Token: 'c', Expiration: '2099-01-01T00:00:00Z' }),
      );
  });
  try {
    const variables = { AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url, AWS_EC2_METADATA_DISABLED: '' };
    await withAwsEnvironment(variables, async () => {
      const sink = await createSink('http://127.0.0.1:9', LONG_MS);
      await assert.rejects(sink.send([DATUM], forever), { failure: 'denied' });
    });
    assert.deepEqual([...new Set(instance.asked.map(({ method }) => method))], ['PUT']);
  } finally {
    await instance.close();
  }
});

test('who may not send any more when the connection stands sends nothing', async () => {
  await withServer(
    (response) => response.end('{}'),
    async ({ url, asked }) => {
      await withAwsEnvironment(SECRETS, async () => {
        const sink = await createSink(url, LONG_MS);
        let looks = 0;
        const mayGo = (): boolean => ++looks > 1;
        const refusal = { failure: 'unavailable', message: /another replica may publish by now/ };
        await assert.rejects(sink.send([DATUM], forever, mayGo), refusal);
        assert.deepEqual(asked, []);
        await sink.send([DATUM], forever, mayGo);
        assert.deepEqual([asked.length, looks], [1, 2]);
      });
    },
  );
});

test('a token service that hangs delays no later request for ever', async () => {
  let isHanging = true;
  const grant = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey><SessionToken>c</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
  const sts = await startScriptedAws((_asked, response) => {
    if (!isHanging) response.writeHead(200, { 'content-type': 'text/xml' }).end(grant);
  });
  const directory = await mkdtemp(join(tmpdir(), 'podnet-sts-'));
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, 'the.projected.token');
  const irsa = {
    AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/podnet',
    AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
    AWS_ENDPOINT_URL_STS: sts.url,
  };
  await withServer(
    (response) => response.end('{}'),
    async ({ url, asked }) => {
      await withAwsEnvironment(irsa, async () => {
        const sink = await createSink(url, 1_000);
        const missing = { failure: 'unavailable', message: /^no AWS credentials/ };
        await assert.rejects(sink.send([DATUM], forever), missing);
        isHanging = false;
        await eventually(
          () =>
            sink.send([DATUM], forever).then(
              () => true,
              () => false,
            ),
          (isTaken) => isTaken,
          LONG_MS,
        );
        assert.equal(asked.length, 1);
      });
    },
  );
  await sts.close();
  await rm(directory, { recursive: true });
});
