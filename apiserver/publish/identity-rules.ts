/** CloudWatch: value of a dimension. */
const LONGEST_CLUSTER_ID = 1_024;

/** A region becomes a part of a host name. */
const REGION = /^[a-z][a-z0-9-]{0,61}[a-z0-9]$/;

/**
 * Why a text cannot be the value of the dimension CLUSTER_ID, completing "--flag: "; undefined when it can.
 * @see CloudWatch API reference, Dimension
 */
export function whyNoClusterId(text: string): string | undefined {
  if (text.length > LONGEST_CLUSTER_ID) return `must have at most ${LONGEST_CLUSTER_ID} characters, not ${text.length}`;
  if (!/^[\x20-\x7e]*$/.test(text)) return 'must be printable ASCII: CloudWatch takes nothing else';
  if (text.trim() === '') return 'must not be empty';
  return text.startsWith(':') ? 'must not begin with a colon: CloudWatch takes no such value' : undefined;
}

/** The same of a region. */
export function whyNoRegion(text: string): string | undefined {
  return REGION.test(text) ? undefined : `must be a region such as eu-central-1, not "${text.slice(0, 64)}"`;
}
