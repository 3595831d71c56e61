import { kindOf, qualifiedResource, type Location } from './location.js';

/** An answer other than a 2xx: a `Status` as kube-apiserver writes them. */
export class StatusError extends Error {
  override readonly name = 'StatusError';

  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
    readonly extra: { readonly details?: object; readonly metadata?: object } = {},
  ) {
    super(message);
  }

  get body(): object {
    const { details, metadata = {} } = this.extra;
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata,
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(details !== undefined && { details }),
      code: this.code,
    };
  }
}

export const unauthorized = (): StatusError => new StatusError(401, 'Unauthorized', 'Unauthorized');

export const pathNotFound = (): StatusError =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource', { details: {} });

export const notFound = (location: Location): StatusError =>
  new StatusError(404, 'NotFound', `${qualifiedResource(location)} "${location.name ?? ''}" not found`, {
    details: detailsOf(location),
  });

export const alreadyExists = (location: Location): StatusError =>
  new StatusError(409, 'AlreadyExists', `${qualifiedResource(location)} "${location.name ?? ''}" already exists`, {
    details: detailsOf(location),
  });

export const conflict = (location: Location): StatusError =>
  new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedResource(location)} "${location.name ?? ''}": the object has been ` +
      'modified; please apply your changes to the latest version and try again',
    { details: detailsOf(location) },
  );

export const badRequest = (message: string): StatusError => new StatusError(400, 'BadRequest', message);

export const invalid = (location: Location, cause: string): StatusError =>
  new StatusError(422, 'Invalid', `${kindOf(location)} "${location.name ?? ''}" is invalid: ${cause}`, {
    details: detailsOf(location),
  });

/** What a user without the right is told. */
export const forbidden = (verb: string, resource: string, user = 'system:serviceaccount:podnet:podnet'): StatusError =>
  new StatusError(
    403,
    'Forbidden',
    `${resource} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "" at the cluster scope`,
    { details: { kind: resource } },
  );

/** A watch from a version that is no longer kept. */
export const expiredVersion = (asked: number, oldest: number): StatusError =>
  new StatusError(410, 'Expired', `too old resource version: ${asked} (${oldest})`);

/** A `continue` token whose snapshot is gone. */
export const expiredContinue = (): StatusError =>
  new StatusError(
    410,
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter.',
  );

function detailsOf({ name, group, resource }: Location): object {
  return { name, ...(group !== '' && { group }), kind: resource };
}
