import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

const all = ['object-1', 'object-2', 'object-3'];
const stat = (cluster: FakeCluster, ...argv: string[]) => runCommand(['object', 'stat', ...argv], cluster);

describe('stratum object stat', () => {
  it('shows what each node says, with size and time', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('12345', 'object-1', 'object-2', 'object-3');
    const { exitCode, stdout } = await stat(cluster, oid, '-o', 'json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'Blob',
      items: [{ oid, size: 5, verdict: 'ok', ringEpoch: '1', replicas: [{ presence: 'present', size: 5 }, {}, {}] }],
    });
  });

  it('ends with 5 when a copy is missing, and names unreachable nodes', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('x', 'object-1', 'object-2');
    cluster.node('object-3').unreachable = true;
    const { exitCode, stderr } = await stat(cluster, oid);
    expect(exitCode).toBe(5);
    expect(stderr).toContain('object-3');
  });

  it('ends with 3 when no node has it', async () => {
    const { exitCode, stderr } = await stat(new FakeCluster(), '0'.repeat(64));
    expect(exitCode).toBe(3);
    expect(stderr).toContain('0'.repeat(64));
  });

  it.each([
    ['all copies are damaged', all, 6],
    ['one copy is damaged and the others are missing', ['object-2'], 6],
  ])('tells it from a blob that nobody has when %s', async (_what, damaged, code) => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('x', ...damaged);
    for (const id of damaged) {
      cluster.node(id).corrupt.add(oid);
      cluster.node(id).quarantined.add(oid);
    }
    const { exitCode, stdout } = await stat(cluster, oid, '-o', 'json');
    expect(exitCode).toBe(code);
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ oid, verdict: 'lost' }] });
  });

  it('refuses what is no id', async () => {
    expect(await stat(new FakeCluster(), 'xyz')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('64') });
  });

  it('takes many ids, and says which are not found', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('x', 'object-1', 'object-2', 'object-3');
    const world = { ...cluster, stdin: `${'0'.repeat(64)}\r\n${oid}\r\n` };
    const { exitCode, stdout, stderr } = await runCommand(['object', 'stat', '--stdin', '-o', 'name'], world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: `blob/${oid}\n` });
    expect(JSON.parse(stderr)).toMatchObject({ code: 'BLOB_NOT_FOUND' });
    expect(cluster.node('object-1').questions).toEqual([2]);
  });
});
