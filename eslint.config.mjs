import tseslint from 'typescript-eslint';

/** Who may import whom: design section 2. Project references catch the same in the compiler; here it gets a reason. */
const banFolders = (...folders) => ({
  group: folders.map((folder) => `**/${folder}/**`),
  message: 'design section 2: this folder must not import that one',
});
const ban = (name, message) => ({ name, message });
const NO_PROCESSES = [
  ban('node:child_process', 'the programs start no other programs'),
  ban('child_process', 'the programs start no other programs'),
];
const NO_IO = ['node:fs', 'node:fs/promises', 'node:net', 'node:http', 'node:https', 'node:dgram'].map((name) =>
  ban(name, 'pure code: I/O belongs to the file beside it that is named for it'),
);
const KUBERNETES = ban('@kubernetes/client-node', 'only runtime/kube/ imports it');
const restrict = (paths, ...groups) => ({ 'no-restricted-imports': ['error', { paths, patterns: groups }] });

/** The clock, the environment and the end of the process belong to mains. */
const MAIN_ONLY = [
  { object: 'Date', property: 'now', message: 'take a Clock' },
  { object: 'performance', property: 'now', message: 'take a Clock' },
  { object: 'process', property: 'argv', message: 'only mains read it' },
  { object: 'process', property: 'env', message: 'only mains read it' },
  { object: 'process', property: 'exit', message: 'only mains end the process' },
];

export default tseslint.config(
  { ignores: ['build/', 'dist/', 'node_modules/'] },
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: false }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/prefer-nullish-coalescing': 'error',
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      'no-console': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true } }],
      'no-restricted-properties': ['error', ...MAIN_ONLY],
      eqeqeq: 'error',
    },
  },
  {
    files: ['openapi/**'],
    rules: restrict([...NO_PROCESSES, KUBERNETES], banFolders('apiserver', 'nodeagent', 'cli', 'metrics', 'runtime')),
  },
  {
    files: ['metrics/**'],
    rules: restrict([...NO_PROCESSES, KUBERNETES], banFolders('apiserver', 'nodeagent', 'cli', 'runtime')),
  },
  {
    files: ['runtime/**'],
    rules: restrict(NO_PROCESSES, banFolders('apiserver', 'nodeagent', 'cli', 'metrics', 'openapi')),
  },
  { files: ['nodeagent/**'], rules: restrict([...NO_PROCESSES, KUBERNETES], banFolders('apiserver', 'cli')) },
  {
    files: ['nodeagent/{procfs,sysfs,cgroupfs,rtnetlink,grpc,cri}/**'],
    ignores: ['**/fs.ts'],
    rules: restrict(
      [...NO_PROCESSES, ...NO_IO, KUBERNETES],
      banFolders('apiserver', 'cli', 'inventory', 'collectors', 'push', 'report'),
    ),
  },
  {
    files: ['nodeagent/podresources/**'],
    ignores: ['nodeagent/podresources/socket.ts'],
    rules: restrict([...NO_PROCESSES, ...NO_IO, KUBERNETES], {
      // what a name may look like in a report is told there alone
      group: [
        ...banFolders('apiserver', 'cli', 'inventory', 'collectors', 'push', 'report').group,
        '!**/inventory/report-names.js',
      ],
      message: 'design section 2: this folder must not import that one',
    }),
  },
  {
    files: ['nodeagent/collectors/**'],
    rules: restrict(
      [
        ...NO_PROCESSES,
        ...NO_IO,
        KUBERNETES,
        ban('fastify', 'collectors serve nothing'),
        ban('prom-client', 'collectors touch no registry'),
      ],
      banFolders('apiserver', 'cli', 'push'),
    ),
  },
  { files: ['apiserver/**'], rules: restrict([...NO_PROCESSES, KUBERNETES], banFolders('nodeagent', 'cli')) },
  {
    files: ['apiserver/store/**'],
    rules: restrict(
      [...NO_PROCESSES, ...NO_IO, KUBERNETES, ban('fastify', 'the store is pure')],
      banFolders('nodeagent', 'cli', 'api', 'ingest', 'exposition'),
    ),
  },
  {
    files: ['cli/**', 'scripts/**', 'test/**', '*/main.ts', 'runtime/clock.ts', 'runtime/process-io.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  { files: ['scripts/**', 'test/**'], rules: { 'no-console': 'off' } },
  {
    files: ['test/**'],
    rules: {
      // assert.deepEqual narrows what it looked at, so that the compiler takes later checks of the same value for idle
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'describe', 'it', 'suite'] },
          ],
        },
      ],
    },
  },
);
