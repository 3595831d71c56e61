// The rules by which the small cluster authorizes: those of Kubernetes (plugin/pkg/auth/authorizer/rbac, apis/rbac/v1/evaluation_helpers.go).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { attributesOf } from '../../../apiserver/auth/attributes.js';
import { isAllowed } from './rbac.js';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const USER = { name: 'system:serviceaccount:shop:reader', groups: ['system:authenticated'], extra: {} };
const SUBJECTS = [{ kind: 'ServiceAccount', namespace: 'shop', name: 'reader' }];

/** With a ClusterRole of these rules, bound in all of the cluster or in a namespace. */
function rights(rules: readonly object[], namespace?: string, subjects: readonly object[] = SUBJECTS) {
  const scope = namespace === undefined ? '/clusterrolebindings' : `/namespaces/${namespace}/rolebindings`;
  return {
    objects: new Map<string, unknown>([
      [`${RBAC}/clusterroles/reader`, { rules }],
      [`${RBAC}${scope}/reader`, { roleRef: { kind: 'ClusterRole', name: 'reader' }, subjects }],
    ]),
  };
}

/** Such as `GET /api/v1/pods`. */
function may(having: ReturnType<typeof rights>, request: string): boolean {
  const [method = '', path = ''] = request.split(' ');
  const query = Object.fromEntries(new URL(path, 'https://api').searchParams);
  return isAllowed(having, USER, attributesOf(method, path, query));
}

function rule(resources: readonly string[], verbs: readonly string[], resourceNames?: readonly string[]) {
  return { apiGroups: [''], resources, verbs, ...(resourceNames !== undefined && { resourceNames }) };
}

describe('the roles of the small cluster', () => {
  test('allow a verb on a resource of a group, and nothing beside', () => {
    const some = rights([rule(['pods'], ['list'])]);
    assert.ok(may(some, 'GET /api/v1/pods'));
    assert.ok(may(some, 'GET /api/v1/namespaces/shop/pods?labelSelector=a%3Db'));
    for (const other of [
      'GET /api/v1/pods?watch=true',
      'GET /api/v1/namespaces/shop/pods/web-0',
      'GET /apis/apps/v1/pods',
      'GET /api/v1/services',
      'DELETE /api/v1/namespaces/shop/pods',
      'GET /metrics',
    ]) {
      assert.ok(!may(some, other), other);
    }
  });

  test('allow a subresource by its own name alone', () => {
    const some = rights([rule(['pods'], ['get'])]);
    assert.ok(!may(some, 'GET /api/v1/namespaces/shop/pods/web-0/log'));
    assert.ok(may(rights([rule(['pods/log'], ['get'])]), 'GET /api/v1/namespaces/shop/pods/web-0/log'));
  });

  test('allow one name of a resource, also in a list that is of that name', () => {
    const named = rights([rule(['services'], ['get', 'list', 'watch', 'create'], ['probe'])]);
    const services = '/api/v1/namespaces/shop/services';
    assert.ok(may(named, `GET ${services}/probe`));
    assert.ok(may(named, `GET ${services}?fieldSelector=metadata.name%3Dprobe`));
    assert.ok(may(named, `GET ${services}?watch=1&fieldSelector=metadata.name%3Dprobe`));
    for (const other of [
      `GET ${services}/web`,
      `GET ${services}`,
      `GET ${services}?fieldSelector=metadata.name%3Dweb`,
    ]) {
      assert.ok(!may(named, other), other);
    }
    assert.ok(!may(named, `POST ${services}`), 'what is made has no name yet');
  });

  test('bound in a namespace are of that namespace', () => {
    const some = rights([rule(['pods'], ['list']), { nonResourceURLs: ['/metrics'], verbs: ['get'] }], 'shop');
    assert.ok(may(some, 'GET /api/v1/namespaces/shop/pods'));
    for (const other of ['GET /api/v1/namespaces/telco/pods', 'GET /api/v1/pods', 'GET /metrics']) {
      assert.ok(!may(some, other), other);
    }
  });

  test('allow a path, or all below one', () => {
    const some = rights([{ nonResourceURLs: ['/metrics', '/openapi/*'], verbs: ['get'] }]);
    assert.ok(may(some, 'GET /metrics?own=only'));
    assert.ok(may(some, 'GET /openapi/v3/apis'));
    for (const other of ['GET /metrics/x', 'POST /metrics', 'GET /openapi']) assert.ok(!may(some, other), other);
  });

  test('are of whom a binding names', () => {
    const pods = [rule(['pods'], ['list'])];
    const everybody = [{ kind: 'Group', name: 'system:authenticated' }];
    assert.ok(may(rights(pods, undefined, everybody), 'GET /api/v1/pods'));
    for (const subject of [
      { kind: 'ServiceAccount', namespace: 'telco', name: 'reader' },
      { kind: 'User', name: 'reader' },
      { kind: 'Group', name: 'system:masters' },
    ]) {
      assert.ok(!may(rights(pods, undefined, [subject]), 'GET /api/v1/pods'), subject.name);
    }
  });

  test('are made of others by their labels', () => {
    const { objects } = rights([], 'shop');
    const labels = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' };
    objects.set(`${RBAC}/clusterroles/reader`, {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] },
    });
    objects.set(`${RBAC}/clusterroles/part`, { metadata: { labels }, rules: [rule(['pods'], ['list'])] });
    objects.set(`${RBAC}/clusterroles/other`, { metadata: {}, rules: [rule(['services'], ['list'])] });
    assert.ok(may({ objects }, 'GET /api/v1/namespaces/shop/pods'));
    assert.ok(!may({ objects }, 'GET /api/v1/namespaces/shop/services'));
  });
});
