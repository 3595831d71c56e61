import { parse } from 'yaml';
import { blocksOf } from '../markdown.js';

/** What manifests/README.md adds to a kustomization with component given-certificate, with this for the authority in it. */
export function givenAuthority(caBundle: string): object {
  const block = blocksOf('manifests/README.md').find(({ lines }) =>
    lines.some((line) => line.includes('/spec/caBundle')),
  );
  const [before, after] = (block?.lines.join('\n') ?? '').split('<ca.crt in base64>');
  if (before === undefined || after === undefined) throw new TypeError('the README says nothing of caBundle');
  return parse(`${before}${caBundle}${after}`) as object;
}
