// What a worker thread would do of a report: its result goes back as a structured clone.
import { parentPort } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';

parentPort?.on('message', (body: Uint8Array) => parentPort?.postMessage(JSON.parse(gunzipSync(body).toString())));
