import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { MetadataClient } from '../../../../src/client/metadata-client.ts';
import { encodePkt } from '../../../../src/git/pkt-line.ts';
import { pushCommandsMax } from '../../../../src/git/receive-pack-request.ts';
import { ChannelPool } from '../../../../src/rpc/channel-pool.ts';
import { allPartitions, sampleService } from '../metadata/sample-service.ts';
import { commit, type Fixture, git, gitOk, makePack, makeWork, startFixture } from './frontend-fixture.ts';
import { post, rawRequest } from './raw-http.ts';

const zero = '0'.repeat(40);
let service: ReturnType<typeof sampleService>;
let fixture: Fixture;
let work: string;
let tip: string;

// The production client, handlers and state machine of metadata, with the partitions in memory.
beforeEach(async () => {
  service = sampleService();
  const { topology, handlers } = service;
  const modules = { clock: systemClock, random: systemRandom, topology, channels: new ChannelPool() };
  const metadata = new MetadataClient({}, { ...modules, local: () => handlers });
  fixture = await startFixture({}, { metadata });
  work = await makeWork(fixture.folder, 1);
  tip = await gitOk(work, ['rev-parse', 'HEAD']);
  await gitOk(work, ['push', '-q', fixture.url(), 'main']);
});
afterEach(() => fixture.stop());

const push = (...args: string[]) => git(work, ['push', fixture.url(), ...args]);
const refNames = async () => (await service.calls.getRefs({ repo: 'owner/name' })).refs.map(({ name }) => name);

/** Operations in the logs of all partitions. */
const operations = () => allPartitions.reduce((sum, id) => sum + service.logs.of(id).log.length, 0);

/** A push without the git client, whose own work grows with the square of the refs. */
async function rawPush(commands: readonly string[], pack: Buffer = Buffer.alloc(0)) {
  const lines = commands.map((command, at) => encodePkt(at === 0 ? `${command}\0report-status` : command));
  const body = Buffer.concat([...lines, Buffer.from('0000'), pack]);
  const answer = await rawRequest(fixture.frontend.url, post('/owner/name.git/git-receive-pack', body));
  return { status: answer.status, text: answer.body.toString() };
}

