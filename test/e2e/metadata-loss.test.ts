import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/base/error-codes.ts';
import { asStratumError } from '../../src/base/errors.ts';
import {
  CreateRepoRequest,
  GetRefsRequest,
  type Repo,
  UpdateRefsRequest,
} from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { BackgroundGit } from '../chaos/metadata-git.ts';
import { MetadataCluster } from './metadata-cluster.ts';
import { isWhole, type MetadataConnection } from './metadata-connection.ts';
import { until } from './until.ts';

/** For a cluster of loaded tests; a quiet machine takes a second or two. */
const resumeTimeoutMs = 30_000;
const wholeTimeoutMs = 60_000;
const outageTimeoutMs = 30_000;
const callTimeoutMs = 3_000;

/** What a caller may be told when too few replicas are there: each may be tried again, and the last leaves it open. */
const outageCodes: readonly ErrorCode[] = [
  'INSUFFICIENT_REPLICAS',
  'NOT_PRIMARY',
  'NOT_READY',
  'UNREACHABLE',
  'DEADLINE_EXCEEDED',
];

/** What users are told then. */
const explanation = /partition \d+: 1 of 2 in-sync replicas answer[\s\S]*hint: .*stratum partition show/;

/** The metadata nodes in the words of a partition: its primary and the two others. */
interface Places {
  readonly primary: string;
  readonly first: string;
  readonly second: string;
}

interface LossCase {
  readonly name: string;
  readonly how: 'kill' | 'stop';
  /** In the order in which they go, and come back; nothing works until the first of `back` is there. */
  readonly lost: (places: Places) => readonly string[];
  readonly back: (places: Places) => readonly string[];
}

const cases: readonly LossCase[] = [
  {
    name: 'the primary and another killed, the primary back last',
    how: 'kill',
    lost: ({ primary, first }) => [primary, first],
    back: ({ primary, first }) => [first, primary],
  },
  {
    name: 'the primary and another stopped in order, the primary back last',
    how: 'stop',
    lost: ({ primary, first }) => [primary, first],
    back: ({ primary, first }) => [first, primary],
  },
];

