/** Which package a file of node_modules belongs to: `node_modules/a/node_modules/b`; none for a file of our own. */
export function packagePathOf(file) {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

/**
 * CycloneDX of what is in the image: of npm's SBOM of the lock file the packages that are shipped, node, Debian's packages. What is installed
 * and not shipped would have scanners warn of what is not there.
 * @param npm what `npm sbom` printed
 * @param shipped npm's packages in the bundle, as `<name>@<version>`
 * @throws {Error} when npm does not know of a package that is shipped
 */
export function createSbom({ npm, shipped, node, packages, release, epochSeconds }) {
  const components = npm.components.filter((component) => shipped.includes(component['bom-ref']));
  const unknown = shipped.filter((ref) => !components.some((component) => component['bom-ref'] === ref));
  if (unknown.length > 0) throw new Error(`in the bundle, and unknown to npm sbom: ${unknown.join(', ')}`);
  const { 'bom-ref': rootRef, name, version } = npm.metadata.component;
  const system = [nodeComponent(node), ...packages.map((one) => debianComponent(one, release))];
  const refs = new Set([...components, ...system].map((component) => component['bom-ref']));
  const isShipped = (ref) => refs.has(ref);
  const dependencies = npm.dependencies
    .filter(({ ref }) => isShipped(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(isShipped).sort() }));
  // whatever is in the bundle the program has, by whichever package it came
  const root = { ref: rootRef, dependsOn: [...refs].sort() };
  return {
    $schema: npm.$schema,
    bomFormat: npm.bomFormat,
    specVersion: npm.specVersion,
    version: 1,
    metadata: {
      timestamp: new Date(epochSeconds * 1_000).toISOString(),
      component: {
        'bom-ref': rootRef,
        type: 'application',
        name,
        version,
        licenses: [{ license: { id: 'Apache-2.0' } }],
      },
    },
    components: [...sorted(components), ...system],
    dependencies: [root, ...dependencies.sort((a, b) => (a.ref < b.ref ? -1 : 1))],
  };
}

function sorted(components) {
  return components.toSorted((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
}

function nodeComponent({ version, sha256 }) {
  return {
    'bom-ref': `node@${version}`,
    ...{ type: 'platform', name: 'node', version },
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    purl: `pkg:generic/node@${version}`,
    licenses: [{ license: { id: 'MIT' } }],
    hashes: [{ alg: 'SHA-256', content: sha256 }],
  };
}

function debianComponent({ name, version, architecture, source, sourceVersion }, { id, version: releaseVersion }) {
  const distro = [id, releaseVersion].filter((part) => part !== '').join('-');
  const encode = (text) => encodeURIComponent(text).replace(/!/g, '%21');
  const purl = `pkg:deb/${id}/${encode(name)}@${encode(version)}?arch=${architecture}&distro=${distro}`;
  return {
    'bom-ref': purl,
    ...{ type: 'library', name, version, purl },
    properties: [{ name: 'podnet:debian:source', value: `${source} (${sourceVersion})` }],
  };
}
