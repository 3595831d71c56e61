import { Counter, Gauge, type Registry } from 'prom-client';

/** Memory, CPU and version of a program, under its own prefix (`podnet_apiserver`, `podnet_nodeagent`). */
export function addProcessMetrics(registry: Registry, prefix: string, version: string): void {
  const registers = [registry];
  new Gauge({
    name: `${prefix}_build_info`,
    help: 'Version of the program. Always 1.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1);
  new Gauge({
    name: `${prefix}_process_resident_memory_bytes`,
    help: 'Resident memory of the program.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Counter({
    name: `${prefix}_process_cpu_seconds_total`,
    help: 'CPU time of the program, user and system.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}
