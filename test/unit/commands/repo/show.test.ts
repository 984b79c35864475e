import { describe, expect, it } from 'vitest';
import { oidOf, oidToBytes } from '../../../../src/base/oid.ts';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

const tip = 'a'.repeat(40);

function cluster(): FakeCluster {
  const fake = new FakeCluster();
  const { refs, packs } = fake.addRepo('team/app', { refCount: 1n, packCount: 1n });
  refs.push({ name: 'refs/heads/main', objectId: tip, peeledId: '' });
  packs.push({
    name: 'b'.repeat(40),
    packOid: oidToBytes(oidOf(Buffer.from('pack'))),
    packSize: 4n,
    indexOid: oidToBytes(oidOf(Buffer.from('index'))),
    indexSize: 5n,
    reverseIndexOid: Buffer.alloc(0),
    reverseIndexSize: 0n,
    bitmapOid: Buffer.alloc(0),
    bitmapSize: 0n,
    objectCount: 12n,
    addedAtMs: 1_700_000_000_000n,
  });
  return fake;
}

describe('stratum repo show', () => {
  it('prints the refs, and for people a line about the repository', async () => {
    const world = { ...cluster(), terminal: true };
    const { exitCode, stdout, stderr } = await runCommand(['repo', 'show', 'team/app'], world);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`^REF +OBJECT\nrefs/heads/main +${tip}\n$`));
    expect(stderr).toMatch(/^team\/app: HEAD refs\/heads\/main, 1 refs, 1 packs, sha1, partition 0/);
  });

  it('has refs and packs in JSON', async () => {
    const { stdout } = await runCommand(['repo', 'show', 'team/app.git', '-o', 'json'], cluster());
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'Repo',
      items: [
        {
          name: 'team/app',
          refs: [{ name: 'refs/heads/main', objectId: tip, peeledId: '' }],
          packs: [{ name: 'b'.repeat(40), packOid: oidOf(Buffer.from('pack')), packBytes: 4, objectCount: 12 }],
        },
      ],
    });
  });

  it('prints one raw value', async () => {
    const { stdout } = await runCommand(['repo', 'show', 'team/app', '--field', 'refs[0].objectId'], cluster());
    expect(stdout).toBe(`${tip}\n`);
  });

  it('ends with 3 for a repository that there is not', async () => {
    expect(await runCommand(['repo', 'show', 'no/such'], cluster())).toMatchObject({ exitCode: 3, stdout: '' });
  });
});
