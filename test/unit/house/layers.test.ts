import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from './project-files.ts';

/** Files that break a rule each, and the rule. */
const violations = [
  { rule: 'layer-base', file: 'src/base/up.ts', text: "import type { Ring } from '../topology/ring.ts';" },
  { rule: 'layer-git', file: 'src/git/up.ts', text: "export { call } from '../rpc/call.ts';" },
  { rule: 'layer-consensus', file: 'src/consensus/side.ts', text: "import '../replication/writer.ts';" },
  { rule: 'layer-rpc', file: 'src/rpc/up.ts', text: "export const lazy = () => import('../node/object/disk.ts');" },
  { rule: 'layer-cli', file: 'src/cli/up.ts', text: "import '../node/object/disk.ts';" },
  { rule: 'base-without-io', file: 'src/base/files.ts', text: "import 'node:fs';" },
  { rule: 'roles-apart', file: 'src/node/metadata/side.ts', text: "import '../object/disk.ts';" },
  { rule: 'ink-in-tui', file: 'src/cli/screen.tsx', text: "import { Text } from 'ink'; export const a = <Text />;" },
  { rule: 'commands-start-light', file: 'src/commands/heavy.ts', text: "import 'lmdb';" },
  { rule: 'no-circles', file: 'src/git/circle.ts', text: "import './circle.ts';\nimport './other.ts';" },
  { rule: 'resolvable', file: 'src/git/missing.ts', text: "import './nowhere.ts';" },
  { rule: 'no-dev-packages', file: 'src/git/dev.ts', text: "import 'esbuild';" },
];

const sound = {
  'src/topology/ring.ts': 'export type Ring = 1;',
  'src/rpc/call.ts': "import type { Ring } from '../topology/ring.ts';\nexport const call: Ring = 1;",
  'src/replication/writer.ts': "import 'node:fs';\nexport * from '../rpc/call.ts';",
  'src/node/object/disk.ts': "import { open } from 'lmdb';\nexport { open };",
  'src/git/other.ts': "import './circle.ts';",
  'src/tui/screen.tsx': "import { Text } from 'ink';\nexport const screen = <Text />;",
  'src/commands/light.ts': "export const run = async () => import('../node/object/disk.ts');",
};

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

let folder: string;
let found: readonly Violation[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratum-layers-'));
  for (const [file, text] of [...Object.entries(sound), ...violations.map(({ file, text }) => [file, text] as const)]) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), `${text}\n`);
  }
  await symlink(join(projectRoot, 'package.json'), join(folder, 'package.json'));
  await symlink(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
  const config = join(projectRoot, '.dependency-cruiser.mjs');
  const cruiser = join(projectRoot, 'node_modules', '.bin', 'depcruise');
  const { stdout } = spawnSync(process.execPath, [cruiser, '--config', config, '-T', 'json', 'src'], {
    cwd: folder,
    encoding: 'utf8',
  });
  found = (JSON.parse(stdout) as { summary: { violations: Violation[] } }).summary.violations;
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the layer check', () => {
  it.each(violations)('$rule refuses $file', ({ rule, file }) => {
    expect(found.filter(({ from }) => from === file).map((violation) => violation.rule.name)).toContain(rule);
  });

  it.each(Object.keys(sound).filter((file) => file !== 'src/git/other.ts'))('lets %s pass', (file) => {
    expect(found.filter(({ from }) => from === file)).toEqual([]);
  });
});
