import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

const all = ['object-1', 'object-2', 'object-3'];
const verify = (cluster: FakeCluster, ...argv: string[]) => runCommand(['object', 'verify', ...argv], cluster);

interface Verified {
  readonly oid: string;
  readonly verdict: string;
  readonly replicas: readonly { nodeId: string; found: string; presence: string; treatment: string; error: string }[];
}

/** A copy of the answer as {node: "found treatment presence"}. */
function copies(stdout: string): Record<string, string> {
  const { items } = JSON.parse(stdout) as { items: Verified[] };
  const replicas = items[0]?.replicas ?? [];
  return Object.fromEntries(
    replicas.map(({ nodeId, found, treatment, presence }) => [nodeId, `${found} ${treatment} ${presence}`]),
  );
}

describe('stratum object verify', () => {
  it('says that all copies are good, and changes nothing', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('content', ...all);
    const { exitCode, stdout, stderr } = await verify(cluster, oid, '-o', 'json');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'VerifiedBlobList', items: [{ oid, verdict: 'ok' }] });
    expect(Object.values(copies(stdout))).toEqual(['present  present', 'present  present', 'present  present']);
    expect(cluster.changes).toEqual([]);
  });

  it('heals a missing and a corrupt copy from the good one, and proves it', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('content', 'object-1', 'object-3');
    cluster.node('object-3').corrupt.add(oid);
    const { exitCode, stdout, stderr } = await verify(cluster, oid, '-o', 'json');
    expect(exitCode).toBe(0);
    expect(copies(stdout)).toEqual({
      'object-1': 'present  present',
      'object-2': 'missing healed present',
      'object-3': 'corrupt healed present',
    });
    expect(stderr).toContain('cluster cluster-a');
    expect(cluster.changes.toSorted()).toEqual(['heal object-2: MISSING', 'heal object-3: CORRUPT']);
    for (const node of cluster.nodes.values()) expect(node.blobs.get(oid)?.toString()).toBe('content');
  });

  it('only says what it would heal in a dry run', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('content', 'object-1', 'object-2');
    const { exitCode, stdout, stderr } = await verify(cluster, oid, '--dry-run', '-o', 'json');
    expect({ exitCode, stderr }).toEqual({ exitCode: 5, stderr: '' });
    expect(copies(stdout)).toMatchObject({ 'object-3': 'missing would-heal missing' });
    expect(cluster.changes).toEqual([]);
    expect(cluster.node('object-3').blobs.size).toBe(0);
  });

  it('says why a copy could not be healed', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('content', 'object-1', 'object-2');
    const target = cluster.node('object-3');
    target.put = () => Promise.reject(new Error('no room'));
    target.putMany = () => Promise.reject(new Error('no room'));
    const { exitCode, stdout } = await verify(cluster, oid);
    expect(exitCode).toBe(5);
    expect(stdout).toContain(`${oid}\tobject-3\tmissing\tfailed\tdegraded\tno room\n`);
  });

  const corruptEverywhere = (cluster: FakeCluster) => {
    const oid = cluster.hold('content', ...all);
    for (const id of all) cluster.node(id).corrupt.add(oid);
    return oid;
  };
  it.each([
    ['all copies are corrupt', 6, corruptEverywhere],
    ['no node has it', 6, (cluster: FakeCluster) => cluster.hold('content')],
    [
      'two nodes do not answer',
      7,
      (cluster: FakeCluster) => {
        for (const id of ['object-1', 'object-2']) cluster.node(id).unreachable = true;
        return cluster.hold('content', ...all);
      },
    ],
  ])('heals nothing when %s, and ends with %i', async (_what, code, prepare) => {
    const cluster = new FakeCluster();
    const { exitCode } = await verify(cluster, prepare(cluster));
    expect(exitCode).toBe(code);
    expect(cluster.changes).toEqual([]);
  });

  it('takes ids from stdin and goes on after one that is none, with exit code 10', async () => {
    const cluster = new FakeCluster();
    const oids = [cluster.hold('a', ...all), cluster.hold('b', 'object-1', 'object-2')];
    const world = { ...cluster, stdin: `${oids[0]}\nnonsense\n${oids[1]}\n` };
    const { exitCode, stdout, stderr } = await runCommand(['object', 'verify', '--stdin', '-o', 'name'], world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: `blob/${oids[0]}\nblob/${oids[1]}\n` });
    expect(stderr).toContain('line 2');
    expect(cluster.node('object-3').blobs.size).toBe(2);
  });

  it('sees with --all what all nodes hold in quarantine, and ends with 6', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('rotten', ...all);
    for (const id of all) {
      cluster.node(id).corrupt.add(oid);
      cluster.node(id).quarantined.add(oid);
    }
    const { exitCode, stdout } = await runCommand(['object', 'verify', '--all', '-o', 'name'], cluster);
    expect({ exitCode, stdout }).toEqual({ exitCode: 6, stdout: `blob/${oid}\n` });
  });

  it('looks at every blob with --all, heals, and prints those with which something was wrong', async () => {
    const cluster = new FakeCluster();
    for (let index = 0; index < 7; index += 1) cluster.hold(`good ${index}`, ...all);
    const missing = cluster.hold('missing', 'object-2', 'object-3');
    const corrupt = cluster.hold('corrupt', ...all);
    cluster.node('object-1').corrupt.add(corrupt);
    const { exitCode, stdout } = await verify(cluster, '--all', '-o', 'name');
    expect(exitCode).toBe(0);
    expect(stdout.trimEnd().split('\n').sort()).toEqual([`blob/${corrupt}`, `blob/${missing}`].sort());
    expect(await verify(cluster, '--all')).toMatchObject({ exitCode: 0, stdout: '', stderr: 'nothing is wrong\n' });
  });

  it('names the nodes that cannot be asked with --all, and does not call that good', async () => {
    const cluster = new FakeCluster();
    cluster.node('object-2').unreachable = true;
    const empty = await verify(cluster, '--all', '-o', 'json');
    expect(empty.exitCode).toBe(7);
    expect(JSON.parse(empty.stdout)).toMatchObject({ items: [], unreachable: [{ node: 'object-2' }] });
    cluster.hold('lacking', 'object-3');
    await verify(cluster, '--all');
    // It did not answer the listing, and is not waited for again, neither for hashing nor for healing.
    expect(cluster.node('object-2').questions).toEqual([]);
    cluster.hold('content', ...all);
    expect(await verify(cluster, '--all')).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('object-2') });
  });

  it.each([
    [[], /--stdin/],
    [['xyz'], /64/],
    [['a'.repeat(64), '--all'], /not both/],
    [['a'.repeat(64), '--stdin'], /not both/],
    [['--stdin', '--all'], /--stdin/],
  ])('refuses %j', async (argv, message) => {
    expect(await verify(new FakeCluster(), ...argv)).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(message),
    });
  });
});
