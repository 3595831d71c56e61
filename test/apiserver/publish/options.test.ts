import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiserverProgram, type ApiserverOptions } from '../../../apiserver/options.js';
import { isPublishing } from '../../../apiserver/publish/options.js';
import { parseOptions } from '../../../runtime/options/parse.js';

type Environment = Record<string, string>;

function parse(argv: readonly string[], env: Environment = {}): ApiserverOptions {
  const parsed = parseOptions(apiserverProgram('0.0.0'), argv, env);
  assert.equal(parsed.kind, 'run', JSON.stringify(parsed));
  return parsed.options;
}

function refused(argv: readonly string[], env: Environment = {}): readonly string[] {
  const parsed = parseOptions(apiserverProgram('0.0.0'), argv, env);
  assert.equal(parsed.kind, 'refuse');
  return parsed.errors;
}

test('nothing is published unless somebody says so', () => {
  const options = parse([]);
  assert.equal(isPublishing(options), false);
  assert.deepEqual(
    [options.publishCloudwatchInterval, options.publishCloudwatchTimeout, options.publishCloudwatchEndpoint],
    [30_000, 10_000, undefined],
  );
  for (const argv of [['--publish.cloudwatch'], ['--publish.cloudwatch.dry-run']]) assert.ok(isPublishing(parse(argv)));
});

test('the values of the manifest of cni-metrics-helper carry over', () => {
  const options = parse([], {
    USE_CLOUDWATCH: 'Yes',
    USE_PROMETHEUS: 'whatever',
    AWS_CLUSTER_ID: 'blue',
    AWS_REGION: 'eu-central-1',
    METRIC_UPDATE_INTERVAL: '45',
    HTTP_TIMEOUT: '20',
    AWS_VPC_K8S_CNI_LOGLEVEL: 'DEBUG',
  });
  const { publishCloudwatch, publishCloudwatchClusterId, publishCloudwatchRegion, logLevel } = options;
  assert.deepEqual(
    [publishCloudwatch, publishCloudwatchClusterId, publishCloudwatchRegion],
    [true, 'blue', 'eu-central-1'],
  );
  assert.deepEqual(
    [options.publishCloudwatchInterval, options.publishCloudwatchTimeout, logLevel],
    [45_000, 20_000, 'debug'],
  );
});

test('USE_CLOUDWATCH is read in every case, as yes, true, no or false', () => {
  for (const text of ['yes', 'TRUE', 'True']) assert.ok(parse([], { USE_CLOUDWATCH: text }).publishCloudwatch);
  for (const text of ['no', 'False', '']) assert.ok(!parse([], { USE_CLOUDWATCH: text }).publishCloudwatch);
  assert.deepEqual(refused([], { USE_CLOUDWATCH: '1' }), ['USE_CLOUDWATCH: must be yes, true, no or false, not "1"']);
});

test('HTTP_TIMEOUT below ten seconds is ten seconds, as it was', () => {
  const timeoutOf = (text: string) => parse(['--publish.cloudwatch'], { HTTP_TIMEOUT: text }).publishCloudwatchTimeout;
  assert.deepEqual(['0', '9', '10', '11'].map(timeoutOf), [10_000, 10_000, 10_000, 11_000]);
});

test('the log level of the predecessor is read in every case', () => {
  const levelOf = (text: string) => parse([], { AWS_VPC_K8S_CNI_LOGLEVEL: text }).logLevel;
  assert.deepEqual(['Debug', 'INFO', 'warn', 'Error', 'FATAL'].map(levelOf), [
    'debug',
    'info',
    'warn',
    'error',
    'error',
  ]);
  assert.deepEqual(refused([], { AWS_VPC_K8S_CNI_LOGLEVEL: 'loud' }), [
    'AWS_VPC_K8S_CNI_LOGLEVEL: must be debug, info, warn, error or fatal, not "loud"',
  ]);
});

