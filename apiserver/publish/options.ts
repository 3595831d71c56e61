import type { LOG_LEVELS } from '../../runtime/logger.js';
import {
  duration,
  optionalText,
  toggle,
  type Alias,
  type Option,
  type OptionValues,
} from '../../runtime/options/kinds.js';
import { whyNoClusterId, whyNoRegion } from './identity-rules.js';

const HOUR_MS = 3_600_000;

/**
 * What is published to CloudWatch, and how. The variables are those of cni-metrics-helper, so that the values of its manifest carry
 * over. Its USE_PROMETHEUS is not read: /metrics is always served, and --compat=cni-metrics-helper is for its names.
 */
export const PUBLISH_OPTIONS = {
  publishCloudwatch: toggle({
    flag: 'publish.cloudwatch',
    default: false,
    aliases: [{ name: 'USE_CLOUDWATCH', read: readYesOrNo }],
    help: 'Publish the figures of IP addresses to Amazon CloudWatch, under the names of cni-metrics-helper.',
  }),
  publishCloudwatchDryRun: toggle({
    flag: 'publish.cloudwatch.dry-run',
    default: false,
    help: 'Print what would be published, a JSON line for each request, and send nothing; needs neither --publish.cloudwatch nor anything of AWS.',
  }),
  publishCloudwatchClusterId: checkedText({
    flag: 'publish.cloudwatch.cluster-id',
    placeholder: 'name',
    defaultText: 'the tag eks:cluster-name, CLUSTER_ID or Name of the instance',
    aliases: [{ name: 'AWS_CLUSTER_ID' }],
    help: 'Value of the dimension CLUSTER_ID. Tags are read from the metadata of the instance, where they have to be allowed.',
    whyNot: whyNoClusterId,
  }),
  publishCloudwatchRegion: checkedText({
    flag: 'publish.cloudwatch.region',
    placeholder: 'region',
    defaultText: 'that of the instance',
    aliases: [{ name: 'AWS_REGION' }, { name: 'AWS_DEFAULT_REGION' }],
    help: 'Region of AWS to publish to.',
    whyNot: whyNoRegion,
  }),
  publishCloudwatchInterval: duration({
    flag: 'publish.cloudwatch.interval',
    ...{ default: 30_000, min: 1_000, max: HOUR_MS },
    aliases: [{ name: 'METRIC_UPDATE_INTERVAL', read: (text) => `${wholeSeconds(text)}s` }],
    help: 'Time between two looks at the figures; every second one publishes what both have seen.',
  }),
  publishCloudwatchTimeout: duration({
    flag: 'publish.cloudwatch.timeout',
    ...{ default: 10_000, min: 1_000, max: 300_000 },
    aliases: [{ name: 'HTTP_TIMEOUT', read: (text) => `${Math.max(LEAST_HTTP_TIMEOUT_S, wholeSeconds(text))}s` }],
    help: 'How long a request to CloudWatch may take, with all that it needs.',
  }),
  publishCloudwatchEndpoint: checkedText({
    flag: 'publish.cloudwatch.endpoint',
    placeholder: 'url',
    defaultText: 'that of the region',
    help: 'Where CloudWatch is: for VPC endpoints with a name of their own, and emulators.',
    whyNot: whyNoEndpoint,
  }),
};
export type PublishOptions = OptionValues<typeof PUBLISH_OPTIONS>;

/** Whether anything is published, be it to a terminal. */
export function isPublishing(options: Pick<PublishOptions, 'publishCloudwatch' | 'publishCloudwatchDryRun'>): boolean {
  return options.publishCloudwatch || options.publishCloudwatchDryRun;
}

/** Whether an option says how to publish: not whether. */
export function isOfPublishing(flag: string): boolean {
  return flag.startsWith(`${PUBLISH_OPTIONS.publishCloudwatch.flag}.`);
}

/** The log level of cni-metrics-helper, which has one that ends the program, too. */
export const LOG_LEVEL_ALIAS: Alias = {
  name: 'AWS_VPC_K8S_CNI_LOGLEVEL',
  read: (text): (typeof LOG_LEVELS)[number] => {
    const level = PREDECESSOR_LEVELS.get(text.toLowerCase());
    if (level === undefined) throw new TypeError(`must be debug, info, warn, error or fatal, not "${text}"`);
    return level;
  },
};
const PREDECESSOR_LEVELS: ReadonlyMap<string, (typeof LOG_LEVELS)[number]> = new Map([
  ['debug', 'debug'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['error', 'error'],
  ['fatal', 'error'],
]);

/** cni-metrics-helper waits at least so long, whatever it is told. */
const LEAST_HTTP_TIMEOUT_S = 10;

function readYesOrNo(text: string): string {
  const word = text.toLowerCase();
  if (word === 'yes' || word === 'true') return 'true';
  if (word === 'no' || word === 'false') return 'false';
  throw new TypeError(`must be yes, true, no or false, not "${text}"`);
}

function wholeSeconds(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`must be whole seconds, such as 30, not "${text}"`);
  return Number(text);
}

type Described = Parameters<typeof optionalText>[0];

/** A text that may be left out, and is held to a rule where it is not. @param whyNot - completes "--flag: " */
function checkedText({
  whyNot,
  ...described
}: Described & { readonly whyNot: (text: string) => string | undefined }): Option<string | undefined> {
  const option = optionalText(described);
  return {
    ...option,
    parse: (texts) => {
      const text = option.parse(texts);
      const reason = text === undefined ? undefined : whyNot(text);
      if (reason !== undefined) throw new TypeError(reason);
      return text;
    },
  };
}

function whyNoEndpoint(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return 'must be a URL with https:// or http://';
  if (url.username !== '' || url.password !== '') return 'must have no credentials in it';
  return url.search !== '' || url.hash !== '' ? 'must have neither ? nor # in it' : undefined;
}
