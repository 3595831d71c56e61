import { untilAborted } from './until-aborted.js';

const TIMEOUT_MS = 1_000;

/** Without the first slash: the SDK puts them behind that of the endpoint. */
const REGION_PATH = 'latest/meta-data/placement/region';
const TAGS_PATH = 'latest/meta-data/tags/instance/';

/** What the instance that this runs on says of itself; undefined for what it does not say. */
export interface InstanceMetadata {
  region(): Promise<string | undefined>;
  /** Only where the instance allows tags in its metadata. */
  tag(key: string): Promise<string | undefined>;
}

/**
 * Asks the instance metadata service, version 2 only: one that gives no token is not asked without. Whatever is asked throws when the
 * service does not answer, or when the signal is aborted.
 * @param endpoint - URL; that of the SDK where it is left out or empty
 */
export async function createInstanceMetadata(
  endpoint: string | undefined,
  signal: AbortSignal,
): Promise<InstanceMetadata> {
  const { MetadataService } = await import('./aws-metadata-client.js');
  const service = new MetadataService({
    ...(endpoint !== undefined && endpoint !== '' && { endpoint }),
    httpOptions: { timeout: TIMEOUT_MS },
    ec2MetadataV1Disabled: true,
    retries: 0, // the publisher tries again; and the SDK's second try hides why the first one failed
  });
  const ask = async (path: string): Promise<string | undefined> => {
    try {
      const text = await Promise.race([service.request(path, {}), untilAborted(signal)]);
      return text.trim() === '' ? undefined : text.trim();
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return { region: () => ask(REGION_PATH), tag: (key) => ask(`${TAGS_PATH}${key}`) };
}

/** There was a token, and the answer was that there is no such thing. */
function isNotFound(error: unknown): boolean {
  if (!(error instanceof Error) || !('$metadata' in error)) return false;
  return (error.$metadata as { readonly httpStatusCode?: number }).httpStatusCode === 404;
}
