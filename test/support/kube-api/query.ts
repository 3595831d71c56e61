import { matchesLabels, parseLabelSelector } from '../../../apiserver/api/label-selector.js';
import { kindOf, type Location } from './location.js';
import type { StoredObject } from './objects.js';
import { badRequest } from './status.js';

const FIELDS = ['metadata.name', 'metadata.namespace', 'spec.nodeName', 'status.phase'];

/** Which objects a list or a watch is about. */
export type Chooser = (object: StoredObject) => boolean;

export function createChooser(query: URLSearchParams): Chooser {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '');
  return (object) => {
    const own = asRecord(object.metadata['labels']);
    const hasLabels = matchesLabels(labels, (name) => (typeof own[name] === 'string' ? own[name] : undefined));
    return hasLabels && fields.every(({ field, isEqual, value }) => (fieldOf(object, field) === value) === isEqual);
  };
}

function parseFieldSelector(text: string): { field: string; isEqual: boolean; value: string }[] {
  return text
    .split(',')
    .filter((term) => term !== '')
    .map((term) => {
      const [, field = '', operator, value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term) ?? [];
      if (operator === undefined) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
      if (!FIELDS.includes(field)) throw badRequest(`field label not supported: ${field}`);
      return { field, isEqual: operator !== '!=', value };
    });
}

function fieldOf(object: StoredObject, field: string): string {
  const [parent = '', child = ''] = field.split('.');
  const value = asRecord(object[parent])[child];
  return typeof value === 'string' ? value : '';
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** How objects are written: whole, or their metadata alone where the client asks for that. */
export interface Writer {
  list(items: readonly StoredObject[], metadata: object): object;
  object(object: StoredObject): object;
  bookmark(version: number, annotations?: object): object;
}

export function createWriter(location: Location, accept: string): Writer {
  if (/as=PartialObjectMetadata/.test(accept)) return PARTIAL;
  const apiVersion = location.root.replace(/^\/apis?\//, '');
  const kind = kindOf(location);
  return {
    list: (items, metadata) => ({
      kind: `${kind}List`,
      apiVersion,
      metadata,
      items: items.map(({ kind: _kind, apiVersion: _apiVersion, ...rest }) => rest),
    }),
    object: (object) => object,
    bookmark: (version, annotations) => ({ kind, apiVersion, metadata: bookmarkMetadata(version, annotations) }),
  };
}

const PARTIAL_TYPE = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' };
const PARTIAL: Writer = {
  list: (items, metadata) => ({
    kind: 'PartialObjectMetadataList',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    items: items.map((item) => PARTIAL.object(item)),
  }),
  object: ({ metadata }) => ({ ...PARTIAL_TYPE, metadata }),
  bookmark: (version, annotations) => ({ ...PARTIAL_TYPE, metadata: bookmarkMetadata(version, annotations) }),
};

function bookmarkMetadata(version: number, annotations?: object): object {
  return { resourceVersion: String(version), ...(annotations !== undefined && { annotations }) };
}
