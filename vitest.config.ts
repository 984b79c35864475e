import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vitest/config';

// Processes come and go, and each would compile the same packages again: a fifth of its start.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('node_modules/.cache/node-compile-cache', import.meta.url));

/** Gives the completion scripts as text, as the bundler does for `import … with { type: 'text' }`. */
const completionText: Plugin = {
  name: 'completion-text',
  enforce: 'pre',
  transform: (source, id) =>
    /\.(bash|zsh|fish)$/.test(id) ? { code: `export default ${JSON.stringify(source)};`, map: null } : undefined,
};

export default defineConfig({
  test: {
    // The conformance suites and the tests end to end run a real etcd.
    globalSetup: ['./test/e2e/etcd-binary.ts'],
    reporters: ['default', './scripts/count-reporter.mjs'],
    // Processes and not threads: native addons and child processes are what the tests start.
    pool: 'forks',
    // One more than the cores that CI has: half of the tests wait for processes most of their time.
    maxWorkers: 3,
    projects: [
      {
        plugins: [completionText],
        test: {
          name: 'unit',
          include: ['test/{unit,conformance}/**/*.test.{ts,tsx}'],
          // A process serves many files, which import the same modules: that is most of what such a file costs.
          isolate: false,
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'sim',
          // Replaces a package, and changes what Error does: each file in a process of its own. They begin first.
          include: ['test/sim/**/*.test.ts'],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // Every file starts clusters of its own, eight processes each.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
