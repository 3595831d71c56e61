import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { DNS_NAME, DNS_NAME_MAX } from '../../openapi/patterns.js';

const IS_ASCII = /^[\x21-\x7e]+$/;
const IS_NAME = new RegExp(DNS_NAME);

/** Why a name cannot be looked up, to go after `must be`; undefined where it can. */
export function problemOfHost(text: string): string | undefined {
  if (isIP(text) !== 0) return `a name, not the address "${text}"`;
  return normaliseHost(text) === undefined ? `a domain name, such as example.com, not "${text}"` : undefined;
}

/** Lower case, fully qualified, in the form that goes over the wire (RFC 5891): `Bücher.example` is `xn--bcher-kva.example.`. */
export function normaliseHost(text: string): string | undefined {
  const host = IS_ASCII.test(text) ? text.toLowerCase() : domainToASCII(text);
  const qualified = host.endsWith('.') ? host : `${host}.`;
  return isIP(host) === 0 && qualified.length <= DNS_NAME_MAX && IS_NAME.test(qualified) ? qualified : undefined;
}
