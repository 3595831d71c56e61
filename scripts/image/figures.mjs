const BEGIN = '<!-- figures: written by `node scripts/image.mjs --write` -->\n';
const END = '<!-- end of figures -->\n';
const MEBIBYTE = 1024 ** 2;

/** What the layers are, in the order of the Dockerfile. */
const LAYERS = ['Node, and what of Debian it is linked with', 'podnet, licenses, SBOM'];

/**
 * Sizes as a table of Markdown.
 * @throws {Error} when there are other layers than those of the Dockerfile
 */
export function renderFigures(layers, context) {
  if (layers.length !== LAYERS.length) throw new Error(`${layers.length} layers, where ${LAYERS.length} are made`);
  const total = (key) => layers.reduce((sum, layer) => sum + layer[key], 0);
  const rows = [
    ['what', 'MiB', 'MiB as gzip', 'files'],
    ['image', ...cells({ bytes: total('bytes'), gzipBytes: total('gzipBytes'), files: total('files') })],
    ...layers.map((layer, n) => [`layer ${n + 1}: ${LAYERS[n]}`, ...cells(layer)]),
    ['context of the build', ...cells(context)],
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) =>
    `| ${row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]) : cell.padStart(widths[n]))).join(' | ')} |\n`;
  const rule = `| ${widths.map((width, n) => (n === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |\n`;
  const [head, ...body] = rows.map(line);
  return head + rule + body.join('');
}

function cells({ bytes, gzipBytes, files }) {
  return [(bytes / MEBIBYTE).toFixed(1), (gzipBytes / MEBIBYTE).toFixed(1), String(files)];
}

/** Puts figures in the place of those that a document has. */
export function replaceFigures(document, figures) {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`no ${BEGIN.trim()} … ${END.trim()} in the document`);
  return `${document.slice(0, begin)}${BEGIN}\n${figures}\n${document.slice(end)}`;
}
