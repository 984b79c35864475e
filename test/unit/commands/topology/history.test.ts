import { describe, expect, it } from 'vitest';
import type { TopologyUpdate } from '../../../../src/topology/topology.ts';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';
import { sampleNode, sampleTopology } from '../../cli/sample-topology.ts';

const update = (version: bigint, changes: Partial<TopologyUpdate> = {}): TopologyUpdate => ({
  version,
  previousVersion: version - 1n,
  term: 3n,
  atMs: 1_700_000_000_000,
  reason: `change ${version}`,
  nodesChanged: [],
  nodesRemoved: [],
  partitionsChanged: [],
  ...changes,
});

/** A cluster that remembers the versions above `keptSince`, up to `version`. */
function cluster(version: number, keptSince = 0): FakeCluster {
  const fake = new FakeCluster();
  fake.topology = sampleTopology({}, { version: BigInt(version) });
  fake.keptSinceVersion = BigInt(keptSince);
  fake.updates = Array.from({ length: version - keptSince }, (_, index) => update(BigInt(keptSince + index + 1)));
  return fake;
}

const history = (fake: FakeCluster, ...argv: string[]) => runCommand(['topology', 'history', ...argv], fake);
const versions = (stdout: string) => stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0]]));

describe('stratum topology history', () => {
  it('prints version, time, term, reason, who and why', async () => {
    const fake = cluster(1);
    const audit = { actor: 'ada@ops', reason: 'new disk', atMs: 1 };
    fake.updates = [update(1n, { audit, nodesChanged: [sampleNode('object-1', 'object')] })];
    const { exitCode, stdout } = await history(fake);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: '1\t2023-11-14T22:13:20.000Z\t3\tchange 1\tada@ops\tnew disk\n',
    });
    const { items } = JSON.parse((await history(fake, '-o', 'json')).stdout);
    expect(items).toMatchObject([
      { version: '1', term: '3', by: { actor: 'ada@ops', reason: 'new disk' }, nodesChanged: ['object-1'] },
    ]);
  });

  const cases: readonly [string, string[], string[]][] = [
    ['all when there are few', [], ['1', '2', '3', '4', '5']],
    ['what came after a version, newest last', ['--since', '3'], ['4', '5']],
    ['the latest ones', ['--limit', '2'], ['4', '5']],
    ['the latest ones after a version', ['--since', '1', '--limit', '3'], ['3', '4', '5']],
    ['nothing after the present version', ['--since', '5'], []],
    ['nothing after a version of the future', ['--since', '99'], []],
  ];
  it.each(cases)('prints %s', async (_what, argv, expected) => {
    const { exitCode, stdout } = await history(cluster(5), ...argv);
    expect({ exitCode, versions: versions(stdout) }).toEqual({ exitCode: 0, versions: expected });
  });

  it('says where the history begins when it no longer reaches back', async () => {
    const { stdout, stderr } = await history(cluster(9, 6), '--since', '2');
    expect(versions(stdout)).toEqual(['7', '8', '9']);
    expect(stderr).toBe('the history goes back to version 7; what came before is forgotten\n');
    expect((await history(cluster(9, 6), '--since', '6')).stderr).toBe('');
    expect((await history(cluster(9, 6), '--limit', '3')).stderr).toBe('');
  });

  it('refuses what is no version', async () => {
    expect(await history(cluster(1), '--since', 'x')).toMatchObject({ exitCode: 2, stdout: '' });
    expect(await history(cluster(1), '--limit', '0')).toMatchObject({ exitCode: 2, stdout: '' });
  });
});
