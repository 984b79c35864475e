import { describe, expect, it } from 'vitest';
import { readRepo } from '../../../../../src/node/metadata/repo-state.ts';
import { repoKey } from '../../../../../src/node/metadata/state-keys.ts';
import { refBytesMax } from '../../../../../src/node/metadata/state-machine/apply-update-refs.ts';
import { packsMax } from '../../../../../src/node/metadata/state-machine/pack-list.ts';
import { encodeRepo } from '../../../../../src/node/metadata/state-records.ts';
import { CreateRepoRequest, type RefCommand, type Repo } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { command, pack } from '../sample-requests.ts';
import { LogReplica } from './log-replica.ts';

const repoId = '1'.repeat(32);
let pushes = 0;

/** A repository that is nearly full, without the records that fill it. */
function nearlyFull(changes: { readonly refBytes?: number; readonly repo?: Partial<Repo> }): LogReplica {
  const replica = new LogReplica();
  const request = CreateRepoRequest.create({ name: 'team/app' });
  replica.propose<'createRepo'>({ $case: 'createRepo', value: { request, repoId } });
  const stored = readRepo(replica.state, 'team/app');
  const value = encodeRepo({
    ...stored,
    repo: { ...stored.repo, ...changes.repo },
    refBytes: changes.refBytes ?? stored.refBytes,
  });
  replica.state.write([{ key: repoKey('team/app'), value }]);
  return replica;
}

function push(replica: LogReplica, commands: readonly RefCommand[], more = {}) {
  pushes += 1;
  const pushId = Buffer.from(String(pushes).padStart(16, '0'));
  const value = {
    repo: 'team/app',
    repoId,
    commands: [...commands],
    atomic: false,
    packs: [],
    pushId,
    actor: '',
    ...more,
  };
  return replica.propose<'updateRefs'>({ $case: 'updateRefs', value });
}

// 16 bytes of frame, the name, 40 digits.
const refBytes = 16 + 'refs/heads/a'.length + 40;

describe('the limits of one repository', () => {
  it('refuses refs that GetRefs could not answer in one message, and takes those that fit', () => {
    const replica = nearlyFull({ refBytes: refBytesMax - 2 * refBytes });
    const commands = ['a', 'b', 'c'].map((name) => command(`refs/heads/${name}`, '', '1'));
    expect(push(replica, commands).results.map(({ errorCode }) => errorCode)).toEqual(['', '', 'TOO_LARGE']);
    expect(readRepo(replica.state, 'team/app').refBytes).toBe(refBytesMax);
  });

  it('lets a repository at its limit move and delete refs, which makes room', () => {
    const replica = nearlyFull({ refBytes: refBytesMax - refBytes });
    push(replica, [command('refs/heads/a', '', '1')]);
    expect(push(replica, [command('refs/heads/a', '1', '2')]).results).toMatchObject([{ updated: true }]);
    const swap = [command('refs/heads/b', '', '1'), command('refs/heads/a', '2', '')];
    expect(push(replica, swap).results).toMatchObject([{ updated: true }, { updated: true }]);
    expect(readRepo(replica.state, 'team/app').refBytes).toBe(refBytesMax);
  });

  it('does nothing of an atomic push that would outgrow it', () => {
    const replica = nearlyFull({ refBytes: refBytesMax - refBytes });
    const commands = ['a', 'b'].map((name) => command(`refs/heads/${name}`, '', '1'));
    const { results } = push(replica, commands, { atomic: true });
    expect(results.map(({ errorCode }) => errorCode)).toEqual(['REF_CONFLICT', 'TOO_LARGE']);
    expect(readRepo(replica.state, 'team/app')).toMatchObject({
      refBytes: refBytesMax - refBytes,
      repo: { refCount: 0n },
    });
  });

  it('refuses a push whose packs would be too many, whole', () => {
    const replica = nearlyFull({ repo: { packCount: BigInt(packsMax) } });
    const before = replica.state.dump();
    expect(() => push(replica, [command('refs/heads/a', '', '1')], { packs: [pack(1)] })).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    );
    expect(replica.state.dump()).toEqual(before);
    expect(push(replica, [command('refs/heads/a', '', '1')]).results).toMatchObject([{ updated: true }]);
  });
});
