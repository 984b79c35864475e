import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { type SamplePack, samplePack } from '../../cli/repo-check/sample-pack.ts';
import { runCommand } from '../../cli/run-command.ts';

const all = ['object-1', 'object-2', 'object-3'];
const tip = 'a'.repeat(40);
const tag = 'b'.repeat(40);
const base = 'c'.repeat(40);

const check = (cluster: FakeCluster, ...argv: string[]) => runCommand(['repo', 'check', ...argv], cluster);

/** A repository with two packs, a branch and an annotated tag, in order. */
function sample(): { cluster: FakeCluster; packs: [SamplePack, SamplePack] } {
  const cluster = new FakeCluster();
  const hold = (content: Buffer) => void cluster.hold(content, ...all);
  const { refs, packs } = cluster.addRepo('team/app');
  refs.push(
    { name: 'refs/heads/main', objectId: tip, peeledId: '' },
    { name: 'refs/tags/v1', objectId: tag, peeledId: base },
  );
  const added: [SamplePack, SamplePack] = [
    samplePack('1'.repeat(40), [base, 'd'.repeat(40)], hold),
    samplePack('2'.repeat(40), [tip, tag], hold),
  ];
  packs.push(...added.map(({ ref }) => ref));
  return { cluster, packs: added };
}

interface Checked {
  readonly verdict: string;
  readonly problems: readonly { kind: string; subject: string; verdict: string; detail: string }[];
}

const problemsOf = (stdout: string) => {
  const [item] = (JSON.parse(stdout) as { items: Checked[] }).items;
  return item?.problems.map(({ kind, subject, verdict }) => `${kind} ${subject} ${verdict}`);
};

