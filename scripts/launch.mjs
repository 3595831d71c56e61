// Runs podnet from a checkout: `node scripts/launch.mjs <command> [options]`, building the bundle first if need be.
import { pathToFileURL } from 'node:url';
import { BUNDLE, bundle, isStale } from './bundle.mjs';

if (isStale()) await bundle();
process.setSourceMapsEnabled(true);
process.argv[1] = BUNDLE;
await import(pathToFileURL(BUNDLE).href);
