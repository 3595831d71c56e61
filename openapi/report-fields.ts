import { Type, type TSchema } from 'typebox';
import * as pattern from './patterns.js';

export const COUNTER_MAX = 2 ** 64; // a kernel u64, as the nearest double

export const name = (description: string) =>
  Type.String({ pattern: pattern.OBJECT_NAME, minLength: 1, maxLength: pattern.OBJECT_NAME_MAX, description });
export const namespace = (description: string) =>
  Type.String({ pattern: pattern.NAMESPACE, minLength: 1, maxLength: pattern.NAMESPACE_MAX, description });
export const token = (description: string) =>
  Type.String({ pattern: pattern.TOKEN, minLength: 1, maxLength: pattern.TOKEN_MAX, description });
export const orNull = <T extends TSchema>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description });

/** A cumulative count, or null where it could not be read: absent is not zero. */
export const Counter = orNull(Type.Integer({ minimum: 0, maximum: COUNTER_MAX }), 'Cumulative count; null: not known.');