describe('a push that metadata refuses tells git’s own words and changes nothing', () => {
  it('of a name below a ref, and above one', async () => {
    expect(await push('main:refs/heads/a')).toMatchObject({ exitCode: 0 });
    expect(await push('main:refs/heads/a/b')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(
        "cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'",
      ),
    });
    expect(await push('main:refs/heads/deep/er')).toMatchObject({ exitCode: 0 });
    expect(await push('main:refs/heads/deep')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("'refs/heads/deep/er' exists; cannot create 'refs/heads/deep'"),
    });
    expect(await refNames()).toEqual(['refs/heads/a', 'refs/heads/deep/er', 'refs/heads/main']);
  });

  it('of two names that exclude each other: one of them, or with --atomic none', async () => {
    const both = ['main:refs/heads/x', 'main:refs/heads/x/y'];
    expect(await push('--atomic', ...both)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('atomic push failure'),
    });
    expect(await refNames()).toEqual(['refs/heads/main']);
    expect(await push(...both)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("'refs/heads/x' exists"),
    });
    expect(await refNames()).toEqual(['refs/heads/main', 'refs/heads/x']);
  });

  it('of a ref that another push has moved since its refs were advertised', async () => {
    const other = await makeWork(fixture.folder, 0);
    await gitOk(other, ['pull', '-q', fixture.url(), 'main']);
    const theirs = await commit(other, 'other.txt', 'other');
    await commit(work, 'mine.txt', 'mine');
    // Git runs this hook when it has seen the refs and before it sends its commands.
    writeFileSync(
      join(work, '.git', 'hooks', 'pre-push'),
      `#!/bin/sh\ncd ${other} && exec git push -q ${fixture.url()} main\n`,
      {
        mode: 0o755,
      },
    );
    expect(await push('main')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`cannot lock ref 'refs/heads/main': is at ${theirs} but expected ${tip}`),
    });
    expect((await service.calls.getRefs({ repo: 'owner/name' })).refs[0]?.objectId).toBe(theirs);
  });

  it.each([
    ['refs/heads/a..b', "contains '..'"],
    ['refs/heads/a.lock', "ends with '.lock'"],
    ['refs/heads/.a', "begins with '.'"],
    ['refs/heads/a//b', 'empty component'],
    ['refs/heads/a~1', 'contains "~"'],
    ['refs/heads/a b', 'contains " "'],
    ['refs/heads/a@{1}', "contains '@{'"],
    ['refs/heads/a\\b', 'contains "\\\\"'],
    ['HEAD', "has no '/'"],
    ['config/x', "is not below 'refs/'"],
    [`refs/heads/${'x'.repeat(251)}`, 'component longer than 250 bytes'],
  ])('of the name %s', async (name, reason) => {
    const before = operations();
    const { text } = await rawPush([`${tip} ${zero} ${name}`]);
    expect(text).toContain(`ng ${name} funny refname: `);
    expect(text).toContain(reason);
    expect(operations()).toBe(before);
  });

  it('of a ref twice, and of a value that a ref does not have', async () => {
    const before = operations();
    const twice = await rawPush([`${tip} ${zero} refs/heads/x`, `${tip} ${zero} refs/heads/x`]);
    expect(twice.text.match(/ng refs\/heads\/x multiple updates for ref 'refs\/heads\/x' not allowed/g)).toHaveLength(
      2,
    );
    expect(operations()).toBe(before);
    const { text } = await rawPush([`${tip} ${zero} refs/heads/none`]);
    expect(text).toContain("ng refs/heads/none cannot lock ref 'refs/heads/none': unable to resolve reference");
    expect(await refNames()).toEqual(['refs/heads/main']);
  });

  it('of more refs than one operation takes', async () => {
    const before = operations();
    const commands = Array.from({ length: pushCommandsMax + 1 }, (_, at) => `${tip} ${zero} refs/heads/x${at}`);
    expect(await rawPush(commands)).toMatchObject({
      status: 413,
      text: expect.stringContaining(`the push has more than ${pushCommandsMax} ref commands`),
    });
    expect(operations()).toBe(before);
  });

  it.each([
    ['owner/%2e%2e/name', 'contains'],
    ['owner/a%2fb', "escaped '/'"],
    ['owner/.hidden', "begins with '.'"],
    ['owner/name.lock', "ends with '.lock'"],
    ['owner/-rf', "begins with '-'"],
    ['name', 'has no owner'],
    ['o/w/n/e/r/i/s/d/e/e/p', 'more than 8 segments'],
  ])('to the repository %s', async (name, reason) => {
    const before = operations();
    const result = await git(work, ['push', fixture.url(name), 'main']);
    expect(result).toMatchObject({ exitCode: 128, stderr: expect.stringContaining('remote: stratum: ') });
    expect(result.stderr).toContain(reason);
    expect(operations()).toBe(before);
  });
});

describe('a push of 10,000 refs', () => {
  it('is one operation, and so is their deletion', async () => {
    const names = Array.from({ length: 10_000 }, (_, at) => `refs/heads/group-${at % 100}/branch-${at}`);
    const before = operations();
    const made = await rawPush(
      names.map((name) => `${zero} ${tip} ${name}`),
      makePack(work, ['HEAD']),
    );
    expect(made.text.match(/ok refs\/heads\/group-/g)).toHaveLength(names.length);
    expect(operations()).toBe(before + 1);
    expect(await refNames()).toHaveLength(names.length + 1);
    const removed = await rawPush(names.map((name) => `${tip} ${zero} ${name}`));
    expect(removed.text.match(/ok refs\/heads\/group-/g)).toHaveLength(names.length);
    expect(operations()).toBe(before + 2);
    expect(await refNames()).toEqual(['refs/heads/main']);
  });
});
