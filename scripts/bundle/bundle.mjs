// The esbuild settings of the bundle; the same for the program and for the tests of the build.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { inlineProtos } from './inline-protos.mjs';
import { verifyChunks } from './verify-chunks.mjs';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const here = dirname(fileURLToPath(import.meta.url));

// CommonJS packages in the bundle expect these three.
const banner = `import { createRequire as __createRequire } from 'node:module';
import { fileURLToPath as __fileURLToPath } from 'node:url';
import { dirname as __dirnameOf } from 'node:path';
const require = __createRequire(import.meta.url);
const __filename = __fileURLToPath(import.meta.url);
const __dirname = __dirnameOf(__filename);`;

/** Modules that the bundle does without: importer (null for any), specifier, what stands in its place. */
const replacements = [
  // lmdb looks for its addon beside its own package.json.
  { importer: /node_modules\/lmdb\//, specifier: 'node-gyp-build-optional-packages', file: 'load-lmdb-addon.mjs' },
  // An optional second addon of msgpackr, which does without when this is empty.
  { importer: /node_modules\/msgpackr\//, specifier: 'msgpackr-extract', file: 'absent.cjs' },
  // ink asks for it only under DEV=true.
  { importer: null, specifier: 'react-devtools-core', file: 'absent.cjs' },
];

const replaceModules = {
  name: 'replace-modules',
  setup(esbuild) {
    for (const { importer, specifier, file } of replacements) {
      esbuild.onResolve({ filter: new RegExp(`^${specifier}$`) }, (args) =>
        importer === null || importer.test(args.importer) ? { path: join(here, file) } : undefined,
      );
    }
  },
};

/**
 * Bundles `entry` into `folder`/stratum.mjs, the chunks that it loads when it needs them, and lmdb.node: nothing in
 * it needs node_modules. Chunks, because a single file of 6 MB takes 75 ms longer to start, whatever the command.
 * Nothing is minified: Node prints the whole source line of an uncaught error.
 */
export async function bundle(entry, folder) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  mkdirSync(folder, { recursive: true });
  placeAddon(join(folder, 'lmdb.node'));
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { stratum: entry },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node26',
    format: 'esm',
    mainFields: ['module', 'main'],
    // esbuild adds import or require by the statement: long, which protobufjs requires, differs between the two.
    conditions: ['node'],
    jsx: 'automatic',
    banner: { js: banner },
    define: { __STRATUM_VERSION__: JSON.stringify(version), 'process.env.NODE_ENV': '"production"' },
    loader: { '.bash': 'text', '.zsh': 'text', '.fish': 'text' },
    plugins: [replaceModules, inlineProtos],
    keepNames: true,
    legalComments: 'eof',
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
  });
  verifyChunks(metafile);
  // Last, and only what is stale: a cluster that runs from this folder may still load its chunks.
  const made = new Set([...Object.keys(metafile.outputs).map((path) => basename(path)), 'lmdb.node']);
  for (const name of readdirSync(folder)) if (!made.has(name)) rmSync(join(folder, name), { recursive: true });
}

/** A rename and not a copy in place, which would change the file under processes that have mapped it. */
function placeAddon(file) {
  const addon = lmdbAddon();
  if (existsSync(file) && readFileSync(file).equals(readFileSync(addon))) return;
  copyFileSync(addon, `${file}.new`);
  renameSync(`${file}.new`, file);
}

/** The build of lmdb's addon for this platform that runs under any Node: the Node-API one. */
function lmdbAddon() {
  const require = createRequire(createRequire(import.meta.url).resolve('lmdb'));
  const platform = `${process.platform}-${process.arch}`;
  const folder = dirname(require.resolve(`@lmdb/lmdb-${platform}/package.json`));
  const names = ['node.napi.glibc.node', 'node.napi.node'].filter((name) => existsSync(join(folder, name)));
  if (names[0] === undefined) throw new Error(`lmdb has no addon for ${platform} in ${folder}`);
  return join(folder, names[0]);
}
