import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import { isRecord } from '../../../runtime/kube/objects.js';
import { listAt, nameOf, textAt } from '../../cluster/json.js';
import type { KubeObject } from '../kube-api/objects.js';
import { CRD_SCHEMAS } from './crd-schemas.js';

const SCHEMAS = 'test/fixtures/openapi';
const REFERENCE = '#/components/schemas/';

/**
 * Checks objects as kube-apiserver does with `fieldValidation: Strict`: by its own schemas, no field that they do not have, at any depth,
 * and no two elements of a list that are one to it (two variables of one name).
 */
export class StrictSchemas {
  readonly #ajv = createAjv();
  /** By apiVersion and kind; compiled when one is to be checked, as there are hundreds. */
  readonly #schemas = new Map<string, object>(Object.entries(CRD_SCHEMAS));

  constructor() {
    for (const file of readdirSync(SCHEMAS).filter((name) => name.endsWith('.json'))) this.#add(file);
  }

  /** What is wrong with an object, each with its place; empty: nothing. */
  problems(object: KubeObject): string[] {
    const { apiVersion = '', kind = '' } = object;
    const title = `${kind} ${nameOf(object)}`;
    const schema = this.#schemas.get(`${apiVersion} ${kind}`);
    if (schema === undefined) return [`${title}: there is no schema of ${apiVersion} ${kind}`];
    const validate = this.#ajv.compile(schema); // once: ajv keeps what it made of a schema
    if (validate(object)) return [];
    return (validate.errors ?? []).map((error) => `${title}: ${renderError(error)}`);
  }

  #add(file: string): void {
    const document: unknown = JSON.parse(readFileSync(join(SCHEMAS, file), 'utf8'));
    const { schemas } = isRecord(document) && isRecord(document['components']) ? document['components'] : {};
    if (!isRecord(schemas)) throw new TypeError(`${file} has no schemas`);
    this.#ajv.addSchema({ $id: file, components: { schemas: mapObject(schemas, closed) } });
    for (const [name, schema] of Object.entries(schemas)) {
      for (const { group, version, kind } of kindsOf(schema)) {
        const reference = { $ref: `${file}${REFERENCE}${name}` };
        const apiVersion = group === '' ? version : `${group}/${version}`;
        // documents have the kinds of meta/v1 in common
        this.#schemas.set(`${apiVersion} ${kind}`, withIdentity(reference, apiVersion, kind));
      }
    }
  }
}

function createAjv(): Ajv {
  // the schemas have words of Kubernetes' own, and `default: {}` beside what requires more
  const ajv = new Ajv({ strict: false, allErrors: true });
  ajv.addFormat('int32', { type: 'number', validate: (value) => Number.isInteger(value) && Math.abs(value) < 2 ** 31 });
  ajv.addFormat('int64', { type: 'number', validate: (value) => Number.isSafeInteger(value) });
  ajv.addFormat('double', { type: 'number', validate: () => true });
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
  ajv.addFormat('byte', /^[A-Za-z0-9+/]*={0,2}$/);
  ajv.addFormat('int-or-string', true); // said by its oneOf as well
  ajv.addKeyword({
    keyword: 'x-kubernetes-list-map-keys',
    type: 'array',
    validate: (keys: readonly string[], list: readonly unknown[]): boolean => {
      const identities = list.map((one) => JSON.stringify(keys.map((key) => (isRecord(one) ? one[key] : undefined))));
      return new Set(identities).size === identities.length;
    },
  });
  return ajv;
}

/** A schema in which what is not named is not allowed, at any depth. */
function closed(schema: unknown): unknown {
  if (!isRecord(schema)) return schema;
  const { properties, items, additionalProperties, allOf, ...rest } = schema;
  const isOpen = additionalProperties !== undefined || rest['x-kubernetes-preserve-unknown-fields'] === true;
  return {
    ...rest,
    ...(isRecord(properties) && {
      properties: mapObject(properties, closed),
      ...(!isOpen && { additionalProperties: false }),
    }),
    ...(items !== undefined && { items: closed(items) }),
    ...(additionalProperties !== undefined && { additionalProperties: closed(additionalProperties) }),
    ...(Array.isArray(allOf) && { allOf: allOf.map(closed) }),
  };
}

/** The schemas leave the kind open, and all but Kubernetes' own types say nothing of what has to be there. */
function withIdentity(reference: object, apiVersion: string, kind: string): object {
  return {
    allOf: [reference],
    properties: { apiVersion: { const: apiVersion }, kind: { const: kind } },
    required: ['apiVersion', 'kind', 'metadata'],
  };
}

function kindsOf(schema: unknown): { group: string; version: string; kind: string }[] {
  return listAt(schema, 'x-kubernetes-group-version-kind').map((one) => ({
    group: textAt(one, 'group'),
    version: textAt(one, 'version'),
    kind: textAt(one, 'kind'),
  }));
}

function mapObject(record: Readonly<Record<string, unknown>>, map: (value: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

function renderError({ instancePath, message = '', params, keyword }: ErrorObject): string {
  if (keyword === 'x-kubernetes-list-map-keys') return `${instancePath}: two elements are one`;
  const detail = Object.values(params).map(String).join(', ');
  return `${instancePath === '' ? '/' : instancePath}: ${message}${detail === '' ? '' : ` (${detail})`}`;
}
