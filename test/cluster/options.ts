import { isIP, isIPv6 } from 'node:net';
import {
  choice,
  duration,
  list,
  optionalText,
  port,
  text,
  toggle,
  type OptionValues,
} from '../../runtime/options/kinds.js';
import type { Program } from '../../runtime/options/parse.js';

const HOUR_MS = 3_600_000;

const CLUSTER_TEST_OPTIONS = {
  kubeconfig: optionalText({
    flag: 'kubeconfig',
    placeholder: 'file',
    defaultText: 'KUBECONFIG, else ~/.kube/config',
    help: 'The cluster, and who asks: a cluster administrator.',
  }),
  context: optionalText({
    flag: 'context',
    placeholder: 'name',
    defaultText: 'the current one',
    help: 'Context of the kubeconfig.',
  }),
  address: optionalText({
    flag: 'address',
    placeholder: 'address',
    defaultText: 'found out',
    help: 'By which the control plane reaches this machine: an IP address or a DNS name.',
  }),
  expose: choice({
    flag: 'expose',
    choices: ['auto', 'external-name', 'endpoint-slice'],
    default: 'auto',
    help: 'Kind of the Service: external-name needs no kube-proxy beside the API server, but an IPv6 address needs endpoint-slice.',
  }),
  securePort: port({ flag: 'secure-port', default: 0, help: 'Port to serve on here; 0 takes a free one.' }),
  kubelet: choice({
    flag: 'kubelet',
    choices: ['auto', 'real', 'played'],
    default: 'auto',
    help: 'Whether kubelets run the pods; played: nodes are created, pods bound and called Running.',
  }),
  image: optionalText({
    flag: 'image',
    placeholder: 'image',
    defaultText: 'the pause image that the nodes have',
    help: 'What the pods run: anything that does nothing and does not end.',
  }),
  timeout: duration({
    flag: 'timeout',
    default: 240_000,
    min: 1_000,
    max: HOUR_MS,
    help: 'How long to wait for each thing that is to come true.',
  }),
  hold: duration({
    flag: 'hold',
    default: 40_000,
    min: 100,
    max: HOUR_MS,
    help: 'How long replicas must stay as they are when nothing is reported: more than two rounds of the HPA controller.',
  }),
  pushInterval: duration({
    flag: 'push-interval',
    default: 1_000,
    min: 100,
    max: 60_000,
    help: 'How often reports are pushed.',
  }),
  window: text({
    flag: 'window',
    placeholder: 'duration',
    default: '5s',
    help: 'window= of the metric selectors of the HPAs.',
  }),
  skip: list({ flag: 'skip', placeholder: 'word', help: 'Leave out checks whose names contain this.' }),
  keep: toggle({ flag: 'keep', default: false, help: 'Leave everything in the cluster, to look at it.' }),
  cleanupOnly: toggle({
    flag: 'cleanup-only',
    default: false,
    help: 'Only delete what earlier runs have left behind.',
  }),
  verbose: toggle({ flag: 'verbose', default: false, help: 'Print the log of the apiserver as it runs.' }),
};
export type ClusterTestOptions = OptionValues<typeof CLUSTER_TEST_OPTIONS>;

export const clusterTestProgram: Program<typeof CLUSTER_TEST_OPTIONS> = {
  name: 'test:e2e',
  summary:
    'Runs podnet against a real cluster: APIServices, three kinds of HPA, kubectl, RBAC. Cleans up behind itself.',
  version: '1',
  options: CLUSTER_TEST_OPTIONS,
  check: ({ address, expose }) => {
    if (address === undefined || expose === 'auto') return [];
    if (expose === 'endpoint-slice' && isIP(address) === 0) {
      return [`--address: an EndpointSlice takes an IP address, not "${address}"`];
    }
    return expose === 'external-name' && isIPv6(address)
      ? [`--address: ${address} is no name: an IPv6 address needs --expose=endpoint-slice`]
      : [];
  },
};
