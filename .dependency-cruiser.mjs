// The layers of src/, lowest first: a folder may import itself and what its row names, type imports included.
const base = ['base'];
const data = [...base, 'topology', 'git', 'store'];
const wire = [...data, 'rpc'];
const cluster = [...wire, 'consensus', 'replication', 'client', 'telemetry'];
const console = [...cluster, 'cli'];
const mayImport = {
  base: [],
  topology: base,
  git: base,
  store: [...base, 'topology'],
  rpc: data,
  consensus: wire,
  replication: wire,
  client: [...wire, 'replication'],
  telemetry: base,
  node: cluster,
  cli: console,
  tui: console,
  commands: [...console, 'node', 'tui'],
};

const layers = Object.entries(mayImport).map(([layer, below]) => ({
  name: `layer-${layer}`,
  comment: `src/${layer} may import ${below.join(', ') || 'no other layer'}.`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: '^(src|test|scripts)/', pathNot: `^src/(${[layer, ...below].join('|')})/` },
}));

const heavy = '(@grpc/[^/]+|grpc-health-check|ink|react|fastify|lmdb|etcd3)';

export default {
  forbidden: [
    ...layers,
    {
      name: 'base-without-io',
      comment: 'src/base has no I/O, so that everything above can run in a simulator.',
      severity: 'error',
      from: { path: '^src/base/' },
      to: { path: '.', pathNot: ['^src/base/', '^(node:)?(crypto|util|events|assert|buffer)$'] },
    },
    {
      name: 'roles-apart',
      comment: 'The roles meet in src/node/*.ts and on the wire, nowhere else.',
      severity: 'error',
      from: { path: '^src/node/([^/]+)/' },
      to: { path: '^src/node/[^/]+/', pathNot: '^src/node/$1/' },
    },
    {
      name: 'ink-in-tui',
      comment: 'src/tui is the only Ink.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/tui/' },
      to: { path: '(^|node_modules/)(ink|react)(/|$)' },
    },
    {
      name: 'commands-start-light',
      comment: 'A command loads what is heavy by `await import()` in run(), or every command starts slowly.',
      severity: 'error',
      from: { path: '^src/(commands/|main\\.ts)' },
      to: {
        path: `(^|node_modules/)${heavy}(/|$)|^src/(node|tui)/`,
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-circles',
      comment: 'Modules that import each other are one module in two files; a lazy import does not bind them so.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['dynamic-import'] } },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere, or to a package that package.json does not name.',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-packages',
      comment: 'What the program needs at run time belongs in dependencies.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    // The TypeScript 7 compiler has no JavaScript interface; swc reads the imports instead.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json'],
    },
  },
};
