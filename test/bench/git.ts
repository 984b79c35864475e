// How long git's main jobs take against Stratum and against git http-backend, in the same run on the same machine.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateHistory } from '../e2e/generated-history.ts';
import { GitClient } from '../e2e/git-client.ts';
import { LocalCluster } from '../e2e/local-cluster.ts';
import { startHttpBackend } from './http-backend.ts';

const rounds = Number(process.env.ROUNDS ?? 5);
const clientsAtOnce = 4;

interface Target {
  readonly name: string;
  readonly url: string;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-'));
const cluster = await LocalCluster.start();
const peerRoot = join(folder, 'peer');
await mkdir(join(peerRoot, 'team'), { recursive: true });
const { url: peerUrl, server } = await startHttpBackend(peerRoot);
try {
  const source = await generateHistory(join(folder, 'source'), { commits: 3_000, largeFileBytes: 16 << 20 });
  const targets: Target[] = [
    { name: 'stratum', url: await cluster.gitUrl() },
    { name: 'http-backend', url: peerUrl },
  ];
  const results = new Map<string, Map<string, number>>();
  const note = (job: string, target: Target, value: number) => {
    const row = results.get(job) ?? new Map<string, number>();
    results.set(job, row.set(target.name, value));
  };
  let copies = 0;
  const cloneOnce = (target: Target, repository: string, ...args: string[]) => {
    copies += 1;
    const client = new GitClient(source.folder);
    return client.clone(`${target.url}/${repository}`, `copy-${copies}`, '--bare', ...args);
  };
  const jobs: [string, (target: Target) => Promise<unknown>][] = [
    ['ls-remote', (target) => source.git('ls-remote', `${target.url}/team/app.git`)],
    ['clone, depth 1', (target) => cloneOnce(target, 'team/app.git', '--depth', '1')],
    ['clone, full', (target) => cloneOnce(target, 'team/app.git')],
    [
      `${clientsAtOnce} clones at once, depth 1`,
      (target) =>
        Promise.all(Array.from({ length: clientsAtOnce }, () => cloneOnce(target, 'team/app.git', '--depth', '1'))),
    ],
  ];
  for (const target of targets) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const repository = round === 0 ? 'team/app.git' : `team/push-${round}.git`;
      if (target.name === 'http-backend')
        await source.git('init', '--quiet', '--bare', '--initial-branch=main', join(peerRoot, repository));
      times.push(await seconds(() => source.git('push', '--quiet', `${target.url}/${repository}`, '--all')));
    }
    note('first push', target, median(times));
  }
  for (const [job, work] of jobs) {
    for (const target of targets) await work(target);
    const times = new Map(targets.map((target) => [target.name, [] as number[]]));
    // Turn about, so that a busy moment of the machine meets both.
    for (let round = 0; round < rounds; round += 1) {
      for (const target of targets) times.get(target.name)?.push(await seconds(() => work(target)));
    }
    for (const target of targets) note(job, target, median(times.get(target.name) ?? []));
  }
  console.log(`median of ${rounds}, seconds; ratio below 1: Stratum is faster`);
  for (const [job, row] of results) {
    const [ours, peer] = [row.get('stratum') ?? Number.NaN, row.get('http-backend') ?? Number.NaN];
    console.log(
      `${job.padEnd(28)} stratum ${ours.toFixed(3)}  http-backend ${peer.toFixed(3)}  ratio ${(ours / peer).toFixed(2)}`,
    );
  }
} finally {
  server.close();
  server.closeAllConnections();
  await cluster.remove();
  await rm(folder, { recursive: true, force: true });
}
