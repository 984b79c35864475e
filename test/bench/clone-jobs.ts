import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GitClient } from '../e2e/git-client.ts';
import { cloneRequest, packedObjects, rawFetch } from '../e2e/raw-fetch.ts';
import type { FetchClient, FetchOutcome } from './clone-fetches.ts';
import type { BenchRepository } from './clone-repositories.ts';
import type { BareNode, PeerServer, StratumServer } from './clone-servers.ts';
import { median, type Row } from './clone-table.ts';

/** How long a server is asked in a round at least, and how often: the peer is slow, and one answer would say little. */
const roundMs = 1_500;
const roundRequestsMin = 4;

const clientsAtOnce = 4;
const gitClones = 20;

/** Answers that nobody has asked for before, at each server. */
const coldFetches = 7;
const emptyFetches = 3;

/** A stored answer is on its way to the object nodes for a moment. */
const sharedAfterMs = 1_500;

/** What the jobs work with. */
export interface Bench {
  readonly folder: string;
  readonly rounds: number;
  readonly client: FetchClient;
  readonly stratum: StratumServer;
  readonly peer: PeerServer;
  readonly bareNode: BareNode;
  /** The folder that the bare Node answers from. */
  readonly recorded: string;
  /** How many commits have been asked for, so that none is asked for twice as a new one. */
  used: number;
}

/** Fetches a second, all answers the same. */
export async function fetchRate(
  bench: Bench,
  repository: BenchRepository,
  job: { depth?: number; connections?: number; target?: number },
): Promise<Row> {
  const { client, stratum, peer, bareNode } = bench;
  const { depth, connections = clientsAtOnce, target } = job;
  const path = `/team/${repository.name}/git-upload-pack`;
  const body = cloneRequest(repository.tip, depth);
  const file = `${repository.name}-${depth ?? 'full'}`;
  await compareAnswers(bench, repository, { body, file });
  const servers = [
    { name: 'ours', port: stratum.port, path, load: () => stratum.processorMs() },
    { name: 'peer', port: peer.port, path, load: undefined },
    { name: 'bareNode', port: bareNode.port, path: `/${file}`, load: () => bareNode.processorMs() },
  ] as const;
  const rates = new Map<string, number[]>();
  const costs = new Map<string, number[]>();
  const note = (map: Map<string, number[]>, name: string, value: number) => {
    map.set(name, [...(map.get(name) ?? []), value]);
  };
  const ask = (port: number, at: string): Promise<FetchOutcome> => {
    const bodies = [body.toString('base64')];
    return client.run({ port, path: at, bodies, connections, requests: roundRequestsMin, durationMs: roundMs });
  };
  // Twice: a pack cache stores from the second request on.
  for (const { port, path: at } of servers) for (let time = 0; time < 2; time += 1) await ask(port, at);
  // Turn about, so that a busy moment of the machine meets all.
  for (let round = 0; round < bench.rounds; round += 1) {
    for (const { name, port, path: at, load } of servers) {
      const before = load?.() ?? Number.NaN;
      const { answers, elapsedMs } = await ask(port, at);
      note(rates, name, (answers.length / elapsedMs) * 1_000);
      note(costs, name, ((load?.() ?? Number.NaN) - before) / answers.length);
    }
  }
  const { counted } = peer;
  if (counted !== undefined) {
    const before = counted.processorMs();
    const { answers } = await ask(counted.port, path);
    note(costs, 'peer', (counted.processorMs() - before) / answers.length);
  }
  const middle = (map: Map<string, number[]>, name: string) => {
    return median((map.get(name) ?? []).filter((value) => !Number.isNaN(value)));
  };
  return {
    what: `${depth === undefined ? 'full' : `depth-${depth}`} fetches of ${repository.name}, ${connections} at once`,
    unit: '/s',
    ours: middle(rates, 'ours'),
    peer: middle(rates, 'peer'),
    bareNode: middle(rates, 'bareNode'),
    ...(target !== undefined && { target }),
    processorMs: { ours: middle(costs, 'ours'), peer: middle(costs, 'peer'), bareNode: middle(costs, 'bareNode') },
  };
}

/** Both answers are whole packs of the same number of objects; ours is what the bare Node sends. */
async function compareAnswers(
  { stratum, peer, recorded }: Bench,
  { name, tip }: BenchRepository,
  { body, file }: { body: Buffer; file: string },
): Promise<void> {
  const hash = tip.length === 64 ? 'sha256' : 'sha1';
  const ours = await rawFetch(stratum.url(name), body);
  const theirs = await rawFetch(peer.url(name), body);
  const [ourObjects, peerObjects] = [packedObjects(ours, hash), packedObjects(theirs, hash)];
  if (ourObjects !== peerObjects) throw new Error(`${name}: ${ourObjects} objects, and ${peerObjects} from the peer`);
  await writeFile(join(recorded, file), ours);
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
  console.error(`${file}: ${ourObjects} objects, ${mib(ours.length)}; from the peer ${mib(theirs.length)}`);
}

/** First fetches of commits that nobody has asked for, one at a time, at both servers in turn. */
export async function coldFetch(bench: Bench, repository: BenchRepository, depth?: number): Promise<Row> {
  const times = await coldTimes(bench, repository, { depth, count: coldFetches });
  return {
    what: `${depth === undefined ? 'full' : `depth-${depth}`} fetch of ${repository.name} that is the first of its kind`,
    unit: 'ms',
    ours: median(times.ours),
    peer: median(times.peer),
    target: 1.3,
    note: `the slowest of ${coldFetches}: ${Math.round(Math.max(...times.ours))} and ${Math.round(Math.max(...times.peer))} ms`,
  };
}

