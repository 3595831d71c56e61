import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findIdentity } from '../../../apiserver/publish/identity.js';
import { whyNoClusterId, whyNoRegion } from '../../../apiserver/publish/identity-rules.js';
import { SendError } from '../../../apiserver/publish/sink.js';
import { startImds, type ImdsOptions } from '../../support/imds.js';
import { freePort } from '../../support/prometheus.js';
import type { Asked } from '../../support/scripted-aws.js';

const NOTHING = { region: undefined, clusterId: undefined };
const stop = new AbortController().signal;

async function ask(options: ImdsOptions, given: Parameters<typeof findIdentity>[0] = NOTHING) {
  const imds = await startImds(options);
  try {
    const identity = await findIdentity(given, { AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url }, stop).catch(
      (error: unknown) => error,
    );
    return { identity, asked: imds.asked };
  } finally {
    await imds.close();
  }
}

/** @returns the message */
function unconfigured(error: unknown): string {
  assert.ok(error instanceof SendError, String(error));
  assert.equal(error.failure, 'unconfigured');
  return error.message;
}

const paths = (asked: readonly Asked[]) => asked.filter(({ method }) => method === 'GET').map(({ path }) => path);

test('what is given is not asked for', async () => {
  const given = { region: 'eu-central-1', clusterId: 'blue' };
  const { identity, asked } = await ask({ metadata: {} }, given);
  assert.deepEqual([identity, asked], [given, []]);
});

test('region and cluster id are those of the instance, with a token', async () => {
  const { identity } = await ask({
    metadata: { 'placement/region': 'us-gov-west-1\n', 'tags/instance/eks:cluster-name': 'green' },
  });
  assert.deepEqual(identity, { region: 'us-gov-west-1', clusterId: 'green' });
});

test('the first tag that is not empty names the cluster, in the order of the predecessor', async () => {
  const metadata = { 'tags/instance/CLUSTER_ID': '', 'tags/instance/Name': 'by name' };
  const { identity, asked } = await ask({ metadata }, { region: 'eu-central-1', clusterId: undefined });
  assert.deepEqual(identity, { region: 'eu-central-1', clusterId: 'by name' });
  assert.deepEqual(
    paths(asked).map((path) => path.replace('/latest/meta-data/tags/instance/', '')),
    ['eks:cluster-name', 'CLUSTER_ID', 'Name'],
  );
});

test('an instance that tells no tags leaves the cluster without a name, and no other takes its place', async () => {
  const { identity } = await ask({ metadata: { 'placement/region': 'eu-central-1' } });
  assert.equal(
    unconfigured(identity),
    'no cluster id: give --publish.cloudwatch.cluster-id or AWS_CLUSTER_ID, or allow tags in the metadata of the instance, and tag it eks:cluster-name',
  );
});

test('a tag that CloudWatch would not take is told', async () => {
  const { identity } = await ask({
    metadata: { 'placement/region': 'eu-central-1', 'tags/instance/eks:cluster-name': 'größe' },
  });
  assert.match(unconfigured(identity), /; the tag eks:cluster-name of the instance must be printable ASCII/);
});

test('a region that is none is told', async () => {
  const { identity } = await ask({ metadata: { 'placement/region': '<html>' } });
  assert.match(unconfigured(identity), /that of the instance must be a region such as eu-central-1, not "<html>"/);
});

for (const tokenStatus of [403, 404, 405, 500]) {
  test(`a service that answers the token with ${tokenStatus} is not asked without one`, async () => {
    const { identity, asked } = await ask({ metadata: { 'placement/region': 'eu-central-1' }, tokenStatus });
    assert.match(
      unconfigured(identity),
      new RegExp(
        `^no region: give --publish.cloudwatch.region or AWS_REGION; no cluster id: .*hop limit 2\\): .*${tokenStatus}`,
      ),
    );
    assert.deepEqual(paths(asked), []);
  });
}

test('a token that never comes, as with a hop limit of 1, is given up', async () => {
  const { identity, asked } = await ask({ metadata: {}, tokenStatus: 0 });
  assert.match(unconfigured(identity), /let the pod reach the instance metadata service \(IMDSv2, hop limit 2\): /);
  assert.deepEqual(paths(asked), []);
});

test('no service at all is told with the way out', async () => {
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${await freePort()}` };
  const message = unconfigured(
    await findIdentity({ region: 'eu-central-1', clusterId: undefined }, env, stop).catch((error: unknown) => error),
  );
  assert.match(
    message,
    /^no cluster id: give --publish.cloudwatch.cluster-id or AWS_CLUSTER_ID, or let the pod reach .*ECONNREFUSED/,
  );
});

test('AWS_EC2_METADATA_DISABLED is respected', async () => {
  const env = { AWS_EC2_METADATA_DISABLED: 'True', AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:9' };
  const message = unconfigured(await findIdentity(NOTHING, env, stop).catch((error: unknown) => error));
  assert.match(message, /the instance is not asked \(AWS_EC2_METADATA_DISABLED\)/);
});

test('a program that ends waits for no instance', async () => {
  const imds = await startImds({ metadata: {}, tokenStatus: 0 });
  try {
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url };
    await assert.rejects(findIdentity(NOTHING, env, AbortSignal.abort()), { failure: 'unconfigured' });
  } finally {
    await imds.close();
  }
});

test('cluster ids are what CloudWatch takes, regions what can be in a name', () => {
  for (const id of ['blue', 'a:b', ' x ', 'x'.repeat(1_024)]) assert.equal(whyNoClusterId(id), undefined);
  for (const id of ['', '  ', ':x', 'ä', 'a\nb', 'x'.repeat(1_025)]) assert.notEqual(whyNoClusterId(id), undefined, id);
  for (const region of ['eu-central-1', 'us-iso-east-1', 'cn-north-1']) assert.equal(whyNoRegion(region), undefined);
  for (const region of ['', 'x', 'eu central', 'a.b.c', 'EU', '*', 'http://x', '-a-1', 'a'.repeat(64)]) {
    assert.notEqual(whyNoRegion(region), undefined, region);
  }
});
