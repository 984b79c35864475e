import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { MetadataClient } from '../../src/client/metadata-client.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import {
  CreateRepoRequest,
  GetRefsRequest,
  type RefCommand,
  type Repo,
  UpdateRefsRequest,
} from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { heldTopology, metadataCluster } from '../unit/node/metadata/sample-topology.ts';

// The caller's side of metadata.ts.
const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-metadata-'));
const child = fork(join(import.meta.dirname, 'metadata-process.mjs'), [join(folder, 'store')]);
const [address] = (await once(child, 'message')) as [string];
const channels = new ChannelPool();
const topology = heldTopology(metadataCluster({ m1: address }));
const client = new MetadataClient(
  { writeTimeoutMs: 120_000 },
  { clock: systemClock, random: systemRandom, topology, channels },
);

const zero = '0'.repeat(40);
const idOf = (number: number) => number.toString(16).padStart(40, '0');
const create = (name: string, oldId: string, newId: string): RefCommand => ({ name, oldId, newId, newPeeledId: '' });

async function newRepo(name: string): Promise<Repo> {
  const { repo } = await client.createRepo(CreateRepoRequest.create({ name }));
  if (repo === undefined) throw new Error('the answer holds no repository');
  return repo;
}

async function push(repo: Repo, commands: RefCommand[]): Promise<void> {
  const request = UpdateRefsRequest.create({ repo: repo.name, repoId: repo.id, commands, pushId: randomBytes(16) });
  const { results } = await client.updateRefs(request);
  if (results.some(({ updated }) => !updated)) throw new Error(`a push was refused: ${results[0]?.errorMessage}`);
}

async function report(what: string, work: () => Promise<unknown>, count?: number): Promise<void> {
  const startMs = performance.now();
  await work();
  const tookMs = performance.now() - startMs;
  const rate = count === undefined ? '' : `, ${Math.round((count / tookMs) * 1000)} a second`;
  console.log(`${what}: ${tookMs.toFixed(0)} ms${rate}`);
}

async function pushInTurn(repo: Repo, times: number): Promise<void> {
  for (let at = 0; at < times; at += 1) await push(repo, [create('refs/heads/main', idOf(at), idOf(at + 1))]);
}

try {
  await pushInTurn(await newRepo('warm/up'), 300);
  const single = await newRepo('single/app');
  await report('2,000 pushes of 1 ref, 1 client', () => pushInTurn(single, 2_000), 2_000);
  const repos = await Promise.all(Array.from({ length: 64 }, (_, at) => newRepo(`many/app-${at}`)));
  await report(
    '12,800 pushes of 1 ref, 64 clients',
    () => Promise.all(repos.map((repo) => pushInTurn(repo, 200))),
    12_800,
  );

  const large = await newRepo('large/app');
  const names = Array.from({ length: 100_000 }, (_, at) => `refs/heads/group-${at % 100}/branch-${at}`);
  for (let at = 0; at < 10; at += 1) {
    const some = names.slice(at * 10_000, (at + 1) * 10_000).map((name) => create(name, zero, idOf(1)));
    await report(`a push of 10,000 new refs, ${at * 10_000} there`, () => push(large, some));
  }
  const read = GetRefsRequest.create({ repo: large.name });
  await report('GetRefs of 100,000 refs, from disk', () => client.getRefs(read));
  await report('GetRefs of 100,000 refs, from memory', () => client.getRefs(read));
  await push(large, [create(names[0] ?? '', idOf(1), idOf(2))]);
  await report('GetRefs of 100,000 refs, after a push', () => client.getRefs(read));
  await report(
    '1,000 GetRefs, not modified',
    async () => {
      const { repo } = await client.getRefs(read);
      const asked = { ...read, ifRepoId: repo?.id ?? '', ifGenerationNot: repo?.refsGeneration ?? 0n };
      for (let at = 0; at < 1_000; at += 1) await client.getRefs(asked);
    },
    1_000,
  );
  await report('a push that moves 100,000 refs', () =>
    push(
      large,
      names.slice(1).map((name) => create(name, idOf(1), idOf(2))),
    ),
  );
  await report('deletion of the repository', () => client.deleteRepo({ name: large.name, expectedId: large.id }));
  child.send('memory');
  console.log(String(await once(child, 'message')));
} finally {
  channels.close();
  child.disconnect();
  await once(child, 'exit');
  await rm(folder, { recursive: true, force: true });
}
