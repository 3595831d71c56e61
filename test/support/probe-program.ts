// Run in a network namespace by tests of probes: how one probe goes there. An agent lives on after it, and so does this one for a time.
import process from 'node:process';
import { dial } from '../../nodeagent/probes/dial.js';
import { createNtpTarget } from '../../nodeagent/probes/ntp.js';
import { systemClock } from '../../runtime/clock.js';

const [kind, host = '', port, timeoutMs, lingerMs = '0'] = process.argv.slice(2);
const limits = { timeoutMs: Number(timeoutMs), signal: new AbortController().signal };
const server = { host, port: Number(port), label: host };
const outcome =
  kind === 'dial'
    ? await dial(server, limits, () => systemClock.monotonicMs())
    : await createNtpTarget(server, { clock: systemClock, intervalMs: 60_000 }).probe(limits);
process.stdout.write(JSON.stringify(outcome));
setTimeout(() => undefined, Number(lingerMs));
