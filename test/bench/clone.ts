// What clones cost, the hundredth and the first, and pushes: Stratum beside Apache with git-http-backend and beside a bare Node that streams recorded answers, on the same repositories.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FetchClient } from './clone-fetches.ts';
import {
  type Bench,
  coldFetch,
  emptyFetch,
  fetchRate,
  gitClone,
  push,
  pushSeconds,
  secondFrontend,
} from './clone-jobs.ts';
import { copiedRepository, generatedRepository } from './clone-repositories.ts';
import { BareNode, PeerServer, StratumServer } from './clone-servers.ts';
import { type Row, table } from './clone-table.ts';

/** ROUNDS; REPO: the path of a repository in the place of the generated one; ONLY: letters of jobs, with commas; h only by name. */
const rounds = Number(process.env.ROUNDS ?? 3);
const only = (process.env.ONLY ?? 'a,b,c,d,e,f,g').split(',').map((letter) => letter.trim());
const isWanted = (letter: string) => only.includes(letter);

const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-'));
const rows: Row[] = [];
/** In the order in which they are to be undone. */
const ends: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })];
const started = <T>(part: T, end: (part: T) => unknown): T => {
  ends.unshift(() => end(part));
  return part;
};
const undoAll = async () => {
  for (const end of ends.splice(0)) await end();
};
let isEnded = false;
// Nothing that was started outlives a benchmark that is ended from outside; what was measured by then is told.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    isEnded = true;
    console.log(table(rows, 'peer'));
    void undoAll().finally(() => process.exit(1));
  });
}
const did = (row: Row) => {
  rows.push(row);
  console.error(`${row.what}: ${row.ours.toFixed(2)} ${row.unit}, ${row.peer.toFixed(2)} ${row.unit}`);
};

try {
  const path = process.env.REPO;
  const big = path === undefined ? await generatedRepository('big') : await copiedRepository(path, folder);
  const small = await generatedRepository('small');
  const recorded = join(folder, 'recorded');
  await mkdir(recorded);
  const stratum = started(await StratumServer.start(), ({ cluster }) => cluster.remove());
  const peer = started(await PeerServer.start(folder), (server) => server.stop());
  const bareNode = started(await BareNode.start(recorded), (server) => server.end());
  const client = started(new FetchClient(), (each) => each.end());
  const bench: Bench = { folder, rounds, client, stratum, peer, bareNode, recorded, used: 0 };
  for (const repository of [big, small]) await peer.serve(repository);
  console.error(`${big.name}: ${big.objects} objects; medians of ${rounds} rounds`);

  if (isWanted('f')) did(await push(bench, big, rounds));
  else await pushSeconds(big, stratum.url(big.name));
  await pushSeconds(small, stratum.url(small.name));
  // As the peer's repositories are repacked by a good administrator, by Stratum's own maintenance.
  for (const { name } of [big, small]) {
    const failed = await stratum.maintain(name);
    if (failed !== '') console.error(`"repo maintain" did not work: ${failed}`);
  }
  const jobs: readonly (readonly [string, () => Promise<Row>])[] = [
    ['a', () => fetchRate(bench, big, { depth: 1, target: 80 })],
    ['h', () => fetchRate(bench, big, { depth: 1, connections: 16 })],
    ['b', () => fetchRate(bench, big, { target: 6 })],
    ['c', () => fetchRate(bench, small, { depth: 1, target: 40 })],
    ['d', () => coldFetch(bench, big, 1)],
    ['d', () => coldFetch(bench, big)],
    ['d', () => emptyFetch(bench, big, 1)],
    ['d', () => emptyFetch(bench, big)],
    ['e', () => gitClone(bench, big)],
    ['g', () => secondFrontend(bench, big)],
  ];
  for (const [letter, job] of jobs.filter(([each]) => isWanted(each))) {
    try {
      did(await job());
    } catch (error) {
      if (isEnded) break;
      // The other jobs still say something.
      console.error(`job ${letter} failed:`, error);
      process.exitCode = 1;
    }
  }
  console.log(table(rows, peer.name));
} finally {
  await undoAll();
}
