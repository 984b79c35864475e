import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from './project-files.ts';

const script = pathToFileURL(join(projectRoot, 'scripts', 'bundle', 'bundle.mjs')).href;
const { bundle } = (await import(/* @vite-ignore */ script)) as {
  readonly bundle: (entry: string, folder: string) => Promise<void>;
};

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratum-bundle-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Bundles the files, of which src/main.ts is the entry, and returns a way to run the result. */
async function program(files: Readonly<Record<string, string>>) {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  await symlink(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
  await bundle(join(folder, 'src', 'main.ts'), join(folder, 'dist'));
  await rm(join(folder, 'node_modules'));
  return (...args: string[]) =>
    spawnSync(process.execPath, [join(folder, 'dist', 'stratum.mjs'), ...args], { cwd: folder, encoding: 'utf8' });
}

describe('the bundle', () => {
  it('needs no node_modules, not even for the native storage engine, the gRPC health service and the etcd client', async () => {
    const run = await program({
      'src/main.ts': "const { work } = await import('./work.ts'); console.log(await work(process.argv[2] ?? ''));",
      'src/work.ts': `
        import { open } from 'lmdb';
        import { service } from 'grpc-health-check';
        import { Etcd3 } from 'etcd3';
        export async function work(path: string) {
          const database = open<string, string>({ path, overlappingSync: false });
          await database.put('key', 'kept');
          const value = database.get('key');
          const etcd = new Etcd3({ hosts: ['http://127.0.0.1:1'] });
          const hasCalls = typeof etcd.kv.txn === 'function';
          etcd.close();
          await database.close();
          return [value, Object.keys(service).join(), hasCalls].join(' ');
        }`,
    });
    const { status, stdout, stderr } = run(join(folder, 'database'));
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'kept Check,Watch,List true\n', stderr: '' });
  });

  it('evaluates a lazily imported module only when it is imported', async () => {
    const run = await program({
      'src/main.ts': "if (process.argv[2] === 'heavy') await import('./heavy.ts'); else console.log('light');",
      'src/heavy.ts': "console.log('evaluated');",
    });
    expect(run().stdout).toBe('light\n');
    expect(run('heavy').stdout).toBe('evaluated\n');
  });

  it('gives completion scripts as text, and the version', async () => {
    const run = await program({
      'src/main.ts': `import text from '../completions/stratum.bash' with { type: 'text' };
        console.log(text.trim(), /^\\d+\\.\\d+\\.\\d+/.test(__STRATUM_VERSION__));`,
      'completions/stratum.bash': '# complete\n',
    });
    expect(run().stdout).toBe('# complete true\n');
  });

  it.each([
    {
      what: 'a lazy import of a CommonJS package, whose named exports would be missing',
      main: "export const grpc = import('@grpc/grpc-js');",
      error: /import\(\) of the CommonJS node_modules\/@grpc\/grpc-js/,
    },
    {
      what: 'a program that loads a heavy package at every start',
      main: "import { open } from 'lmdb';\nopen({});",
      error: /src\/main\.ts loads node_modules\/lmdb\/.* at once/,
    },
    {
      what: 'a command that does so through another module',
      main: "export const command = import('./commands/show.ts');",
      error: /src\/commands\/show\.ts loads node_modules\/fastify\/.* at once/,
    },
  ])('refuses $what', async ({ main, error }) => {
    const files = {
      'src/main.ts': main,
      'src/commands/show.ts': "export { serve } from '../server.ts';",
      'src/server.ts': "import fastify from 'fastify';\nexport const serve = () => fastify();",
    };
    await expect(program(files)).rejects.toThrow(error);
  });
});
