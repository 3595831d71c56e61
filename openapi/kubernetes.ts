import { Type, type Static } from 'typebox';
import { definition } from './definition.js';

/** Kubernetes `v1.Status`: the body of every error (apimachinery, meta/v1 types.go). */
export const Status = Type.Object(
  {
    kind: Type.Literal('Status'),
    apiVersion: Type.Literal('v1'),
    metadata: Type.Object({}),
    status: Type.Literal('Failure'),
    message: Type.String({ description: 'What is wrong, and where.' }),
    reason: Type.String({ description: 'One word for it, such as NotFound.' }),
    details: Type.Optional(
      Type.Object({
        name: Type.Optional(Type.String()),
        group: Type.Optional(Type.String()),
        kind: Type.Optional(Type.String()),
        retryAfterSeconds: Type.Optional(Type.Integer({ description: 'Of reports alone.' })),
      }),
    ),
    code: Type.Integer({ description: 'The HTTP status code.' }),
  },
  { ...definition('meta.v1.Status'), description: 'What is wrong, as a v1.Status.' },
);
export type Status = Static<typeof Status>;

/** Kubernetes `v1.ListMeta`. */
export const ListMeta = Type.Object(
  {
    resourceVersion: Type.Optional(Type.String({ description: 'Not kept: figures change with every sample.' })),
    continue: Type.Optional(Type.String({ description: 'Where the next page begins; absent on the last one.' })),
    remainingItemCount: Type.Optional(Type.Integer({ description: 'Objects behind this page.' })),
  },
  { ...definition('meta.v1.ListMeta'), description: 'Metadata of a list.' },
);
export type ListMeta = Static<typeof ListMeta>;

const GroupVersion = Type.Object(
  {
    groupVersion: Type.String({ description: 'Group and version, such as podnet.dev/v1alpha1.' }),
    version: Type.String({ description: 'The version alone.' }),
  },
  { ...definition('meta.v1.GroupVersionForDiscovery'), description: 'A version of a group.' },
);

const group = {
  name: Type.String({ description: 'Name of the group.' }),
  versions: Type.Array(GroupVersion, { description: 'The versions served, the preferred one first.' }),
  preferredVersion: GroupVersion,
};

export const ApiGroup = Type.Object(
  { kind: Type.Literal('APIGroup'), apiVersion: Type.Literal('v1'), ...group },
  { ...definition('meta.v1.APIGroup'), description: 'A group and its versions.' },
);
export type ApiGroup = Static<typeof ApiGroup>;

export const ApiGroupList = Type.Object(
  { kind: Type.Literal('APIGroupList'), apiVersion: Type.Literal('v1'), groups: Type.Array(Type.Object(group)) },
  { ...definition('meta.v1.APIGroupList'), description: 'The groups served.' },
);
export type ApiGroupList = Static<typeof ApiGroupList>;

export const ApiResource = Type.Object(
  {
    name: Type.String({ description: 'Plural name; a metric of a resource is <resource>/<metric>.' }),
    singularName: Type.String(),
    namespaced: Type.Boolean(),
    kind: Type.String(),
    verbs: Type.Array(Type.String()),
    shortNames: Type.Optional(Type.Array(Type.String())),
  },
  { ...definition('meta.v1.APIResource'), description: 'A resource of a group version.' },
);
export type ApiResource = Static<typeof ApiResource>;

export const ApiResourceList = Type.Object(
  {
    kind: Type.Literal('APIResourceList'),
    apiVersion: Type.Literal('v1'),
    groupVersion: Type.String(),
    resources: Type.Array(ApiResource),
  },
  { ...definition('meta.v1.APIResourceList'), description: 'The resources of a group version.' },
);
export type ApiResourceList = Static<typeof ApiResourceList>;

const GroupVersionKind = Type.Object(
  { group: Type.String(), version: Type.String(), kind: Type.String() },
  {
    ...definition('meta.v1.GroupVersionKind'),
    description: 'What a resource answers; all empty where it answers nothing.',
  },
);

