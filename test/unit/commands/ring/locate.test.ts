import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { oidToBytes } from '../../../../src/base/oid.ts';
import { ObjectFormat } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';
import { sampleTopology } from '../../cli/sample-topology.ts';

const all = ['object-1', 'object-2', 'object-3'];
const locate = (cluster: FakeCluster, ...argv: string[]) => runCommand(['ring', 'locate', ...argv], cluster);

/** A pack index of version 2 with these object ids; what comes behind the ids is not read. */
function packIndex(objectIds: readonly string[]): Buffer {
  const ids = objectIds.map((id) => Buffer.from(id, 'hex')).sort(Buffer.compare);
  const fanout = Buffer.alloc(1024);
  for (let byte = 0; byte < 256; byte += 1) {
    fanout.writeUInt32BE(ids.filter((id) => (id[0] ?? 0) <= byte).length, byte * 4);
  }
  return Buffer.concat([Buffer.from('ff744f6300000002', 'hex'), fanout, ...ids, Buffer.alloc(60)]);
}

/** A repository with a pack of these objects, held by some nodes. */
function addPack(cluster: FakeCluster, repo: string, objectIds: readonly string[], holders = all): string {
  const isSha256 = objectIds[0]?.length === 64;
  const objectFormat = isSha256 ? ObjectFormat.SHA256 : ObjectFormat.SHA1;
  const known = cluster.repos.get(repo) ?? cluster.addRepo(repo, { objectFormat, packCount: 1n });
  const pack = cluster.hold(`pack of ${objectIds.join()}`, ...holders);
  const index = packIndex(objectIds);
  known.packs.push({
    name: createHash('sha1').update(objectIds.join()).digest('hex'),
    packOid: oidToBytes(pack),
    packSize: 100n,
    indexOid: oidToBytes(cluster.hold(index, ...all)),
    indexSize: BigInt(index.length),
    reverseIndexOid: Buffer.alloc(0),
    reverseIndexSize: 0n,
    bitmapOid: Buffer.alloc(0),
    bitmapSize: 0n,
    objectCount: BigInt(objectIds.length),
    addedAtMs: 0n,
  });
  return pack;
}

describe('stratum ring locate of a blob', () => {
  it('prints its nodes in order', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('content', ...all);
    const { exitCode, stdout } = await locate(cluster, oid);
    expect(exitCode).toBe(0);
    const rows = stdout
      .split('\n')
      .slice(0, -1)
      .map((row) => row.split('\t'));
    expect(rows.map(([, order]) => order)).toEqual(['1', '2', '3']);
    expect(rows.map(([, , node]) => node).sort()).toEqual(all);
    expect(rows.every(([blob, , , , , holds, verdict]) => blob === oid && holds === '' && verdict === '')).toBe(true);
  });

  it('takes an id in capitals, and any id as long as a blob’s', async () => {
    expect(await locate(new FakeCluster(), 'AB'.repeat(32))).toMatchObject({ exitCode: 0 });
  });

  const prepare = (change: (cluster: FakeCluster, oid: ReturnType<FakeCluster['hold']>) => void, holders = all) => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('content', ...holders);
    change(cluster, oid);
    return { cluster, oid };
  };
  const away =
    (...ids: string[]) =>
    (cluster: FakeCluster) => {
      for (const id of ids) cluster.node(id).unreachable = true;
    };
  const nothing = () => undefined;
  const cases: readonly [string, ReturnType<typeof prepare>, string, number, string[]][] = [
    ['all copies', prepare(nothing), 'ok', 0, ['present', 'present', 'present']],
    ['one missing', prepare(nothing, ['object-1', 'object-2']), 'degraded', 5, ['missing', 'present', 'present']],
    [
      'one corrupt',
      prepare((cluster, oid) => cluster.node('object-3').corrupt.add(oid)),
      'degraded',
      5,
      ['corrupt', 'present', 'present'],
    ],
    ['one unreachable', prepare(away('object-2')), 'degraded', 5, ['present', 'present', 'unreachable']],
    ['two missing', prepare(nothing, ['object-1']), 'below-w', 6, ['missing', 'missing', 'present']],
    ['none', prepare(nothing, []), 'lost', 6, ['missing', 'missing', 'missing']],
    ['two unreachable', prepare(away('object-1', 'object-2')), 'unknown', 7, ['present', 'unreachable', 'unreachable']],
    ['none and one unreachable', prepare(away('object-1'), []), 'below-w', 6, ['missing', 'missing', 'unreachable']],
  ];
  it.each(cases)('--verify gives its verdict on %s', async (_what, { cluster, oid }, verdict, code, presences) => {
    const { exitCode, stdout } = await locate(cluster, oid, '--verify', '-o', 'json');
    const { items, unreachable } = JSON.parse(stdout) as {
      items: { verdict: string; replicas: { presence: string }[] }[];
      unreachable: object[];
    };
    expect(exitCode).toBe(code);
    expect(items[0]?.verdict).toBe(verdict);
    expect(items[0]?.replicas.map(({ presence }) => presence).sort()).toEqual(presences);
    expect(unreachable).toHaveLength(presences.filter((presence) => presence === 'unreachable').length);
  });

  it('ends with 7 before a ring is formed', async () => {
    const cluster = new FakeCluster();
    cluster.topology = sampleTopology({}, { ring: { ...cluster.topology.ring, epoch: 0n, nodes: [] } });
    expect(await locate(cluster, '0'.repeat(64))).toMatchObject({ exitCode: 7, stdout: '' });
  });
});

