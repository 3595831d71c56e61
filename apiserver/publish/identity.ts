import { Deadline } from '../../runtime/kube/deadline.js';
import { errorMessage } from '../../runtime/logger.js';
import { whyNoClusterId, whyNoRegion } from './identity-rules.js';
import { createInstanceMetadata, type InstanceMetadata } from './instance-metadata.js';
import { SendError } from './sink.js';

/** Under what values are published, and where. */
export interface Identity {
  readonly clusterId: string;
  readonly region: string;
}

/** The order of cni-metrics-helper. Without any of them it published as "k8s-cluster", and so did the cluster next door: that is not taken over. */
const CLUSTER_TAGS = ['eks:cluster-name', 'CLUSTER_ID', 'Name'];

/** All questions together, also where an answer hangs. */
const ASKING_MS = 6_000;

const REGION_WANTED = 'no region: give --publish.cloudwatch.region or AWS_REGION';
const CLUSTER_ID_WANTED = 'no cluster id: give --publish.cloudwatch.cluster-id or AWS_CLUSTER_ID';
const METADATA_WANTED = 'or let the pod reach the instance metadata service (IMDSv2, hop limit 2)';
const TAGS_WANTED = `or allow tags in the metadata of the instance, and tag it ${CLUSTER_TAGS[0] ?? ''}`;

/**
 * What is not given is asked of the instance.
 * @param env of the process: AWS_EC2_METADATA_DISABLED and AWS_EC2_METADATA_SERVICE_ENDPOINT, as the SDK has them
 * @throws {SendError} unconfigured: what is missing, and how it can be had
 */
export async function findIdentity(
  given: { readonly [Part in keyof Identity]: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Identity> {
  const { region, clusterId } = given;
  if (region !== undefined && clusterId !== undefined) return { region, clusterId };
  const wanted = [
    ...(region === undefined ? [REGION_WANTED] : []),
    ...(clusterId === undefined ? [CLUSTER_ID_WANTED] : []),
  ].join('; ');
  if (env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true') {
    throw new SendError('unconfigured', `${wanted}; the instance is not asked (AWS_EC2_METADATA_DISABLED)`);
  }
  const deadline = new Deadline(ASKING_MS, signal);
  try {
    const instance = await createInstanceMetadata(env['AWS_EC2_METADATA_SERVICE_ENDPOINT'], deadline.signal);
    return {
      region: region ?? (await regionOf(instance)),
      clusterId: clusterId ?? (await clusterIdOf(instance)),
    };
  } catch (error) {
    if (error instanceof SendError) throw error;
    const reason = deadline.hasPassed ? `no answer within ${ASKING_MS / 1_000} s` : errorMessage(error);
    throw new SendError('unconfigured', `${wanted}, ${METADATA_WANTED}: ${reason}`);
  } finally {
    deadline.close();
  }
}

async function regionOf(instance: InstanceMetadata): Promise<string> {
  const region = await instance.region();
  if (region === undefined) throw new SendError('unconfigured', `${REGION_WANTED}; the instance does not know it`);
  const reason = whyNoRegion(region);
  if (reason !== undefined) throw new SendError('unconfigured', `${REGION_WANTED}; that of the instance ${reason}`);
  return region;
}

async function clusterIdOf(instance: InstanceMetadata): Promise<string> {
  for (const key of CLUSTER_TAGS) {
    const value = await instance.tag(key);
    if (value === undefined) continue;
    const reason = whyNoClusterId(value);
    if (reason === undefined) return value;
    throw new SendError('unconfigured', `${CLUSTER_ID_WANTED}; the tag ${key} of the instance ${reason}`);
  }
  throw new SendError('unconfigured', `${CLUSTER_ID_WANTED}, ${TAGS_WANTED}`);
}