/** A resource of aggregated discovery (k8s.io/api apidiscovery/v2 types.go). */
export const ApiResourceDiscovery = Type.Object(
  {
    resource: Type.String(),
    responseKind: GroupVersionKind,
    scope: Type.Union([Type.Literal('Namespaced'), Type.Literal('Cluster')]),
    singularResource: Type.String(),
    verbs: Type.Array(Type.String()),
    shortNames: Type.Optional(Type.Array(Type.String())),
    subresources: Type.Optional(
      Type.Array(
        Type.Object({
          subresource: Type.String(),
          responseKind: GroupVersionKind,
          verbs: Type.Array(Type.String()),
        }),
      ),
    ),
  },
  { ...definition('apidiscovery.v2.APIResourceDiscovery'), description: 'A resource and its subresources.' },
);
export type ApiResourceDiscovery = Static<typeof ApiResourceDiscovery>;

/** Everything that is served in one document; v2beta1 differs in its apiVersion alone. */
export const ApiGroupDiscoveryList = Type.Object(
  {
    kind: Type.Literal('APIGroupDiscoveryList'),
    apiVersion: Type.Union([Type.Literal('apidiscovery.k8s.io/v2'), Type.Literal('apidiscovery.k8s.io/v2beta1')]),
    metadata: Type.Object({}),
    items: Type.Array(
      Type.Object({
        metadata: Type.Object({ name: Type.String({ description: 'Name of the group.' }) }),
        versions: Type.Array(
          Type.Object({
            version: Type.String(),
            freshness: Type.Literal('Current'),
            resources: Type.Array(ApiResourceDiscovery),
          }),
        ),
      }),
    ),
  },
  {
    ...definition('apidiscovery.v2.APIGroupDiscoveryList'),
    description: 'Groups, versions and resources in one document.',
  },
);
export type ApiGroupDiscoveryList = Static<typeof ApiGroupDiscoveryList>;

/** What `kubectl version` prints (apimachinery version.Info); empty is what this server has not. */
export const VersionInfo = Type.Object(
  {
    major: Type.String(),
    minor: Type.String(),
    gitVersion: Type.String({ description: 'The version of podnet, with a v before it.' }),
    gitCommit: Type.String(),
    gitTreeState: Type.String(),
    buildDate: Type.String(),
    goVersion: Type.String(),
    compiler: Type.String(),
    platform: Type.String(),
  },
  { ...definition('version.Info'), description: 'The version of this server; empty is what it does not have.' },
);
export type VersionInfo = Static<typeof VersionInfo>;

export const PathList = Type.Object(
  { paths: Type.Array(Type.String()) },
  { ...definition('meta.v1.RootPaths'), description: 'The paths served that take no name.' },
);
export type PathList = Static<typeof PathList>;

/** Kubernetes `v1.Table`: rows as kubectl prints them (apimachinery, meta/v1 types.go). */
export const Table = Type.Object(
  {
    kind: Type.Literal('Table'),
    apiVersion: Type.Literal('meta.k8s.io/v1'),
    metadata: ListMeta,
    columnDefinitions: Type.Array(
      Type.Object({
        name: Type.String({ description: 'Title of the column.' }),
        type: Type.String({ description: 'string, integer, number, boolean or date.' }),
        format: Type.String({ description: 'name for the column that names the object; else empty.' }),
        description: Type.String({ description: 'What the column tells.' }),
        priority: Type.Integer({ description: '0: always shown; higher: with -o wide.' }),
      }),
    ),
    rows: Type.Array(
      Type.Object({
        cells: Type.Array(Type.Unknown(), { description: 'One for each column: text, number, boolean or null.' }),
        object: Type.Optional(Type.Unknown({ description: 'The object, or its metadata, as includeObject asks.' })),
      }),
    ),
  },
  { ...definition('meta.v1.Table'), description: 'A list in rows and columns, as kubectl prints it.' },
);
export type Table = Static<typeof Table>;

export const LabelSelector = Type.Object(
  {
    matchLabels: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'Labels and their values.' })),
    matchExpressions: Type.Optional(
      Type.Array(
        Type.Object({
          key: Type.String({ description: 'Name of the label.' }),
          operator: Type.String({ description: 'In, NotIn, Exists, DoesNotExist, Gt or Lt.' }),
          values: Type.Optional(Type.Array(Type.String())),
        }),
        { description: 'Conditions; all of them must hold.' },
      ),
    ),
  },
  { ...definition('meta.v1.LabelSelector'), description: 'A selector, as Kubernetes writes it.' },
);
export type LabelSelector = Static<typeof LabelSelector>;