describe('stratum ring locate of a Git object', () => {
  const commit = 'c0ffee'.padEnd(40, '1');

  it('finds every pack that holds it, in every repository', async () => {
    const cluster = new FakeCluster();
    const first = addPack(cluster, 'team/a', [commit, 'c0ffef'.padEnd(40, '2')]);
    addPack(cluster, 'team/a', ['ff'.repeat(20)]);
    const second = addPack(cluster, 'team/b', [commit], ['object-1', 'object-2']);
    const { exitCode, stdout } = await locate(cluster, commit, '--verify', '-o', 'jsonl');
    const found = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(found).toEqual([
      expect.objectContaining({ id: commit, repo: 'team/a', oid: first, verdict: 'ok' }),
      expect.objectContaining({ id: commit, repo: 'team/b', oid: second, verdict: 'degraded' }),
    ]);
    expect(exitCode).toBe(5);
  });

  it('looks in one repository with --repo', async () => {
    const cluster = new FakeCluster();
    addPack(cluster, 'team/a', [commit]);
    const second = addPack(cluster, 'team/b', [commit]);
    expect((await locate(cluster, commit, '--repo', 'team/b', '-o', 'name')).stdout).toBe(`blob/${second}\n`);
    expect(await locate(cluster, commit, '--repo', 'no/such')).toMatchObject({ exitCode: 3 });
  });

  it('finds 64 digits in a sha256 repository when no node holds such a blob', async () => {
    const cluster = new FakeCluster();
    const id = 'd'.repeat(64);
    const pack = addPack(cluster, 'team/modern', [id]);
    expect((await locate(cluster, id, '-o', 'name')).stdout).toBe(`blob/${pack}\n`);
  });

  it('ends with 3 when no pack holds it', async () => {
    const cluster = new FakeCluster();
    addPack(cluster, 'team/a', ['aa'.repeat(20)]);
    const { exitCode, stderr } = await locate(cluster, commit);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(commit);
  });
});

describe('stratum ring locate of many', () => {
  it('takes ids from stdin, with comments and blank lines', async () => {
    const cluster = new FakeCluster();
    const ids = [cluster.hold('a', ...all), cluster.hold('b', ...all)];
    const world = { ...cluster, stdin: `# runbook\n${ids[0]}\n\n  ${ids[1]}  # the other\n` };
    const { exitCode, stdout } = await runCommand(['ring', 'locate', '--stdin', '-o', 'name'], world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `blob/${ids[0]}\nblob/${ids[1]}\n` });
  });

  it('asks no node about ids from stdin unless it is to verify, and then for many at a time', async () => {
    const cluster = new FakeCluster();
    const ids = Array.from({ length: 50 }, (_, index) => cluster.hold(`blob ${index}`, ...all));
    const world = { ...cluster, stdin: ids.join('\n') };
    const placed = await runCommand(['ring', 'locate', '--stdin', '-o', 'name'], world);
    expect(placed.stdout).toBe(ids.map((id) => `blob/${id}\n`).join(''));
    expect(cluster.node('object-1').questions).toEqual([]);
    const verified = await runCommand(['ring', 'locate', '--stdin', '--verify', '--field', 'verdict'], world);
    expect(verified).toMatchObject({ exitCode: 0, stdout: 'ok\n'.repeat(50) });
    expect(cluster.node('object-1').questions).toEqual([50]);
  });

  it.each(['table', 'wide', 'json', 'yaml', 'jsonl'])('prints each as %s as it prints one alone', async (format) => {
    const cluster = new FakeCluster();
    const ids = Array.from({ length: 12 }, (_, index) => cluster.hold(`blob ${index}`, ...all));
    const clock = manualClock();
    const stdin = ids.join('\n');
    const many = await runCommand(['ring', 'locate', '--stdin', '-o', format], { ...cluster, stdin, clock });
    for (const id of ids) {
      const one = await runCommand(['ring', 'locate', id, '-o', format], { ...cluster, clock });
      const lines = one.stdout.split('\n').filter((line) => line.includes(id));
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) expect(many.stdout).toContain(line);
    }
  });

  it('names the line of what is no id, goes on, and ends with 10', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('a', ...all);
    const world = { ...cluster, stdin: `# first\nnonsense\n${oid}\n` };
    const { exitCode, stdout, stderr } = await runCommand(['ring', 'locate', '--stdin'], world);
    expect(exitCode).toBe(10);
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
    expect(stderr).toMatch(/line 2: .*"nonsense" is not an id/);
  });

  it('prints an empty list for an empty stdin', async () => {
    const world = { ...new FakeCluster(), stdin: '' };
    const { exitCode, stdout } = await runCommand(['ring', 'locate', '--stdin', '-o', 'json'], world);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'LocationList', items: [], unreachable: [] });
  });

  it('goes on after one that fails, and ends with 10', async () => {
    const cluster = new FakeCluster();
    const oid = cluster.hold('a', ...all);
    const world = { ...cluster, stdin: `${'e'.repeat(40)}\n${oid}\n` };
    const { exitCode, stdout, stderr } = await runCommand(['ring', 'locate', '--stdin', '-o', 'name'], world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: `blob/${oid}\n` });
    expect(JSON.parse(stderr)).toMatchObject({ code: 'NOT_FOUND' });
  });

  it.each([
    [['xyz'], /not an id/],
    [['abc1234'], /abbreviated/],
    [[], /OID/i],
    [['a'.repeat(64), '--stdin'], /not both/],
  ])('refuses %j', async (argv, message) => {
    const { exitCode, stderr } = await locate(new FakeCluster(), ...argv);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });
});
