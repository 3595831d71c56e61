import { field, message, method, repeated, type GrpcService } from '../grpc/service.js';

/** A list is asked for as a whole, without a filter. */
const ALL = message({});
const INFO = { keyType: 'string', type: 'string', id: 2 };

const SANDBOXES = {
  PodSandboxState: { values: { SANDBOX_READY: 0, SANDBOX_NOTREADY: 1 } },
  PodSandboxMetadata: message({
    name: field('string', 1),
    uid: field('string', 2),
    namespace: field('string', 3),
    attempt: field('uint32', 4),
  }),
  PodSandbox: message({
    id: field('string', 1),
    metadata: field('PodSandboxMetadata', 2),
    state: field('PodSandboxState', 3),
    created_at: field('int64', 4),
    runtime_handler: field('string', 7),
  }),
  ListPodSandboxRequest: ALL,
  ListPodSandboxResponse: message({ items: repeated('PodSandbox', 1) }),
  NamespaceMode: { values: { POD: 0, CONTAINER: 1, NODE: 2, TARGET: 3 } },
  NamespaceOption: message({ network: field('NamespaceMode', 1) }),
  Namespace: message({ options: field('NamespaceOption', 2) }),
  LinuxPodSandboxStatus: message({ namespaces: field('Namespace', 1) }),
  PodSandboxStatus: message({
    id: field('string', 1),
    metadata: field('PodSandboxMetadata', 2),
    state: field('PodSandboxState', 3),
    created_at: field('int64', 4),
    linux: field('LinuxPodSandboxStatus', 6),
    runtime_handler: field('string', 9),
  }),
  PodSandboxStatusRequest: message({ pod_sandbox_id: field('string', 1), verbose: field('bool', 2) }),
  PodSandboxStatusResponse: message({ status: field('PodSandboxStatus', 1), info: INFO }),
};

const CONTAINERS = {
  ContainerState: {
    values: { CONTAINER_CREATED: 0, CONTAINER_RUNNING: 1, CONTAINER_EXITED: 2, CONTAINER_UNKNOWN: 3 },
  },
  ContainerMetadata: message({ name: field('string', 1), attempt: field('uint32', 2) }),
  ImageSpec: message({ image: field('string', 1), user_specified_image: field('string', 18) }),
  Container: message({
    id: field('string', 1),
    pod_sandbox_id: field('string', 2),
    metadata: field('ContainerMetadata', 3),
    image: field('ImageSpec', 4),
    state: field('ContainerState', 6),
    created_at: field('int64', 7),
  }),
  ListContainersRequest: ALL,
  ListContainersResponse: message({ containers: repeated('Container', 1) }),
  ContainerStatusRequest: message({ container_id: field('string', 1), verbose: field('bool', 2) }),
  ContainerStatusResponse: message({ info: INFO }),
};

const VERSIONS = {
  VersionRequest: message({ version: field('string', 1) }),
  VersionResponse: message({
    version: field('string', 1),
    runtime_name: field('string', 2),
    runtime_version: field('string', 3),
    runtime_api_version: field('string', 4),
  }),
};

const ofItsName = (name: string) => method(`${name}Request`, `${name}Response`);

/**
 * What is used of the Container Runtime Interface. Labels and annotations above all are skipped when a message is read.
 * @see https://github.com/kubernetes/cri-api, pkg/apis/runtime/v1/api.proto
 */
export const CRI = {
  name: 'runtime.v1.RuntimeService',
  types: { ...VERSIONS, ...SANDBOXES, ...CONTAINERS },
  methods: {
    Version: ofItsName('Version'),
    ListPodSandbox: ofItsName('ListPodSandbox'),
    PodSandboxStatus: ofItsName('PodSandboxStatus'),
    ListContainers: ofItsName('ListContainers'),
    ContainerStatus: ofItsName('ContainerStatus'),
  },
} satisfies GrpcService;
export type CriMethod = keyof typeof CRI.methods;
