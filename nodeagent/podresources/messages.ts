import { field, message, method, repeated, type GrpcService } from '../grpc/service.js';

const POD_RESOURCES = {
  ListPodResourcesRequest: message({}),
  ListPodResourcesResponse: message({ pod_resources: repeated('PodResources', 1) }),
  PodResources: message({
    name: field('string', 1),
    namespace: field('string', 2),
    containers: repeated('ContainerResources', 3),
  }),
  ContainerResources: message({
    name: field('string', 1),
    devices: repeated('ContainerDevices', 2),
    cpu_ids: repeated('int64', 3),
    dynamic_resources: repeated('DynamicResource', 5),
  }),
  ContainerDevices: message({
    resource_name: field('string', 1),
    device_ids: repeated('string', 2),
    topology: field('TopologyInfo', 3),
  }),
  TopologyInfo: message({ nodes: repeated('NUMANode', 1) }),
  NUMANode: message({ ID: field('int64', 1) }),
  // 1 was the class, until Kubernetes 1.31
  DynamicResource: message({
    claim_name: field('string', 2),
    claim_namespace: field('string', 3),
    claim_resources: repeated('ClaimResource', 4),
  }),
  // 2 to 4 since Kubernetes 1.31: a kubelet before that names no device
  ClaimResource: message({
    driver_name: field('string', 2),
    pool_name: field('string', 3),
    device_name: field('string', 4),
  }),
};

/**
 * What is used of the kubelet's PodResources API.
 * @see https://github.com/kubernetes/kubelet, pkg/apis/podresources/v1/api.proto
 */
export const POD_RESOURCES_LISTER = {
  name: 'v1.PodResourcesLister',
  types: POD_RESOURCES,
  methods: { List: method('ListPodResourcesRequest', 'ListPodResourcesResponse') },
} satisfies GrpcService;
