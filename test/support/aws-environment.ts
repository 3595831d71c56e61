import process from 'node:process';

/** So that no credentials of this machine are found, and its instance is not asked. */
const NOTHING = {
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_CONFIG_FILE: '/dev/null',
};

/** The SDK reads its variables itself: all of them, of this process, are these alone until the work is done. */
export async function withAwsEnvironment<T>(variables: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  const clear = (): void => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
  };
  clear();
  Object.assign(process.env, NOTHING, variables);
  try {
    return await work();
  } finally {
    clear();
    Object.assign(process.env, before);
  }
}
