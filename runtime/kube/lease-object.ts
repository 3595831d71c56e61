import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';

/** What is read of a Lease of coordination.k8s.io. */
const LeaseObject = Type.Object({
  metadata: Type.Object({
    resourceVersion: Type.String(),
    annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
  }),
  spec: Type.Optional(
    Type.Object({
      holderIdentity: Type.Optional(Type.String()),
      leaseDurationSeconds: Type.Optional(Type.Integer()),
      acquireTime: Type.Optional(Type.String()),
      leaseTransitions: Type.Optional(Type.Integer()),
    }),
  ),
});
export type LeaseObject = Static<typeof LeaseObject>;
export const LEASE = Compile(LeaseObject);

/** MicroTime of Kubernetes, for people who look at the object. */
export function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('Z', '000Z');
}
