import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

const all = ['object-1', 'object-2', 'object-3'];
const missing = (cluster: FakeCluster, ...argv: string[]) => runCommand(['object', 'missing', ...argv], cluster);

describe('stratum object missing of all blobs', () => {
  it('lists those that lack a copy by position, with the nodes that lack them', async () => {
    const cluster = new FakeCluster();
    for (let index = 0; index < 9; index += 1) cluster.hold(`good ${index}`, ...all);
    const two = cluster.hold('two', 'object-1', 'object-3');
    const one = cluster.hold('one', 'object-2');
    const { exitCode, stdout, stderr } = await missing(cluster);
    expect({ exitCode, stderr }).toEqual({ exitCode: 6, stderr: '' });
    const rows = new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map((row) => [row.split('\t')[0] ?? '', row.split('\t')]),
    );
    expect([...rows.keys()]).toEqual([two, one].sort());
    expect(rows.get(two)).toEqual([two, '2/3', 'object-2 (missing)', 'degraded', '3 B']);
    expect(rows.get(one)?.[1]).toBe('1/3');
    expect(rows.get(one)?.[2]?.split(', ').sort()).toEqual(['object-1 (missing)', 'object-3 (missing)']);
  });

  it('ends with 5 when enough copies are left, and with 0 when none is missing', async () => {
    const cluster = new FakeCluster();
    expect(await missing(cluster)).toMatchObject({ exitCode: 0, stdout: '', stderr: 'no blob lacks a copy\n' });
    const oid = cluster.hold('two', 'object-1', 'object-3');
    expect(await missing(cluster, '-o', 'name')).toMatchObject({ exitCode: 5, stdout: `blob/${oid}\n` });
  });

  it('lists what all nodes hold in quarantine, and ends with 6', async () => {
    const cluster = new FakeCluster();
    cluster.hold('good', ...all);
    const oid = cluster.hold('rotten', ...all);
    for (const id of all) {
      cluster.node(id).corrupt.add(oid);
      cluster.node(id).quarantined.add(oid);
    }
    expect(await missing(cluster, '-o', 'name')).toMatchObject({ exitCode: 6, stdout: `blob/${oid}\n` });
  });

  it('does not list what was put on a node after its listing was read', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('late', 'object-1', 'object-3');
    const late = cluster.node('object-2');
    const list = late.list.bind(late);
    late.list = (cursor) => {
      const page = list(cursor);
      cluster.hold('late', 'object-2');
      return page;
    };
    expect(await missing(cluster)).toMatchObject({ exitCode: 0, stdout: '' });
    expect(late.blobs.has(oid)).toBe(true);
  });

  it('does not list what was deleted meanwhile', async () => {
    const cluster = new FakeCluster();
    cluster.hold('gone', 'object-1', 'object-3');
    for (const id of all) {
      const node = cluster.node(id);
      const list = node.list.bind(node);
      node.list = (cursor) => {
        const page = list(cursor);
        node.blobs.clear();
        return page;
      };
    }
    expect(await missing(cluster)).toMatchObject({ exitCode: 0, stdout: '' });
  });

  it('names nodes that do not answer, and lists what they may lack', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('content', ...all);
    cluster.node('object-2').unreachable = true;
    const { exitCode, stdout } = await missing(cluster, '-o', 'json');
    expect(exitCode).toBe(5);
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({ kind: 'UnderReplicatedBlobList', items: [{ oid, verdict: 'degraded' }] });
    expect(answer.unreachable).toEqual([{ node: 'object-2', reason: expect.stringContaining('away') }]);
    // It did not answer the listing, and is not waited for again.
    expect(cluster.node('object-2').questions).toEqual([]);
  });

  it('cannot say what all W nodes that are away hold, and ends with 7', async () => {
    const cluster = new FakeCluster();
    for (const id of ['object-1', 'object-2']) cluster.node(id).unreachable = true;
    expect(await missing(cluster)).toMatchObject({ exitCode: 7, stdout: '' });
  });

  it('shows a person how far it has come', async () => {
    const cluster = new FakeCluster();
    cluster.hold('content', ...all);
    const { stderr } = await runCommand(['object', 'missing'], { ...cluster, terminal: true, env: { NO_COLOR: '1' } });
    expect(stderr).toContain('1 blobs, 100 % of the ring\n');
  });
});

describe('stratum object missing of some', () => {
  it('prints those of the ids that lack a copy, and asks in few questions', async () => {
    const cluster = new FakeCluster();
    const good = cluster.hold('good', ...all);
    const two = cluster.hold('two', 'object-1', 'object-2');
    const world = { ...cluster, stdin: `${good}\n${two}\n` };
    const { exitCode, stdout } = await runCommand(['object', 'missing', '--stdin', '-o', 'name'], world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 5, stdout: `blob/${two}\n` });
    expect(cluster.node('object-1').questions).toEqual([2]);
    expect(await missing(cluster, good)).toMatchObject({ exitCode: 0, stdout: '' });
  });

  it('counts a blob that no node has as lost', async () => {
    expect(await missing(new FakeCluster(), 'a'.repeat(64))).toMatchObject({
      exitCode: 6,
      stdout: expect.stringContaining('lost'),
    });
  });

  it('goes on after what is no id, with exit code 10', async () => {
    const cluster = new FakeCluster();
    const two = cluster.hold('two', 'object-1', 'object-2');
    const { exitCode, stdout, stderr } = await missing(cluster, 'xyz', two, '-o', 'name');
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: `blob/${two}\n` });
    expect(JSON.parse(stderr)).toMatchObject({ code: 'INVALID_ARGUMENT', exitCode: 2 });
  });
});
