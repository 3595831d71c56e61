/**
 * Where a schema stands among the definitions of the OpenAPI documents. kube-apiserver merges the definitions of all its servers by
 * name: under `dev.podnet` none of ours can meet another's of the same name, nor a second adapter of the same metrics.
 */
export const definition = (name: string) => ({ $id: `dev.podnet.${name}` });

/** The definition of a kind: `kubectl explain` finds it by group, version and kind. */
export const kindDefinition = (name: string, groupVersion: string, kind: string) => {
  const [group = '', version = ''] = groupVersion.split('/');
  return { ...definition(name), 'x-kubernetes-group-version-kind': [{ group, version, kind }] };
};
