import { problemOfHost } from './host-name.js';
import type { ProbeOptions } from './options.js';
import { parseServer } from './server-address.js';
import { parseStaticPeers } from './static-peers.js';

/** What is wrong with the options of role probe, a line each. */
export function checkProbeOptions(options: ProbeOptions): string[] {
  const { dialPeers, dnsHosts, dnsServers, ntpServers, probeListenAddress } = options;
  const badServers = (flag: string, servers: readonly string[]): string[] =>
    servers.flatMap((text) =>
      parseServer(text, 1) === undefined
        ? [
            `--${flag}: must be a name or an address, with or without a port (10.96.0.10:53, [fd00::a]:53), not "${text}"`,
          ]
        : [],
    );
  return [
    ...parseStaticPeers(dialPeers, probeListenAddress.port).errors.map((error) => `--dial.peers: ${error}`),
    ...dnsHosts.flatMap((text) => {
      const problem = problemOfHost(text);
      return problem === undefined ? [] : [`--dns.hosts: must be ${problem}`];
    }),
    ...badServers('dns.servers', dnsServers),
    ...badServers('ntp.servers', ntpServers),
  ];
}
