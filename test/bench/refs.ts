// How fast refs are advertised from a repository with 100,000 of them, and pushed, against git http-backend in the same run.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePkt, flushPkt } from '../../src/git/pkt-line.ts';
import { generateHistory } from '../e2e/generated-history.ts';
import { LocalCluster } from '../e2e/local-cluster.ts';
import { startHttpBackend } from './http-backend.ts';
import { processorSeconds } from './process-load.ts';

const rounds = Number(process.env.ROUNDS ?? 15);
const refsCount = Number(process.env.REFS ?? 100_000);
const refsPerPush = 10_000;

interface Target {
  readonly name: 'stratum' | 'http-backend';
  readonly url: string;
}

interface Asked {
  readonly path: string;
  readonly version?: 0 | 1 | 2;
  readonly body?: Buffer;
}

const agent = new Agent({ keepAlive: true });

/** Asks without the git client, whose own work would hide the server's; gives the bytes of the answer. */
function ask({ url }: Target, { path, version = 0, body }: Asked): Promise<Buffer> {
  const [, service = ''] = /(git-(?:upload|receive)-pack)$/.exec(path) ?? [];
  const headers = {
    'Git-Protocol': `version=${version}`,
    ...(body === undefined
      ? {}
      : { 'Content-Type': `application/x-${service}-request`, 'Content-Length': body.length }),
  };
  return new Promise((resolve, reject) => {
    const asked = request(
      `${url}/team/refs.git${path}`,
      { agent, method: body ? 'POST' : 'GET', headers },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const whole = Buffer.concat(chunks);
          if (answer.statusCode === 200) resolve(whole);
          else reject(new Error(`${path}: ${answer.statusCode} ${whole.toString('utf8', 0, 500)}`));
        });
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function tell(what: string, ours: number, peer: number, more = ''): void {
  const ratio = (ours / peer).toFixed(2);
  console.log(
    `${what.padEnd(44)} stratum ${ours.toFixed(1)} ms  http-backend ${peer.toFixed(1)} ms  ratio ${ratio}${more}`,
  );
}

const lsRefs = (...args: string[]): Asked => {
  const lines = ['command=ls-refs\n', 'object-format=sha1'].map((line) => encodePkt(line));
  const body = [...lines, Buffer.from('0001'), ...args.map((arg) => encodePkt(`${arg}\n`)), flushPkt];
  return { path: '/git-upload-pack', version: 2, body: Buffer.concat(body) };
};
const questions: readonly (readonly [string, Asked])[] = [
  ['info/refs, fetch, v0', { path: '/info/refs?service=git-upload-pack', version: 0 }],
  ['info/refs, fetch, v1', { path: '/info/refs?service=git-upload-pack', version: 1 }],
  ['info/refs, push', { path: '/info/refs?service=git-receive-pack' }],
  ['ls-refs v2, all', lsRefs('peel', 'symrefs', 'unborn')],
  [
    'ls-refs v2, a clone’s prefixes',
    lsRefs('peel', 'symrefs', 'ref-prefix HEAD', 'ref-prefix refs/heads/', 'ref-prefix refs/tags/'),
  ],
  ['ls-refs v2, a prefix of 1,000 refs', lsRefs('peel', 'symrefs', 'ref-prefix refs/heads/group-07/')],
];

/** New refs at a commit that is there: with a pack, as the protocol has it, that holds nothing. */
function pushBody(names: readonly string[], tip: string): Buffer {
  const commands = names.map((name, at) => {
    return encodePkt(`${'0'.repeat(40)} ${tip} ${name}${at === 0 ? '\0report-status' : ''}`);
  });
  const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  return Buffer.concat([...commands, flushPkt, header, createHash('sha1').update(header).digest()]);
}

const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-'));
const cluster = await LocalCluster.start();
const peerRoot = join(folder, 'peer');
await mkdir(join(peerRoot, 'team'), { recursive: true });
const { url: peerUrl, server } = await startHttpBackend(peerRoot);
try {
  const source = await generateHistory(join(folder, 'source'), { commits: 120, largeFileBytes: 0 });
  const peerRepo = join(peerRoot, 'team/refs.git');
  await source.git('init', '--quiet', '--bare', '--initial-branch=main', peerRepo);
  const targets: readonly [Target, Target] = [
    { name: 'stratum', url: await cluster.gitUrl() },
    { name: 'http-backend', url: peerUrl },
  ];
  for (const { url } of targets) await source.git('push', '--quiet', `${url}/team/refs.git`, 'main');
  const tip = await source.git('rev-parse', 'main');
  const names = Array.from({ length: refsCount }, (_, at) => {
    return `refs/heads/group-${String(at % 100).padStart(2, '0')}/branch-${String(at).padStart(6, '0')}`;
  });
  const [stratum, peer] = targets;
  const frontendPid = (await cluster.processes()).find(({ role }) => role === 'frontend')?.pid ?? 0;
  const push = async (target: Target, some: readonly string[]) => {
    await ask(target, { path: '/info/refs?service=git-receive-pack' });
    const report = await ask(target, { path: '/git-receive-pack', body: pushBody(some, tip) });
    if (report.includes('ng refs/') || !report.includes('unpack ok')) throw new Error(report.toString('utf8', 0, 300));
  };
  console.log('medians; ratio below 1: Stratum is faster');
  const ours: number[] = [];
  for (let at = 0; at < names.length; at += refsPerPush) {
    ours.push(await milliseconds(() => push(stratum, names.slice(at, at + refsPerPush))));
  }
  const peers = await milliseconds(() => push(peer, names.slice(0, refsPerPush)));
  tell(`push of ${refsPerPush} refs, its info/refs included`, median(ours), peers);
  // What the peer's maintenance would make of the same pushes, which would take it minutes.
  const packed = names.toSorted().map((name) => `${tip} ${name}\n`);
  await rm(join(peerRepo, 'refs', 'heads'), { recursive: true });
  await mkdir(join(peerRepo, 'refs', 'heads'));
  const header = '# pack-refs with: peeled fully-peeled sorted \n';
  await writeFile(join(peerRepo, 'packed-refs'), [header, ...packed, `${tip} refs/heads/main\n`].join(''));

  for (const [what, asked] of questions) {
    const times: [number[], number[]] = [[], []];
    const first = await milliseconds(() => ask(stratum, asked));
    let processorMs = 0;
    // Turn about, so that a busy moment of the machine meets both.
    for (let round = 0; round < rounds; round += 1) {
      const before = processorSeconds(frontendPid);
      times[0].push(await milliseconds(() => ask(stratum, asked)));
      processorMs += (processorSeconds(frontendPid) - before) * 1_000;
      times[1].push(await milliseconds(() => ask(peer, asked)));
    }
    const more = `  the first ${first.toFixed(0)} ms; processor time ${(processorMs / rounds).toFixed(0)} ms`;
    tell(what, median(times[0]), median(times[1]), more);
  }
} finally {
  agent.destroy();
  server.close();
  server.closeAllConnections();
  await cluster.remove();
  await rm(folder, { recursive: true, force: true });
}
