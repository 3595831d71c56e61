// An image as `docker save` and `buildah push docker-archive:` write it: a tar with manifest.json, the configuration and the layers.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

const GZIP = 0x1f8b;

/** Unpacks an archive. @returns the files of the layers of its image, from the lowest up */
export function unpackArchive(file, directory) {
  mkdirSync(directory, { recursive: true });
  execFileSync('tar', ['-xf', file, '-C', directory]);
  const [{ Layers: layers }] = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8'));
  return layers.map((layer) => join(directory, layer));
}

/** What a layer takes as a tar, what about it takes in a registry, which has it as gzip, and how many files it has. */
export function measureLayer(file) {
  const stored = readFileSync(file);
  const tar = stored.readUInt16BE(0) === GZIP ? gunzipSync(stored) : stored;
  const listed = execFileSync('tar', ['-tf', '-'], { input: tar, encoding: 'utf8', maxBuffer: 64 * 1024 ** 2 });
  const files = listed.split('\n').filter((path) => path !== '' && !path.endsWith('/')).length;
  return { bytes: tar.length, gzipBytes: gzipSync(tar).length, files };
}
