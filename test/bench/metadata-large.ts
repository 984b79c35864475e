import type { MetadataApi } from '../../src/client/metadata-api.ts';
import { GetRefsRequest, type RefCommand } from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { idOf, newRepo, push, zero } from './metadata-pusher.ts';

const refsCount = 100_000;
const refsPerPush = 10_000;

/** How long operations on a repository with 100,000 refs take: each figure is told as it is there. */
export async function measureLargeRepository(client: MetadataApi, tell: (what: string, tookMs: number) => void) {
  const report = async (what: string, work: () => Promise<unknown>) => {
    const startMs = performance.now();
    await work();
    tell(what, performance.now() - startMs);
  };
  const large = await newRepo(client, 'large/app');
  const names = Array.from({ length: refsCount }, (_, at) => `refs/heads/group-${at % 100}/branch-${at}`);
  const commands = (some: readonly string[], oldId: string, newId: string): RefCommand[] =>
    some.map((name) => ({ name, oldId, newId, newPeeledId: '' }));
  for (let at = 0; at < refsCount; at += refsPerPush) {
    const some = commands(names.slice(at, at + refsPerPush), zero, idOf(1));
    const work = () => push(client, large, some);
    // The first and the last show whether it matters how many are there.
    if (at === 0 || at + refsPerPush === refsCount)
      await report(`a push of ${refsPerPush} new refs, ${at} there`, work);
    else await work();
  }
  const read = GetRefsRequest.create({ repo: large.name });
  await report(`GetRefs of ${refsCount} refs`, () => client.getRefs(read));
  await push(client, large, commands(names.slice(0, 1), idOf(1), idOf(2)));
  await report(`GetRefs of ${refsCount} refs, after a push`, () => client.getRefs(read));
  await report(`a push that moves ${refsCount - 1} refs`, () =>
    push(client, large, commands(names.slice(1), idOf(1), idOf(2))),
  );
}
