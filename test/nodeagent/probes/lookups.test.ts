import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lookups, type LookupsDeps } from '../../../nodeagent/probes/lookups.js';
import { createLogger } from '../../../runtime/logger.js';
import type { HostPort } from '../../../runtime/options/kinds.js';
import { createManualClock } from '../../support/clock.js';

const POD = 'search telco.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n';
const log = createLogger('test', { level: 'error', format: 'json', write: () => undefined });

function bench(options: Partial<ConstructorParameters<typeof Lookups>[0]>, files: Record<string, string | Error>) {
  const clock = createManualClock();
  const set: string[][] = [];
  const states: string[] = [];
  const endpoints: { known?: readonly HostPort[] } = {};
  const deps: LookupsDeps = {
    ...{ clock, log },
    states: {
      up: (source: string) => states.push(`${source} up`),
      off: (source: string, reason: string) => states.push(`${source} ${reason}`),
    },
    prober: {
      setTargets: (_kind, targets) => set.push(targets.map(({ key }) => key)),
    },
    endpoints: () => endpoints.known,
    read: (path) => {
      const found = files[path];
      if (found === undefined || found instanceof Error) throw found ?? new Error(`no ${path}`);
      return found;
    },
  };
  const lookups = new Lookups({ dnsHosts: [], dnsServers: [], dnsProtocols: ['udp'], ...options }, deps);
  return { lookups, clock, set, states, endpoints };
}

test('a pod asks the servers of its resolv.conf for the API of its cluster', () => {
  const { lookups, set, states } = bench({}, { '/etc/resolv.conf': POD });
  lookups.look();
  lookups.look();
  assert.deepEqual(set, [['10.96.0.10 udp kubernetes.default.svc.cluster.local.']]);
  assert.deepEqual(states, ['resolv-conf up']);
});

test('what the flags say is asked, and resolv.conf for what they do not', () => {
  const { lookups, set } = bench({ dnsHosts: ['Example.com'], dnsServers: ['10.0.0.1'] }, {});
  lookups.look();
  assert.deepEqual(set, [['10.0.0.1 udp example.com.']]);
  assert.equal(lookups.failures, 0);
  const half = bench({ dnsHosts: ['a.example', 'b.example'] }, { '/etc/resolv.conf': POD });
  half.lookups.look();
  assert.deepEqual(half.set, [['10.96.0.10 udp a.example.', '10.96.0.10 udp b.example.']]);
});

test('outside a cluster nothing is looked up, and that is normal', () => {
  const { lookups, set, states } = bench({}, { '/etc/resolv.conf': 'nameserver 192.0.2.1\nsearch example.com\n' });
  lookups.look();
  assert.deepEqual([set, states, lookups.failures], [[[]], ['resolv-conf not_needed'], 0]);
});

test('a resolv.conf that cannot be read is counted, what it said before goes on, and it is read again', () => {
  const files: Record<string, string | Error> = { '/etc/resolv.conf': POD };
  const { lookups, clock, set, states } = bench({}, files);
  lookups.look();
  files['/etc/resolv.conf'] = Object.assign(new Error('no such file'), { code: 'ENOENT' });
  clock.advance(31_000);
  lookups.look();
  assert.deepEqual([set.length, states, lookups.failures], [1, ['resolv-conf up', 'resolv-conf not_found'], 1]);
  files['/etc/resolv.conf'] = POD.replace('10.96.0.10', 'fd00::a');
  clock.advance(31_000);
  lookups.look();
  assert.deepEqual(set[1], ['fd00::a udp kubernetes.default.svc.cluster.local.']);
});

test('endpoints of the DNS Service are asked as they come and go', () => {
  const { lookups, set, endpoints } = bench({}, { '/etc/resolv.conf': POD });
  lookups.look();
  endpoints.known = [{ host: '10.0.3.4', port: 53 }];
  lookups.look();
  endpoints.known = [];
  lookups.look();
  assert.deepEqual(
    set.map((keys) => keys.map((key) => key.split(' ')[0])),
    [['10.96.0.10'], ['10.96.0.10', '10.0.3.4'], ['10.96.0.10']],
  );
});
