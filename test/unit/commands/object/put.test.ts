import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oidOf } from '../../../../src/base/oid.ts';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

let folder: string;
let file: string;
const content = Buffer.from('what is stored');
const oid = oidOf(content);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-object-put-'));
  file = join(folder, 'blob');
  writeFileSync(file, content);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('stratum object put', () => {
  it('stores a file on its nodes and prints id and nodes', async () => {
    const cluster = new FakeCluster();
    const { exitCode, stdout, stderr } = await runCommand(['object', 'put', file, '-o', 'json'], cluster);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'Blob',
      items: [{ oid, size: content.length, required: 2, achieved: 3, degraded: false }],
    });
    expect(stderr).toContain('cluster cluster-a');
    for (const node of cluster.nodes.values()) expect(node.blobs.get(oid)).toEqual(content);
  });

  it('takes stdin, and leaves no temporary file', async () => {
    const spools = () => readdirSync(tmpdir()).filter((name) => name.startsWith('stratum-put-'));
    const before = spools();
    const world = { ...new FakeCluster(), stdin: content };
    const { stdout } = await runCommand(['object', 'put', '-', '--field', 'oid'], world);
    expect(stdout).toBe(`${oid}\n`);
    expect(spools()).toEqual(before);
  });

  it('takes names from stdin as they stand, with a carriage return at the end too', async () => {
    const names = ['plain', 'of Windows\r'].map((name) => join(folder, name));
    for (const name of names) writeFileSync(name, name);
    const world = { ...new FakeCluster(), stdin: `${names.join('\n')}\n` };
    const { exitCode, stdout } = await runCommand(['object', 'put', '--stdin', '--field', 'file'], world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${names.join('\n')}\n` });
  });

  it('says that it is degraded when a node does not have it, and succeeds', async () => {
    const cluster = new FakeCluster();
    cluster.node('object-2').unreachable = true;
    const { exitCode, stdout, stderr } = await runCommand(['object', 'put', file, '-o', 'json'], cluster);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ achieved: 2, degraded: true }] });
    expect(stderr).toContain('object-2');
  });

  it.each([
    ['quorum', ['object-1', 'object-2']],
    ['all', ['object-3']],
  ])('ends with 6 when level %s is not reached without %j, naming the nodes', async (level, away) => {
    const cluster = new FakeCluster();
    for (const id of away) cluster.node(id).unreachable = true;
    const { exitCode, stdout, stderr } = await runCommand(['object', 'put', file, '--level', level], cluster);
    expect({ exitCode, stdout }).toEqual({ exitCode: 6, stdout: '' });
    for (const id of away) expect(stderr).toContain(id);
  });

  it('stores nothing in a dry run', async () => {
    const cluster = new FakeCluster();
    const { exitCode, stdout } = await runCommand(['object', 'put', file, '--dry-run', '-o', 'name'], cluster);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `blob/${oid}\n` });
    for (const node of cluster.nodes.values()) expect(node.blobs.size).toBe(0);
  });

  it('says which file it cannot read', async () => {
    const missing = await runCommand(['object', 'put', join(folder, 'nope')], new FakeCluster());
    expect(missing).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('nope') });
    const directory = await runCommand(['object', 'put', folder], new FakeCluster());
    expect(directory).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('not a file') });
  });

  const write = (name: string) => {
    const path = join(folder, name);
    writeFileSync(path, `content of ${name}`);
    return path;
  };

  it('stores many files, in their order', async () => {
    const cluster = new FakeCluster();
    const files = Array.from({ length: 20 }, (_, index) => write(`many-${index}`));
    const { exitCode, stdout, stderr } = await runCommand(['object', 'put', ...files, '-o', 'jsonl'], cluster);
    expect(exitCode).toBe(0);
    const items = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { file: string; oid: string });
    expect(items.map((item) => item.file)).toEqual(files);
    for (const item of items) expect(cluster.node('object-3').blobs.has(item.oid as typeof oid)).toBe(true);
    // What is changed is said once.
    expect(stderr.match(/cluster cluster-a/g)).toHaveLength(1);
  });

  it('takes the names of files from stdin as they are', async () => {
    const files = [write('# no comment'), write(' blank before')];
    const world = { ...new FakeCluster(), stdin: `${files.join('\n')}\n\n` };
    const { exitCode, stdout } = await runCommand(['object', 'put', '--stdin', '--field', 'file'], world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${files.join('\n')}\n` });
  });

  it('goes on after a file that fails, and ends with 10', async () => {
    const files = [write('first'), join(folder, 'nope'), write('last')];
    const { exitCode, stdout, stderr } = await runCommand(
      ['object', 'put', ...files, '--field', 'file'],
      new FakeCluster(),
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: `${files[0]}\n${files[2]}\n` });
    expect(stderr).toContain('nope');
  });

  it('has the exit code of the first failure when all fail', async () => {
    const argv = ['object', 'put', join(folder, 'nope'), join(folder, 'neither')];
    expect(await runCommand(argv, new FakeCluster())).toMatchObject({ exitCode: 3, stdout: '' });
  });

  it.each([
    [[], /FILE/],
    [['a', '--stdin'], /not both/],
    [['-', '-'], /once/],
  ])('refuses %j', async (argv, message) => {
    expect(await runCommand(['object', 'put', ...argv], new FakeCluster())).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(message),
    });
  });
});
