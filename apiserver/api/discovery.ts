import { arch, platform } from 'node:os';
import { ApiGroup, ApiGroupList, ApiResourceList, PathList, VersionInfo } from '../../openapi/kubernetes.js';
import { parseAccept, takesPlainJson, type MediaRange } from './accept.js';
import type { ServedGroup } from './api-surface.js';
import type { App } from './app-types.js';
import { apiGroup, apiGroupDiscoveryList, apiGroupList, apiResourceList } from './discovery-documents.js';
import type { DeclaredRoute } from './route-list.js';
import { routeSchema } from './route-schema.js';
import {
  PLAIN_JSON,
  renderDocument,
  sendDocument,
  type DocumentHeaders,
  type StaticDocument,
} from './static-document.js';

export interface DiscoveryDeps {
  readonly surface: readonly ServedGroup[];
  readonly routes: readonly DeclaredRoute[];
  /** Of podnet, such as 0.1.0. */
  readonly version: string;
}

/** What the server serves: `/`, `/version`, `/apis` and below, each a document made at the start. */
export function discoveryRoutes(app: App, { surface, routes, version }: DiscoveryDeps): void {
  const serve = (url: string, content: object, schema: ReturnType<typeof routeSchema>) => {
    const document = renderDocument(content);
    app.get(url, { schema }, (request, reply) => sendDocument(request, reply, document, PLAIN_JSON));
  };
  rootRoute(app, routes);
  serve(
    '/version',
    versionInfo(version),
    routeSchema({ operationId: 'getVersion', summary: 'The version of this server.', answer: VersionInfo }),
  );
  groupsRoute(app, surface);
  for (const group of surface) {
    const groupId = operationName(group.name);
    serve(
      `/apis/${group.name}`,
      apiGroup(group),
      routeSchema({ operationId: `get${groupId}Group`, summary: 'The versions served.', answer: ApiGroup }),
    );
    for (const served of group.versions) {
      const operationId = `get${groupId}${operationName(served.version)}Resources`;
      serve(
        `/apis/${group.name}/${served.version}`,
        apiResourceList(group, served),
        routeSchema({ operationId, summary: 'The resources served.', answer: ApiResourceList }),
      );
    }
  }
}

/** `/apis`: the groups, or on request everything in one document, which spares an aggregator a request for each version. */
function groupsRoute(app: App, surface: readonly ServedGroup[]): void {
  const plain = { document: renderDocument(apiGroupList(surface)), headers: PLAIN_JSON };
  const aggregated = new Map(
    (['v2', 'v2beta1'] as const).map((version) => [
      version as string,
      {
        document: renderDocument(apiGroupDiscoveryList(surface, version)),
        headers: {
          contentType: `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
          cacheControl: 'public',
        },
      },
    ]),
  );
  const schema = routeSchema({
    operationId: 'getAPIVersions',
    summary: 'The groups served, or on request (Accept) their versions and resources too.',
    answer: ApiGroupList,
  });
  app.get('/apis', { schema }, (request, reply) => {
    const { document, headers } = negotiate(request.headers.accept ?? '', plain, aggregated);
    return sendDocument(request, reply, document, headers);
  });
}

interface Answer {
  readonly document: StaticDocument;
  readonly headers: DocumentHeaders;
}

/** Who asks for nothing we know gets plain JSON: an older aggregator goes on from there. */
function negotiate(accept: string, plain: Answer, aggregated: ReadonlyMap<string, Answer>): Answer {
  for (const range of parseAccept(accept)) {
    const found = takesPlainJson(range) ? plain : aggregated.get(discoveryVersion(range) ?? '');
    if (found !== undefined) return found;
  }
  return plain;
}

function discoveryVersion({ type, parameters }: MediaRange): string | undefined {
  const isDiscovery =
    type === 'application/json' &&
    parameters.get('g') === 'apidiscovery.k8s.io' &&
    parameters.get('as') === 'APIGroupDiscoveryList';
  return isDiscovery ? parameters.get('v') : undefined;
}

/** `/`: the paths without parameters. Known when every route is, hence made at the first request. */
function rootRoute(app: App, routes: readonly DeclaredRoute[]): void {
  const schema = routeSchema({ operationId: 'getPaths', summary: 'The paths served.', answer: PathList });
  let document: StaticDocument | undefined;
  app.get('/', { schema }, (request, reply) => {
    document ??= renderDocument(pathList(routes));
    return sendDocument(request, reply, document, PLAIN_JSON);
  });
}

function pathList(routes: readonly DeclaredRoute[]): PathList {
  const gets = routes.filter(({ url, methods }) => methods.includes('GET') && url !== '/' && !/[:*]/.test(url));
  return { paths: gets.map(({ url }) => url).sort() };
}

/** The form of Kubernetes, whose fields are of its own build; what there is nothing to say of is empty. */
function versionInfo(version: string): VersionInfo {
  const [major = '', minor = ''] = version.split('.');
  return {
    major,
    minor,
    gitVersion: `v${version}`,
    gitCommit: '',
    gitTreeState: '',
    buildDate: '',
    goVersion: '',
    compiler: '',
    platform: `${platform()}/${GO_ARCHITECTURES[arch()] ?? arch()}`,
  };
}

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** custom.metrics.k8s.io -> CustomMetricsK8sIo. */
function operationName(name: string): string {
  return name.replace(/(?:^|\.)(.)/g, (_match, letter: string) => letter.toUpperCase());
}
