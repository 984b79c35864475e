// What the types cannot say about the bundle, read from esbuild's account of it.

/** Packages that no command may evaluate before it knows that it needs them. */
const heavyPackages = ['@grpc/grpc-js', 'ink', 'react', 'fastify', 'lmdb', 'zod', 'pino'];

/** Throws when the bundle would behave otherwise than the sources, or start slowly. */
export function verifyChunks(metafile) {
  refuseLazyCommonJs(metafile.inputs);
  refuseHeavyStart(metafile.outputs);
}

/**
 * A chunk made of a CommonJS package exports `default` alone, while Node and vitest find its named exports as well.
 * So what src/ loads lazily must be a module of its own, and that one imports the package statically.
 */
function refuseLazyCommonJs(inputs) {
  for (const [file, { imports }] of Object.entries(inputs)) {
    if (file.includes('node_modules/')) continue;
    const lazy = imports.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path);
    const commonJs = lazy.find((path) => inputs[path]?.format === 'cjs');
    if (commonJs !== undefined) {
      throw new Error(`${file}: import() of the CommonJS ${commonJs}; import() a module that imports it statically`);
    }
  }
}

/** What the program and each command module load at once, chunk by chunk, holds no heavy package. */
function refuseHeavyStart(outputs) {
  for (const [chunk, { entryPoint }] of Object.entries(outputs)) {
    if (entryPoint === undefined || !/src\/(main|commands\/.*)\.ts$/.test(entryPoint)) continue;
    for (const loaded of loadedAtOnce(chunk, outputs)) {
      const heavy = Object.keys(outputs[loaded].inputs).find((file) => isHeavy(file));
      if (heavy !== undefined) throw new Error(`${entryPoint} loads ${heavy} at once; load it by await import()`);
    }
  }
}

function isHeavy(file) {
  return heavyPackages.some((name) => file.includes(`node_modules/${name}/`));
}

function loadedAtOnce(chunk, outputs, seen = new Set()) {
  if (seen.has(chunk) || outputs[chunk] === undefined) return seen;
  seen.add(chunk);
  for (const { path, kind } of outputs[chunk].imports) {
    if (kind === 'import-statement') loadedAtOnce(path, outputs, seen);
  }
  return seen;
}
