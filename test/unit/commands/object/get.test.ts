import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-object-get-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const all = ['object-1', 'object-2', 'object-3'];
const content = Buffer.from([0, 255, 10, 13, 0x80]);

describe('stratum object get', () => {
  it('writes the bytes to stdout as they are', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold(content, ...all);
    const { exitCode, bytes, stderr } = await runCommand(['object', 'get', oid], cluster);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(bytes).toEqual(content);
  });

  it('reads from another node when one fails', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold(content, 'object-3');
    cluster.node('object-1').unreachable = true;
    expect((await runCommand(['object', 'get', oid], cluster)).bytes).toEqual(content);
  });

  it('replaces a file when the whole blob has come', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold(content, ...all);
    const file = join(folder, 'out');
    writeFileSync(file, 'old');
    expect(await runCommand(['object', 'get', oid, '--output', file], cluster)).toMatchObject({
      exitCode: 0,
      stdout: '',
    });
    expect(readFileSync(file)).toEqual(content);
  });

  it('ends with 6 and leaves no file when the bytes do not match the id', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold(content, ...all);
    for (const id of all) cluster.node(id).corrupt.add(oid);
    const file = join(folder, 'corrupt');
    expect(await runCommand(['object', 'get', oid, '--output', file], cluster)).toMatchObject({ exitCode: 6 });
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.includes('corrupt'))).toEqual([]);
    expect(await runCommand(['object', 'get', oid], cluster)).toMatchObject({ exitCode: 6 });
  });

  it('ends with 3 when there is no such blob', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['object', 'get', '0'.repeat(64)], new FakeCluster());
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
    expect(stderr).toContain('0'.repeat(64));
  });

  it('says which file it cannot write', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold(content, ...all);
    const file = join(folder, 'no', 'such', 'folder');
    const { exitCode, stderr } = await runCommand(['object', 'get', oid, '--output', file], cluster);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(file);
  });

  it('gives errors as JSON by -o, since --output is the file', async () => {
    const { stderr } = await runCommand(['object', 'get', '0'.repeat(64), '-o', 'json'], new FakeCluster());
    expect(JSON.parse(stderr)).toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });
});
