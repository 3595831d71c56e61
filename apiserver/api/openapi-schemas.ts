/** A JSON Schema, or a part of one, as plain data. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** The versions of OpenAPI that are served; they differ in what a schema may say. */
export type Dialect = 'openapi3' | 'swagger2';

/**
 * Writes the schemas of routes, which are JSON Schema, in what OpenAPI 3.0 and Swagger 2.0 know: no `const`, no `null` type, no
 * `patternProperties`, in Swagger 2.0 no `anyOf`. A schema that has an `$id` becomes a definition.
 * @throws {TypeError} when two schemas have one `$id`
 */
export class SchemaWriter {
  readonly #definitions = new Map<string, JsonObject>();
  readonly #sources = new Map<string, string>();

  constructor(readonly dialect: Dialect) {}

  get definitions(): ReadonlyMap<string, JsonObject> {
    return this.#definitions;
  }

  write(schema: Json): Json {
    if (isArray(schema)) return schema.map((one) => this.write(one));
    if (!isObject(schema)) return schema;
    const { $id } = schema;
    if (typeof $id !== 'string') return this.#writeObject(schema);
    this.#define($id, schema);
    return { $ref: `${$id}#` };
  }

  #define($id: string, schema: JsonObject): void {
    const source = JSON.stringify(schema);
    const known = this.#sources.get($id);
    if (known === source) return;
    if (known !== undefined) throw new TypeError(`${$id}: two different schemas have this $id`);
    this.#sources.set($id, source);
    const { $id: _id, ...rest } = schema;
    this.#definitions.set($id, this.#writeObject(rest));
  }

  #writeObject(schema: JsonObject): JsonObject {
    const { anyOf, const: only, patternProperties, properties, ...rest } = schema;
    const written: Record<string, Json> = {};
    for (const [key, value] of Object.entries(rest)) {
      // An extension is data, whatever its keys are called.
      written[key] = key.startsWith('x-') ? value : this.write(value);
    }
    if (isObject(properties)) written['properties'] = this.#writeEach(properties);
    if (isObject(patternProperties)) written['additionalProperties'] = this.write(firstOf(patternProperties) ?? {});
    if (only !== undefined) written['enum'] = [only];
    return isArray(anyOf) ? { ...this.#writeUnion(anyOf), ...written } : written;
  }

  #writeEach(properties: JsonObject): JsonObject {
    return Object.fromEntries(
      Object.entries(properties).map(([name, property]) => {
        const written = this.write(property);
        const isReference = isObject(written) && '$ref' in written && isObject(property);
        return [name, isReference ? this.#describe(written, property['description']) : written];
      }),
    );
  }

  /** A reference with what else there is to say: in OpenAPI 3.0 nothing counts beside a $ref, and kubectl looks beside it in 2.0. */
  #describe(reference: JsonObject, description: Json | undefined, more: JsonObject = {}): JsonObject {
    const said = { ...(description !== undefined && { description }), ...more };
    return this.dialect === 'openapi3' ? { ...said, allOf: [reference] } : { ...said, ...reference };
  }

  #writeUnion(members: readonly Json[]): JsonObject {
    const present = members.filter((member) => !isNull(member));
    const nullable: JsonObject =
      present.length === members.length ? {} : { [this.dialect === 'openapi3' ? 'nullable' : 'x-nullable']: true };
    const literals = present.flatMap((member) => (isObject(member) ? (member['const'] ?? []) : []));
    if (literals.length === present.length && literals.every((literal) => typeof literal === 'string')) {
      return { type: 'string', enum: literals, ...nullable };
    }
    const [single, ...others] = present.map((member) => this.write(member));
    if (single === undefined || others.length > 0) return this.#writeAlternatives(present, nullable);
    if (!isObject(single)) return nullable;
    return '$ref' in single ? this.#describe(single, undefined, nullable) : { ...single, ...nullable };
  }

  /** Swagger 2.0 has no word for alternatives: anything goes. */
  #writeAlternatives(members: readonly Json[], nullable: JsonObject): JsonObject {
    if (this.dialect === 'swagger2') return nullable;
    return { anyOf: members.map((member) => this.write(member)), ...nullable };
  }
}

function firstOf(record: JsonObject): Json | undefined {
  return Object.values(record)[0];
}

function isNull(schema: Json): boolean {
  return isObject(schema) && schema['type'] === 'null';
}

function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