test('a flag goes before its twin, that before the predecessor, and AWS_REGION before AWS_DEFAULT_REGION', () => {
  const env = {
    PODNET_PUBLISH_CLOUDWATCH_REGION: 'eu-west-2',
    AWS_REGION: 'eu-west-3',
    AWS_DEFAULT_REGION: 'eu-west-4',
  };
  const regionOf = (argv: readonly string[], variables: Environment) => parse(argv, variables).publishCloudwatchRegion;
  assert.equal(regionOf(['--publish.cloudwatch.region', 'eu-west-1'], env), 'eu-west-1');
  assert.equal(regionOf([], env), 'eu-west-2');
  assert.equal(regionOf([], { ...env, PODNET_PUBLISH_CLOUDWATCH_REGION: '' }), 'eu-west-3');
  assert.equal(regionOf([], { AWS_DEFAULT_REGION: 'eu-west-4' }), 'eu-west-4');
  assert.equal(parse(['--no-publish.cloudwatch'], { USE_CLOUDWATCH: 'true' }).publishCloudwatch, false);
});

test('variables of AWS that cannot be read are no error where nothing is published', () => {
  const env = { AWS_REGION: 'no region', HTTP_TIMEOUT: '10s', METRIC_UPDATE_INTERVAL: 'x', AWS_CLUSTER_ID: ':' };
  const { publishCloudwatchRegion, publishCloudwatchTimeout } = parse([], env);
  assert.deepEqual([publishCloudwatchRegion, publishCloudwatchTimeout], [undefined, 10_000]);
  for (const flag of ['--publish.cloudwatch', '--publish.cloudwatch.dry-run']) {
    assert.deepEqual(refused([flag], env), [
      'AWS_CLUSTER_ID: must not begin with a colon: CloudWatch takes no such value',
      'AWS_REGION: must be a region such as eu-central-1, not "no region"',
      'METRIC_UPDATE_INTERVAL: must be whole seconds, such as 30, not "x"',
      'HTTP_TIMEOUT: must be whole seconds, such as 30, not "10s"',
    ]);
  }
  assert.deepEqual(refused(['--publish.cloudwatch'], { METRIC_UPDATE_INTERVAL: '0' }), [
    'METRIC_UPDATE_INTERVAL: must be between 1s and 1h, not 0s',
  ]);
});

test('our own names are checked whether anything is published or not', () => {
  assert.deepEqual(refused(['--publish.cloudwatch.region', 'x y'], { PODNET_PUBLISH_CLOUDWATCH_CLUSTER_ID: 'ä' }), [
    'PODNET_PUBLISH_CLOUDWATCH_CLUSTER_ID: must be printable ASCII: CloudWatch takes nothing else',
    '--publish.cloudwatch.region: must be a region such as eu-central-1, not "x y"',
  ]);
});

test('an endpoint is a URL without secrets', () => {
  const endpointOf = (text: string) => parse(['--publish.cloudwatch.endpoint', text]).publishCloudwatchEndpoint;
  for (const url of ['https://vpce-1.monitoring.eu-central-1.vpce.amazonaws.com', 'http://127.0.0.1:5000/cw']) {
    assert.equal(endpointOf(url), url);
  }
  const wrong: readonly [string, RegExp][] = [
    ['monitoring.amazonaws.com', /must be a URL with https/],
    ['ftp://x', /must be a URL with https/],
    ['https://user:secret@x', /^--publish.cloudwatch.endpoint: must have no credentials in it$/],
    ['https://x/?a=b', /neither \? nor #/],
    ['', /must not be empty/],
  ];
  for (const [text, message] of wrong) assert.match(refused(['--publish.cloudwatch.endpoint', text])[0] ?? '', message);
});

test('--help shows the names of the predecessor', () => {
  const parsed = parseOptions(apiserverProgram('0.0.0'), ['--help'], {});
  assert.equal(parsed.kind, 'print');
  const help = parsed.text.replace(/\s+/g, ' ');
  assert.ok(help.includes('env: PODNET_PUBLISH_CLOUDWATCH_REGION, AWS_REGION, AWS_DEFAULT_REGION)'));
  assert.ok(help.includes('env: PODNET_LOG_LEVEL, AWS_VPC_K8S_CNI_LOGLEVEL)'));
});
