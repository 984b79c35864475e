import { describe, expect, it } from 'vitest';
import { answerKeptMs } from '../../../../../src/node/metadata/state-machine/push-answers.ts';
import { CreateRepoRequest } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { command } from '../sample-requests.ts';
import { LogReplica } from './log-replica.ts';

const repoId = '1'.repeat(32);
const startMs = 1_700_000_000_000;

function replicaWithRepo(): LogReplica {
  const replica = new LogReplica();
  const request = CreateRepoRequest.create({ name: 'team/app' });
  replica.propose<'createRepo'>({ $case: 'createRepo', value: { request, repoId } }, startMs);
  return replica;
}

function push(replica: LogReplica, number: number, atMs: number) {
  const value = {
    repo: 'team/app',
    repoId,
    commands: [command(`refs/heads/b${number}`, '', '1')],
    atomic: false,
    packs: [],
    pushId: Buffer.from(String(number).padStart(16, '0')),
    actor: '',
  };
  return replica.propose<'updateRefs'>({ $case: 'updateRefs', value }, atMs);
}

const answersOf = (replica: LogReplica) =>
  replica.state.entries().filter(({ key }) => key.subarray(0, 1).toString() === 'a').length;

describe('answers to pushes', () => {
  it('go when they are older than a day, faster than new ones come', () => {
    const replica = replicaWithRepo();
    for (let number = 0; number < 100; number += 1) push(replica, number, startMs + number);
    expect(answersOf(replica)).toBe(100);
    const dayLaterMs = startMs + Number(answerKeptMs);
    for (let number = 100; number < 110; number += 1) push(replica, number, dayLaterMs + 1_000);
    expect(answersOf(replica)).toBe(10);
  });

  it('stay for a whole day, counted by the primary’s clock, and survive one that runs backwards', () => {
    const replica = replicaWithRepo();
    push(replica, 1, startMs);
    push(replica, 2, startMs - 3_600_000);
    push(replica, 3, startMs + Number(answerKeptMs));
    expect(push(replica, 1, startMs)).toMatchObject({ replayed: true });
  });

  it('take little room, however many refs the push had', () => {
    const replica = replicaWithRepo();
    const commands = Array.from({ length: 1_000 }, (_, at) => command(`refs/heads/x${at}`, '', '1'));
    const value = { repo: 'team/app', repoId, commands, atomic: true, packs: [], pushId: Buffer.alloc(16), actor: '' };
    replica.propose<'updateRefs'>({ $case: 'updateRefs', value });
    const [answer] = replica.state.entries().filter(({ key }) => key.subarray(0, 1).toString() === 'a');
    expect(answer?.value.length).toBeLessThan(100);
    expect(replica.propose<'updateRefs'>({ $case: 'updateRefs', value })).toMatchObject({
      replayed: true,
      results: commands.map(({ name }) => ({ name, updated: true })),
    });
  });
});