describe('stratum repo check', () => {
  it('says that all is good', async () => {
    const { cluster } = sample();
    const { exitCode, stdout, stderr } = await check(cluster, 'team/app');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toBe('team/app\t\tok\t2 refs, 2 packs, 6 blobs, 0 problems\n');
    expect(cluster.changes).toEqual([]);
  });

  it('finds blobs with too few good copies, by hashing them', async () => {
    const { cluster, packs } = sample();
    cluster.node('object-1').corrupt.add(packs[0].oids.rev);
    for (const id of ['object-1', 'object-3']) cluster.node(id).blobs.delete(packs[1].oids.pack);
    const { exitCode, stdout } = await check(cluster, 'team/app', '-o', 'json');
    expect(exitCode).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'RepoCheckList',
      items: [{ name: 'team/app', verdict: 'below-w', refCount: 2, packCount: 2, blobCount: 6 }],
      unreachable: [],
    });
    expect(problemsOf(stdout)).toEqual([
      `copies pack-${'1'.repeat(40)}.rev degraded`,
      `copies pack-${'2'.repeat(40)}.pack below-w`,
    ]);
  });

  it('prints a row for each problem', async () => {
    const { cluster, packs } = sample();
    cluster.node('object-2').blobs.delete(packs[0].oids.pack);
    const { exitCode, stdout } = await check(cluster, 'team/app');
    expect(exitCode).toBe(5);
    const [whole, problem] = stdout.split('\n');
    expect(whole).toBe('team/app\t\tdegraded\t2 refs, 2 packs, 6 blobs, 1 problems');
    expect(problem).toMatch(new RegExp(`^team/app\tpack-${'1'.repeat(40)}\\.pack\tdegraded\t.*object-2 missing`));
  });

  it.each([
    ['a branch', 'refs/heads/main', tip],
    ['a tag', 'refs/tags/v1', tag],
    ['what a tag leads to', 'refs/tags/v1', base],
  ])('finds that %s is in no pack', async (_what, subject, id) => {
    const { cluster } = sample();
    const repo = cluster.repos.get('team/app');
    const kept = [tip, tag, base].filter((each) => each !== id);
    const pack = samplePack('3'.repeat(40), kept, (content) => void cluster.hold(content, ...all));
    repo?.packs.splice(0, 2, pack.ref);
    const { exitCode, stdout } = await check(cluster, 'team/app', '-o', 'json');
    expect(exitCode).toBe(6);
    expect(JSON.parse(stdout).items[0].problems).toEqual([
      { kind: 'object', subject, id, verdict: 'lost', detail: `${id} is in no pack` },
    ]);
  });

  it('does not call lost what may be in an index that no node can serve now', async () => {
    const { cluster, packs } = sample();
    for (const id of all) cluster.node(id).blobs.delete(packs[1].oids.idx);
    const { exitCode, stdout } = await check(cluster, 'team/app', '-o', 'json');
    expect(exitCode).toBe(6);
    const file = `pack-${'2'.repeat(40)}.idx`;
    expect(problemsOf(stdout)).toEqual([
      `copies ${file} lost`,
      `index ${file} lost`,
      'object refs/heads/main unknown',
      'object refs/tags/v1 unknown',
    ]);
  });

  it('finds an index that is none', async () => {
    const { cluster } = sample();
    const hold = (content: Buffer) => void cluster.hold(content, ...all);
    const broken = samplePack('3'.repeat(40), ['e'.repeat(40)], hold, Buffer.from('no index'));
    const { refs, packs } = cluster.addRepo('team/broken');
    refs.push({ name: 'refs/heads/main', objectId: 'e'.repeat(40), peeledId: '' });
    packs.push(broken.ref);
    const { exitCode, stdout } = await check(cluster, 'team/broken', '-o', 'json');
    expect(exitCode).toBe(6);
    expect(problemsOf(stdout)?.[0]).toBe(`index pack-${'3'.repeat(40)}.idx lost`);
  });

  it('names the nodes that do not answer, and says that it does not know', async () => {
    const { cluster } = sample();
    for (const id of ['object-1', 'object-2']) cluster.node(id).unreachable = true;
    const { exitCode, stdout } = await check(cluster, 'team/app', '-o', 'json');
    expect(exitCode).toBe(7);
    const { items, unreachable } = JSON.parse(stdout);
    expect(items).toMatchObject([{ verdict: 'unknown' }]);
    expect(unreachable.map(({ node }: { node: string }) => node).sort()).toEqual(['object-1', 'object-2']);
  });

  it('checks all repositories, empty ones too', async () => {
    const { cluster, packs } = sample();
    cluster.addRepo('team/empty');
    const many = Array.from({ length: 3 }, (_, index) => `other/${index}`);
    for (const name of many) cluster.addRepo(name).packs.push(packs[0].ref);
    const { exitCode, stdout } = await check(cluster, '--all', '-o', 'name');
    const names = [...many, 'team/app', 'team/empty'];
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: names.map((name) => `repo/${name}\n`).join('') });
  });

  it('passes over what is deleted while all are checked', async () => {
    const { cluster } = sample();
    cluster.addRepo('team/gone');
    const { getRefs } = cluster.repositories;
    cluster.repositories.getRefs = (request) => {
      if (request.repo === 'team/gone') cluster.repos.delete('team/gone');
      return getRefs.call(cluster.repositories, request);
    };
    expect(await check(cluster, '--all', '-o', 'name')).toMatchObject({ exitCode: 0, stdout: 'repo/team/app\n' });
  });

  it('takes names from stdin, and goes on after those that are none', async () => {
    const { cluster } = sample();
    cluster.addRepo('team/empty');
    const world = { ...cluster, stdin: 'team/none\nnonsense\nteam/app\nteam/empty\n' };
    const { exitCode, stdout, stderr } = await runCommand(['repo', 'check', '--stdin', '--field', 'verdict'], world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: 'ok\nok\n' });
    expect(stderr).toMatch(/line 2: [\s\S]*no team\/none/);
  });

  it('shows on a terminal how it goes on', async () => {
    const { cluster } = sample();
    const world = { ...cluster, terminal: true, env: { NO_COLOR: '1' } };
    const { stdout, stderr } = await runCommand(['repo', 'check', 'team/app'], world);
    expect(stdout).toMatch(/^REPOSITORY +SUBJECT +VERDICT +DETAIL\nteam\/app +- +ok/);
    expect(stderr).toContain('team/app: 0 of 6 blobs\nteam/app: 2 refs\n');
  });

  it.each([
    [['no/such'], 3, /no no\/such/],
    [[], 2, /--stdin/],
    [['team/app', '--all'], 2, /not both/],
    [['--stdin', '--all'], 2, /--stdin/],
    [['nonsense'], 2, /owner/],
  ])('refuses %j', async (argv, exitCode, message) => {
    const result = await check(sample().cluster, ...argv);
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
  });
});