/** The same at a frontend that has nothing of the repository. */
export async function emptyFetch(bench: Bench, repository: BenchRepository, depth?: number): Promise<Row> {
  const { stratum } = bench;
  const what = `the same, ${depth === undefined ? 'full' : `depth-${depth}`}, at a frontend that has nothing of ${repository.name}`;
  const beforeEach = () => stratum.purge(repository.name);
  if ((await beforeEach()) === undefined) {
    return { what, unit: 'ms', ours: Number.NaN, peer: Number.NaN, note: '"cache purge" did not work' };
  }
  const times = await coldTimes(bench, repository, { depth, count: emptyFetches, beforeEach });
  return { what, unit: 'ms', ours: median(times.ours), peer: median(times.peer) };
}

async function coldTimes(
  bench: Bench,
  repository: BenchRepository,
  job: { depth: number | undefined; count: number; beforeEach?: () => Promise<unknown> },
): Promise<{ ours: number[]; peer: number[] }> {
  const times = { ours: [] as number[], peer: [] as number[] };
  for (let time = 0; time < job.count; time += 1) {
    await job.beforeEach?.();
    const body = cloneRequest(nextCommit(bench, repository), job.depth);
    const first = time % 2 === 0 ? 'ours' : 'peer';
    for (const name of first === 'ours' ? (['ours', 'peer'] as const) : (['peer', 'ours'] as const)) {
      const port = name === 'ours' ? bench.stratum.port : bench.peer.port;
      times[name].push(await fetchMs(bench, port, repository, body));
    }
  }
  return times;
}

async function fetchMs(bench: Bench, port: number, { name }: BenchRepository, body: Buffer): Promise<number> {
  const job = { bodies: [body.toString('base64')], connections: 1, requests: 1, durationMs: 0 };
  const { answers } = await bench.client.run({ port, path: `/team/${name}/git-upload-pack`, ...job });
  return answers[0]?.ms ?? Number.NaN;
}

/** A commit of the branch that was not asked for. */
function nextCommit(bench: Bench, { name, ancestors }: BenchRepository): string {
  const commit = ancestors[bench.used];
  bench.used += 1;
  if (commit === undefined) throw new Error(`${name} has only ${ancestors.length} commits`);
  return commit;
}

/** Real clones with a checkout, some at once; seconds for all. */
export async function gitClone(bench: Bench, repository: BenchRepository): Promise<Row> {
  const { stratum, peer, rounds, folder } = bench;
  const targets = { ours: stratum.url(repository.name), peer: peer.url(repository.name) };
  const times = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    for (const name of ['ours', 'peer'] as const) {
      const copies = join(folder, 'copies');
      await mkdir(copies);
      let begun = 0;
      const work = async () => {
        while (begun < gitClones) {
          begun += 1;
          const args = ['clone', '--quiet', '--depth=1', targets[name], `copy-${begun}`];
          await new GitClient(copies).git(...args);
        }
      };
      const startMs = performance.now();
      await Promise.all(Array.from({ length: clientsAtOnce }, work));
      times[name].push((performance.now() - startMs) / 1_000);
      await rm(copies, { recursive: true });
    }
  }
  return {
    what: `${gitClones} \`git clone --depth=1\` of ${repository.name}, ${clientsAtOnce} at once`,
    unit: 's',
    ours: median(times.ours),
    peer: median(times.peer),
    target: 0.35,
  };
}

/** The whole repository into a new one at each server; seconds. The first of ours is the one that the other jobs fetch. */
export async function push(bench: Bench, repository: BenchRepository, times: number): Promise<Row> {
  const { stratum, peer } = bench;
  const seconds = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round < times; round += 1) {
    const name = round === 0 ? repository.name : `${repository.name}-pushed-${round}`;
    seconds.ours.push(await pushSeconds(repository, stratum.url(name)));
    // The peer serves the prepared repository under the first name.
    const peerName = `${repository.name}-pushed-${round}`;
    await peer.create(peerName, repository);
    seconds.peer.push(await pushSeconds(repository, peer.url(peerName)));
  }
  const [ours, theirs] = [median(seconds.ours), median(seconds.peer)];
  return { what: `push of all of ${repository.name}, to three replicas`, unit: 's', ours, peer: theirs, target: 1.2 };
}

/** All branches, timed; then the tags, which are not. */
export async function pushSeconds({ git }: BenchRepository, url: string): Promise<number> {
  const startMs = performance.now();
  await git.git('push', '--quiet', url, '--all');
  const seconds = (performance.now() - startMs) / 1_000;
  await git.git('push', '--quiet', url, '--tags');
  return seconds;
}

/** What the second frontend takes for an answer that the first one has stored, beside a hit at the first. */
export async function secondFrontend(bench: Bench, repository: BenchRepository): Promise<Row> {
  const { stratum } = bench;
  const bodies = Array.from({ length: coldFetches }, () => cloneRequest(nextCommit(bench, repository), 1));
  const hits: number[] = [];
  for (const body of bodies) {
    for (let time = 0; time < 3; time += 1) await fetchMs(bench, stratum.port, repository, body);
    hits.push(await fetchMs(bench, stratum.port, repository, body));
  }
  await sleep(sharedAfterMs);
  const colds: number[] = [];
  for (const body of bodies) colds.push(await fetchMs(bench, stratum.secondPort, repository, body));
  const [first = Number.NaN, ...others] = colds;
  return {
    what: `depth-1 fetch of ${repository.name} at a second frontend; in the peer’s column a hit at the first`,
    unit: 'ms',
    ours: median(others),
    peer: median(hits),
    target: 2,
    note: `its very first request: ${Math.round(first)} ms`,
  };
}
