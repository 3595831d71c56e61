import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiserverProgram } from '../../../apiserver/options.js';
import { createSink } from '../../../apiserver/publish/create-sink.js';
import type { Datum } from '../../../apiserver/publish/sink.js';
import { createLogger } from '../../../runtime/logger.js';
import { parseOptions } from '../../../runtime/options/parse.js';
import { withAwsEnvironment } from '../../support/aws-environment.js';
import { startImds } from '../../support/imds.js';
import { startScriptedAws } from '../../support/scripted-aws.js';

const DATUM: Datum = { name: 'eniAllocated', unit: 'Count', value: 3, timestampMs: 1_790_000_000_000 };
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
const stop = new AbortController().signal;

function sinkOf(flags: readonly string[], env: Record<string, string> = {}) {
  const invocation = parseOptions(apiserverProgram('0.0.0'), flags, {});
  assert.equal(invocation.kind, 'run');
  const [printed, logged]: [string[], string[]] = [[], []];
  const log = createLogger('test', { level: 'info', format: 'text', write: (line) => logged.push(line) });
  const sink = createSink(invocation.options, { env, log, writeOut: (line) => printed.push(line) });
  return { sink, printed, logged };
}

test('a sink asks the instance until it knows who it is, and then no more', async () => {
  const cloudwatch = await startScriptedAws((_asked, response) => response.end('{}'));
  const metadata: Record<string, string> = { 'placement/region': 'eu-central-1' };
  const imds = await startImds({ metadata });
  try {
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url };
    const { sink, logged } = sinkOf(['--publish.cloudwatch', '--publish.cloudwatch.endpoint', cloudwatch.url], env);
    await withAwsEnvironment(CREDENTIALS, async () => {
      await assert.rejects(sink.send([DATUM], stop), { failure: 'unconfigured' });
      metadata['tags/instance/eks:cluster-name'] = 'green';
      await sink.send([DATUM], stop);
      const { length } = imds.asked;
      metadata['tags/instance/eks:cluster-name'] = 'another';
      await sink.send([DATUM], stop);
      assert.equal(imds.asked.length, length);
    });
    const ids = cloudwatch.asked.map(({ body }) => /"Name":"CLUSTER_ID","Value":"(\w+)"/.exec(body)?.[1]);
    assert.deepEqual(ids, ['green', 'green']);
    assert.equal(logged.length, 1);
    assert.match(logged.join(''), /region=eu-central-1 clusterId=green/);
  } finally {
    await Promise.all([cloudwatch.close(), imds.close()]);
  }
});

test('a dry run goes before sending, and needs nothing', async () => {
  const { sink, printed } = sinkOf(['--publish.cloudwatch', '--publish.cloudwatch.dry-run']);
  await sink.send([DATUM], stop);
  assert.match(printed.join(''), /^\{"Namespace":"Kubernetes".*"Value":"<cluster-id>".*\}\n$/);
});
