/** There is no cluster to run against, for a reason that is told in one line. */
export class NoCluster extends Error {
  override readonly name = 'NoCluster';
  readonly code = 'E2E_NO_CLUSTER';
}
