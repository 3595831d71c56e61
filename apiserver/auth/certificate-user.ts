import type { X509Certificate } from 'node:crypto';
import type { User } from './user.js';

/** The common name; where there are several the last, as for Go. Empty where there is none. */
export function commonName(x509: X509Certificate): string {
  return subjectValues(x509, 'CN').at(-1) ?? '';
}

/** Whom a certificate of the cluster's client authority names: CN is the user, each O a group. Undefined without a name. */
export function certificateUser(x509: X509Certificate): User | undefined {
  const name = commonName(x509);
  return name === '' ? undefined : { name, groups: subjectValues(x509, 'O'), extra: {} };
}

/** `subject` as text would have to be unescaped; the legacy object has the bare values, an array where there are several. */
function subjectValues(x509: X509Certificate, attribute: 'CN' | 'O'): string[] {
  const subject: unknown = x509.toLegacyObject().subject; // declared as always there
  if (typeof subject !== 'object' || subject === null) return [];
  const value: unknown = Reflect.get(subject, attribute);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((one) => typeof one === 'string');
}
