import { createPublicKey, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { readElements } from '../../apiserver/auth/der.js';
import type { Issued } from './certificates.js';

/** A certificate as it is, but for another key, signed anew by its issuer. */
export function withKey(issued: Issued, key: KeyObject, issuer: Issued): Issued {
  const [whole] = readElements(new X509Certificate(issued.cert).raw);
  const [tbs, algorithm] = readElements(whole?.content ?? Buffer.alloc(0));
  const fields = readElements(tbs?.content ?? Buffer.alloc(0)).map((field) => field.whole);
  fields[6] = key.export({ type: 'spki', format: 'der' });
  const signed = encode(0x30, fields);
  const signature = encode(0x03, [Buffer.from([0]), sign('sha256', signed, issuer.key)]);
  const der = encode(0x30, [signed, algorithm?.whole ?? Buffer.alloc(0), signature]);
  const cert = `-----BEGIN CERTIFICATE-----\n${
    der
      .toString('base64')
      .match(/.{1,64}/g)
      ?.join('\n') ?? ''
  }\n-----END CERTIFICATE-----\n`;
  return { cert, key: issued.key, chain: `${cert}${issuer.chain}` };
}

/** An RSA key of so many bits that nobody has the private part of: making a real one would take minutes. */
export function rsaKey(bits: number, exponent = 65_537n): KeyObject {
  const modulus = randomBytes(bits / 8);
  modulus[0] = 0x80;
  const n = modulus.toString('base64url');
  const hex = exponent.toString(16);
  const e = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
}

function encode(tag: number, parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const hex = content.length.toString(16);
  const length = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  const header = content.length < 0x80 ? [tag, content.length] : [tag, 0x80 | length.length, ...length];
  return Buffer.concat([Buffer.from(header), content]);
}
