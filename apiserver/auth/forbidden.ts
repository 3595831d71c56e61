import { ApiError } from '../api/errors.js';
import type { Attributes, ResourceAttributes } from './attributes.js';
import type { User } from './user.js';

/** The refusal in the words of kube-apiserver (endpoints/handlers/responsewriters/errors.go, api/errors NewForbidden). */
export function forbidden(user: User, attributes: Attributes, reason: string): ApiError {
  const why = reason === '' ? '' : `: ${reason}`;
  if ('nonResourceAttributes' in attributes) {
    const { verb, path } = attributes.nonResourceAttributes;
    return new ApiError(
      'Forbidden',
      `forbidden: ${sanitize(`User ${quote(user.name)} cannot ${verb} path ${quote(path)}`)}${why}`,
      {},
    );
  }
  const { group = '', name = '', resource } = attributes.resourceAttributes;
  const qualified = group === '' ? resource : `${resource}.${group}`;
  const subject = name === '' ? qualified : `${qualified} ${quote(name)}`;
  const what = sanitize(`User ${quote(user.name)} cannot ${actionOf(attributes.resourceAttributes)}`);
  return new ApiError('Forbidden', `${subject} is forbidden: ${what}${why}`, {
    ...(name !== '' && { name }),
    ...(group !== '' && { group }),
    kind: resource,
  });
}

function actionOf({ verb, resource, subresource, group = '', namespace }: ResourceAttributes): string {
  const path = subresource === undefined ? resource : `${resource}/${subresource}`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace ${quote(namespace)}`;
  return `${verb} resource ${quote(path)} in API group ${quote(group)} ${where}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

/** A browser must not take a name for markup. */
function sanitize(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