describe('metadata nodes of which two are lost', () => {
  let cluster: MetadataCluster;
  let connection: MetadataConnection;
  let git: BackgroundGit;
  let repo: Repo;
  /** Repositories of git, in the partition of `repo`: the refs of that one are written without git, and point to nothing. */
  let gitNames: readonly [pushed: string, listed: string, asked: string];
  /** What has been acknowledged, by ref. */
  const acknowledged = new Map<string, string>();
  let number = 0;

  beforeAll(async () => {
    cluster = await MetadataCluster.start({ frontends: 1 });
    connection = await cluster.connect();
    const name = 'loss/repo';
    repo = (await connection.metadata.createRepo(CreateRepoRequest.create({ name }))).repo ?? expect.unreachable();
    const partition = connection.partitionOf(name).id;
    const [pushed, listed, asked] = ['pushed', 'listed', 'asked'].map((of) =>
      connection.nameIn(partition, `loss/${of}`),
    );
    gitNames = [pushed ?? '', listed ?? '', asked ?? ''];
    for (const gitName of gitNames) await connection.metadata.createRepo(CreateRepoRequest.create({ name: gitName }));
    git = await BackgroundGit.init(join(cluster.folder, 'work'));
  });
  afterAll(() => cluster?.remove());

  const places = (): Places => {
    const { primaryId, replicas } = connection.partitionOf(repo.name);
    const [first = '', second = ''] = replicas.filter((id) => id !== primaryId);
    return { primary: primaryId, first, second };
  };

  const urlOf = (name: string) => `${cluster.gitUrl()}/${name}.git`;

  const pushWithGit = async () => {
    number += 1;
    const tree = await git.succeed(['mktree']);
    const commit = await git.succeed(['commit-tree', tree, '-m', `Number ${number}`]);
    const ref = `refs/heads/git-${number}`;
    const finished = await git.attempt('push', urlOf(gitNames[0]), `${commit}:${ref}`);
    if (finished.code === 0) acknowledged.set(ref, commit);
    return finished;
  };

  const write = async (timeoutMs: number) => {
    const newId = randomBytes(20).toString('hex');
    const name = `refs/tags/${newId}`;
    const command = { name, oldId: '0'.repeat(40), newId, newPeeledId: '' };
    const request = UpdateRefsRequest.create({
      repo: repo.name,
      repoId: repo.id,
      actor: 'test',
      commands: [command],
      pushId: randomBytes(16),
    });
    const { results } = await connection.metadata.updateRefs(request, { timeoutMs });
    expect(results.map(({ updated }) => updated)).toEqual([true]);
    acknowledged.set(name, newId);
  };

  const read = async (timeoutMs: number) => {
    const found = new Map<string, string>();
    for (const name of [repo.name, gitNames[0]]) {
      const { refs } = await connection.metadata.getRefs(GetRefsRequest.create({ repo: name }), { timeoutMs });
      for (const { name: ref, objectId } of refs) found.set(ref, objectId);
    }
    return found;
  };

  const expectNothingLost = async () => {
    const refs = await read(resumeTimeoutMs);
    const lost = [...acknowledged].filter(([name, id]) => refs.get(name) !== id);
    expect(lost).toEqual([]);
  };

  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => 'done',
      (error: unknown) => asStratumError(error).code,
    );

  const lose = async (id: string, how: LossCase['how']) =>
    how === 'kill' ? cluster.process(id).kill() : cluster.stop(id);

  const noQuorum = () =>
    until('stratum partition list ends with 6', outageTimeoutMs, async (tell) => {
      const { code, stdout, stderr } = await cluster.command('partition', 'list');
      tell(`exit code ${code}: ${stdout.slice(0, 500)}${stderr}`);
      return code === 6 ? stdout : undefined;
    });

  /** The code that a call fails with at last: until its lease is over, a primary that has no peers any more may read. */
  const stops = (call: () => Promise<unknown>) =>
    until('calls fail', outageTimeoutMs, async () => {
      const code = await codeOf(call());
      return code === 'done' ? undefined : code;
    });

  /** Milliseconds until a write is acknowledged again. */
  const resumes = async () => {
    const beganMs = performance.now();
    await until('a write is acknowledged', resumeTimeoutMs, async (tell) => {
      const code = await codeOf(write(callTimeoutMs));
      tell(`${code}. ${connection.describe()}`);
      return code === 'done' ? true : undefined;
    });
    return Math.round(performance.now() - beganMs);
  };

  /** What is answered, with the reason: on a busy machine the last of a frontend's attempts may be cut off by its deadline. */
  const explained = <T extends { readonly code: number | null; readonly stderr: string }>(
    what: string,
    ask: () => Promise<T>,
  ) =>
    until(`${what} is told why`, outageTimeoutMs, async (tell) => {
      const beganMs = performance.now();
      const answer = await ask();
      console.log(`${what} was answered after ${Math.round(performance.now() - beganMs)} ms`);
      tell(`${answer.code}: ${answer.stderr}`);
      return explanation.test(answer.stderr) ? answer : undefined;
    });

  const whole = () => connection.reaches('all is whole', wholeTimeoutMs, isWhole(cluster.metadataIds));

  it('serve', async () => {
    expect(await pushWithGit()).toMatchObject({ code: 0 });
    await write(callTimeoutMs);
    await expectNothingLost();
  });

  it.for(cases)('go on by themselves: $name', async ({ how, lost, back }) => {
    const [goers, comers] = [lost(places()), back(places())];
    await write(callTimeoutMs);
    for (const id of goers) await lose(id, how);
    const [listed, reading, writing] = await Promise.all([
      noQuorum(),
      stops(() => read(callTimeoutMs)),
      stops(() => write(callTimeoutMs)),
    ]);
    expect(listed).toContain('no-quorum');
    expect(outageCodes).toContain(reading);
    expect(outageCodes).toContain(writing);
    const [comer = '', ...rest] = comers;
    cluster.process(comer).start();
    const tookMs = await resumes();
    console.log(
      `${how} ${goers.join(', ')}; ${comer} back: read ${reading}, write ${writing}, resumed after ${tookMs} ms`,
    );
    await expectNothingLost();
    for (const id of rest) cluster.process(id).start();
    await whole();
    await expectNothingLost();
  });

  it('tell git users and operators what is wrong, go on with one of two back, and lose nothing when all are killed', async () => {
    const { primary, first, second } = places();
    expect(await pushWithGit()).toMatchObject({ code: 0 });
    await write(callTimeoutMs);
    for (const id of [first, second]) await cluster.process(id).kill();
    // Before, a push would find its old refs, and be told that the outcome is unknown.
    await noQuorum();
    const [, listName, askName] = gitNames;
    // Side by side, as each waits for the cluster as long as its own deadline is; and each in a repository of its own,
    // as who asks for refs that others ask for waits for their answer first.
    const [pushed, listed, answered, reading, writing] = await Promise.all([
      explained('git push', pushWithGit),
      explained('git ls-remote', () => git.attempt('ls-remote', urlOf(listName))),
      explained('GET info/refs', async () => {
        const answer = await fetch(`${urlOf(askName)}/info/refs?service=git-upload-pack`);
        return { code: answer.status, stderr: await answer.text() };
      }),
      stops(() => read(callTimeoutMs)),
      stops(() => write(callTimeoutMs)),
    ]);
    const shown = await cluster.command('partition', 'list');
    const stderr = expect.stringMatching(explanation);
    expect(pushed).toMatchObject({ code: 128, stderr });
    expect(listed).toMatchObject({ code: 128, stderr });
    expect(answered).toEqual({ code: 503, stderr });
    expect(shown).toMatchObject({ code: 6, stdout: expect.stringMatching(/^0\s.*no-quorum/) });
    expect(outageCodes).toContain(reading);
    expect(outageCodes).toContain(writing);
    cluster.process(second).start();
    console.log(`kill ${first}, ${second}; ${second} back: resumed after ${await resumes()} ms`);
    await expectNothingLost();
    // The first of them is still away: nobody is there.
    for (const id of [primary, second]) await cluster.process(id).kill();
    for (const id of [second, primary]) cluster.process(id).start();
    console.log(`all killed; ${second}, ${primary} back: resumed after ${await resumes()} ms`);
    await expectNothingLost();
    expect(await pushWithGit()).toMatchObject({ code: 0 });
  });
});
