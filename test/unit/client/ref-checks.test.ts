import { describe, expect, it } from 'vitest';
import { PrimaryHints } from '../../../src/client/primary-hints.ts';
import { RefChecks } from '../../../src/client/ref-checks.ts';
import { RepoHomes } from '../../../src/client/repo-lookup.ts';
import { GetRefsRequest, Repo } from '../../../src/rpc/gen/stratum/v1/metadata.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { manualClock } from '../base/manual-clock.ts';
import { nameIn } from '../node/metadata/sample-service.ts';
import { heldTopology, metadataCluster } from '../node/metadata/sample-topology.ts';

const limits = { timeoutMs: 1_000, attemptTimeoutMs: 500 };

/** Two nodes that are the primaries of two partitions each, and say of all refs that they are unchanged. */
function checksAt(topology: Topology | undefined = metadataCluster({ m1: 'one:1', m2: 'two:1' })) {
  const calls: string[] = [];
  const timeouts: number[] = [];
  const homes = new RepoHomes();
  const held = heldTopology(topology);
  const checks = new RefChecks(
    { callTimeoutMs: 5_000 },
    {
      clock: manualClock(),
      topology: held,
      local: undefined,
      hints: new PrimaryHints(),
      homes,
      call: async ({ checks: asked }, find, { timeoutMs }) => {
        calls.push(`${find(held.current()).address} ${asked.map(({ home }) => home).join()}`);
        timeouts.push(timeoutMs);
        return { results: asked.map(({ repo }) => ({ unchanged: true, repo: Repo.create({ name: repo }) })) };
      },
    },
  );
  const ask = (repo: string, signal?: AbortSignal) =>
    checks.unchanged(GetRefsRequest.create({ repo, ifRepoId: 'a', ifGenerationNot: 1n }), { ...limits, signal });
  return { ask, calls, timeouts, homes };
}

describe('RefChecks', () => {
  it('asks each primary once for the checks of all its partitions, in the time of a try', async () => {
    const { ask, calls, timeouts } = checksAt();
    const names = [0, 1, 2, 3].map((partition) => nameIn(partition));
    expect(await Promise.all(names.map((name) => ask(name)))).toEqual(names.map((name) => Repo.create({ name })));
    expect(calls).toEqual(['one:1 0,2', 'two:1 1,3']);
    expect(timeouts).toEqual([5_000, 5_000]);
  });

  it('asks where a repository is known to be, rather than where its name leads', async () => {
    const { ask, calls, homes } = checksAt();
    homes.set(nameIn(0), 3);
    await ask(nameIn(0));
    expect(calls).toEqual(['two:1 3']);
  });

  it('calls anew for what comes when nothing is under way any more', async () => {
    const { ask, calls } = checksAt();
    await ask(nameIn(0));
    await ask(nameIn(0));
    expect(calls).toEqual(['one:1 0', 'one:1 0']);
  });

  it.each([
    ['no partitions are known', { ...metadataCluster({}), partitions: [] }],
    ['the partitions have no primaries', metadataCluster({ m1: 'one:1' }, { epoch: 0n })],
    ['the primary is not registered', metadataCluster({ m1: 'one:1' }, { primaries: ['m9'] })],
  ])('leaves it to the read while %s', async (_, topology) => {
    const { ask, calls } = checksAt(topology);
    expect(await ask(nameIn(0))).toBeUndefined();
    expect(calls).toEqual([]);
  });

  it('asks nobody for a caller that has gone', async () => {
    const { ask, calls } = checksAt();
    await expect(ask(nameIn(0), AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(calls).toEqual([]);
  });
});
