/**
 * Kinds of others, of which Kubernetes has no schema: field by field what our manifests use, as their reference has it. A field that is not here
 * is refused: look it up, and add it.
 *
 * - prometheus-operator: Documentation/api-reference/api.md, monitoring.coreos.com/v1
 * - cert-manager: API reference, cert-manager.io/v1
 * - OpenShift: SecurityContextConstraints [security.openshift.io/v1]
 * - Multus: the Kubernetes Network Custom Resource Definition De-facto Standard, k8s.cni.cncf.io/v1
 */
const TEXT = { type: 'string', minLength: 1 };
const FLAG = { type: 'boolean' };
const TEXTS = { type: 'array', items: TEXT };
/** Of Prometheus and of Go: no fractions. */
const DURATION = { type: 'string', pattern: '^([0-9]+(ms|s|m|h))+$' };
const TEXT_MAP = { type: 'object', additionalProperties: { type: 'string' } };

/** An object with these fields and no others. */
function fields(properties: Readonly<Record<string, object>>, ...required: readonly string[]): object {
  return { type: 'object', properties, required, additionalProperties: false };
}

function kind(apiVersion: string, name: string, properties: Readonly<Record<string, object>>, isNamespaced = true) {
  const metadata = fields(
    { name: TEXT, labels: TEXT_MAP, annotations: TEXT_MAP, ...(isNamespaced && { namespace: TEXT }) },
    ...(isNamespaced ? ['name', 'namespace'] : ['name']),
  );
  const identity = { apiVersion: { const: apiVersion }, kind: { const: name }, metadata };
  const schema = fields({ ...identity, ...properties }, ...Object.keys(identity), ...Object.keys(properties));
  return { [`${apiVersion} ${name}`]: schema };
}

const KEY_OF = fields({ name: TEXT, key: TEXT, optional: FLAG }, 'name', 'key');
const SECRET_OR_CONFIG_MAP = {
  ...fields({ secret: KEY_OF, configMap: KEY_OF }),
  minProperties: 1,
  maxProperties: 1, // they exclude each other
};
const RELABEL = fields({
  sourceLabels: TEXTS,
  separator: { type: 'string' },
  targetLabel: TEXT,
  regex: TEXT,
  modulus: { type: 'integer', minimum: 1 },
  replacement: { type: 'string' },
  action: {
    enum: ['replace', 'keep', 'drop', 'labelmap', 'labeldrop', 'labelkeep', 'hashmod', 'lowercase', 'uppercase'],
  },
});
const SELECTOR = fields({
  matchLabels: TEXT_MAP,
  matchExpressions: {
    type: 'array',
    items: fields(
      { key: TEXT, operator: { enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }, values: TEXTS },
      'key',
      'operator',
    ),
  },
});
const ENDPOINT = fields(
  {
    port: TEXT,
    path: { type: 'string', pattern: '^/' },
    scheme: { enum: ['http', 'https'] },
    params: { type: 'object', additionalProperties: TEXTS },
    interval: DURATION,
    scrapeTimeout: DURATION,
    honorLabels: FLAG,
    honorTimestamps: FLAG,
    relabelings: { type: 'array', items: RELABEL },
    metricRelabelings: { type: 'array', items: RELABEL },
    authorization: fields({ type: TEXT, credentials: KEY_OF }, 'credentials'),
    tlsConfig: fields({ ca: SECRET_OR_CONFIG_MAP, serverName: TEXT }, 'ca', 'serverName'),
  },
  'port',
);
const ISSUER_REF = fields({ name: TEXT, kind: { enum: ['Issuer', 'ClusterIssuer'] }, group: TEXT }, 'name');
const STRATEGY = (...types: readonly string[]) =>
  fields({ type: { enum: types }, uid: { type: 'integer', minimum: 0 } }, 'type');
const RULE = {
  ...fields(
    {
      alert: TEXT,
      record: TEXT,
      expr: TEXT,
      for: DURATION,
      keep_firing_for: DURATION,
      labels: TEXT_MAP,
      annotations: TEXT_MAP,
    },
    'expr',
  ),
  oneOf: [{ required: ['alert'] }, { required: ['record'] }],
};

/** By apiVersion and kind. */
export const CRD_SCHEMAS: Readonly<Record<string, object>> = {
  ...kind('monitoring.coreos.com/v1', 'ServiceMonitor', {
    spec: fields(
      {
        selector: SELECTOR,
        endpoints: { type: 'array', items: ENDPOINT, minItems: 1 },
        jobLabel: TEXT,
        targetLabels: TEXTS,
      },
      'selector',
      'endpoints',
    ),
  }),
  ...kind('monitoring.coreos.com/v1', 'PodMonitor', {
    spec: fields(
      { selector: SELECTOR, podMetricsEndpoints: { type: 'array', items: ENDPOINT, minItems: 1 } },
      'selector',
      'podMetricsEndpoints',
    ),
  }),
  ...kind('monitoring.coreos.com/v1', 'PrometheusRule', {
    spec: fields(
      {
        groups: {
          type: 'array',
          items: fields({ name: TEXT, interval: DURATION, rules: { type: 'array', items: RULE } }, 'name', 'rules'),
        },
      },
      'groups',
    ),
  }),
  ...kind('cert-manager.io/v1', 'Issuer', {
    spec: {
      ...fields({ selfSigned: fields({}), ca: fields({ secretName: TEXT }, 'secretName') }),
      minProperties: 1,
      maxProperties: 1,
    },
  }),
  ...kind('cert-manager.io/v1', 'Certificate', {
    spec: fields(
      {
        secretName: TEXT,
        issuerRef: ISSUER_REF,
        isCA: FLAG,
        commonName: TEXT,
        dnsNames: TEXTS,
        ipAddresses: TEXTS,
        duration: DURATION,
        renewBefore: DURATION,
        usages: {
          type: 'array',
          items: { enum: ['digital signature', 'key encipherment', 'cert sign', 'server auth', 'client auth'] },
        },
        privateKey: fields({
          algorithm: { enum: ['RSA', 'ECDSA', 'Ed25519'] },
          size: { type: 'integer' },
          rotationPolicy: { enum: ['Never', 'Always'] },
        }),
      },
      'secretName',
      'issuerRef',
    ),
  }),
  ...kind(
    'security.openshift.io/v1',
    'SecurityContextConstraints',
    {
      allowHostDirVolumePlugin: FLAG,
      allowHostIPC: FLAG,
      allowHostNetwork: FLAG,
      allowHostPID: FLAG,
      allowHostPorts: FLAG,
      allowPrivilegeEscalation: FLAG,
      allowPrivilegedContainer: FLAG,
      readOnlyRootFilesystem: FLAG,
      allowedCapabilities: TEXTS,
      defaultAddCapabilities: TEXTS,
      requiredDropCapabilities: TEXTS,
      runAsUser: STRATEGY('MustRunAs', 'MustRunAsRange', 'MustRunAsNonRoot', 'RunAsAny'),
      fsGroup: STRATEGY('MustRunAs', 'RunAsAny'),
      supplementalGroups: STRATEGY('MustRunAs', 'RunAsAny'),
      seLinuxContext: STRATEGY('MustRunAs', 'RunAsAny'),
      seccompProfiles: TEXTS,
      volumes: TEXTS,
      priority: { type: ['integer', 'null'] },
      users: TEXTS,
      groups: TEXTS,
    },
    false,
  ),
  ...kind('k8s.cni.cncf.io/v1', 'NetworkAttachmentDefinition', { spec: fields({ config: TEXT }, 'config') }),
};
