import { Type, type Static } from 'typebox';

/** Kubernetes `v1.Status`: the body of every error (apimachinery, meta/v1 types.go). */
export const Status = Type.Object({
  kind: Type.Literal('Status'),
  apiVersion: Type.Literal('v1'),
  metadata: Type.Object({}),
  status: Type.Literal('Failure'),
  message: Type.String(),
  reason: Type.String(),
  details: Type.Optional(
    Type.Object({
      name: Type.Optional(Type.String()),
      group: Type.Optional(Type.String()),
      kind: Type.Optional(Type.String()),
    }),
  ),
  code: Type.Integer(),
});
export type Status = Static<typeof Status>;

const GroupVersion = Type.Object({ groupVersion: Type.String(), version: Type.String() });

export const ApiGroup = Type.Object({
  kind: Type.Literal('APIGroup'),
  apiVersion: Type.Literal('v1'),
  name: Type.String(),
  versions: Type.Array(GroupVersion),
  preferredVersion: GroupVersion,
});
export type ApiGroup = Static<typeof ApiGroup>;

export const ApiGroupList = Type.Object({
  kind: Type.Literal('APIGroupList'),
  apiVersion: Type.Literal('v1'),
  groups: Type.Array(Type.Omit(ApiGroup, ['kind', 'apiVersion'])),
});
export type ApiGroupList = Static<typeof ApiGroupList>;

export const ApiResourceList = Type.Object({
  kind: Type.Literal('APIResourceList'),
  apiVersion: Type.Literal('v1'),
  groupVersion: Type.String(),
  resources: Type.Array(
    Type.Object({
      name: Type.String(),
      singularName: Type.String(),
      namespaced: Type.Boolean(),
      kind: Type.String(),
      verbs: Type.Array(Type.String()),
    }),
  ),
});
export type ApiResourceList = Static<typeof ApiResourceList>;

export const LabelSelector = Type.Object({
  matchLabels: Type.Optional(Type.Record(Type.String(), Type.String())),
  matchExpressions: Type.Optional(
    Type.Array(
      Type.Object({ key: Type.String(), operator: Type.String(), values: Type.Optional(Type.Array(Type.String())) }),
    ),
  ),
});
export type LabelSelector = Static<typeof LabelSelector>;
