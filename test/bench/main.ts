// npm run bench: figures with machine, versions and sizes; each beside a named alternative of the same run.
import { cpus, release, totalmem } from 'node:os';
import process from 'node:process';
import { benchSweep } from './agent.js';
import { benchApi } from './api.js';
import { benchProbeIngest, benchProbeRead } from './probes.js';
import { benchPrometheusText } from './prometheus-text.js';
import { benchIngest, benchRead } from './server.js';

const [cpu] = cpus();
console.log(
  `${cpus().length} × ${cpu?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`,
);
await benchIngest();
await benchProbeIngest();
await benchSweep();
await benchPrometheusText();
await benchApi();
await benchRead(1_000);
await benchProbeRead();
