import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { followLeader, type LeaderEvent } from '../../../src/cli/follow-leader.ts';
import { leaderListing } from '../../../src/cli/listings/leader-listing.ts';
import { manualClock } from '../base/manual-clock.ts';

const source = { node: 'coordinator-1', version: 14n, term: 3n };
const leads = (leaderId: string, term: bigint) =>
  leaderListing({ scope: 'coordinator', leaderId, address: 'x:1', term, detail: '' }, source);
const nobody = new StratumError('NO_LEADER', 'nobody leads', { what: 'the coordinators' });
const refused = new StratumError('UNREACHABLE', 'refused', { endpoint: 'x:1' });

/** What is told of these answers, one a look; the user ends it after the last. */
async function told(answers: readonly (ReturnType<typeof leads> | StratumError)[]): Promise<string[]> {
  const end = new AbortController();
  const clock = { ...manualClock(), sleep: async () => end.signal.throwIfAborted() };
  const waiting = [...answers];
  const read = async () => {
    const answer = waiting.shift();
    if (answer === undefined) {
      end.abort(new StratumError('CANCELLED', 'interrupted'));
      throw end.signal.reason;
    }
    if (answer instanceof StratumError) throw answer;
    return answer;
  };
  const lines: string[] = [];
  for await (const event of followLeader(read, { signal: end.signal }, { clock })) lines.push(textOf(event));
  return lines;
}

const textOf = (event: LeaderEvent) =>
  event.kind === 'leader' ? `${event.leader.leaderId} ${event.leader.term}` : event.kind;

describe('following the leader', () => {
  const cases: readonly [string, Parameters<typeof told>[0], string[]][] = [
    ['the present one, once', [leads('a', 3n), leads('a', 3n), leads('a', 3n)], ['a 3']],
    ['each change', [leads('a', 3n), leads('b', 4n), leads('a', 5n)], ['a 3', 'b 4', 'a 5']],
    ['a new term of the same one', [leads('a', 3n), leads('a', 4n)], ['a 3', 'a 4']],
    ['that nobody leads, once', [nobody, nobody, leads('a', 3n), nobody], ['none', 'a 3', 'none']],
    [
      'a lost connection, once, and goes on',
      [leads('a', 3n), refused, refused, leads('b', 4n)],
      ['a 3', 'lost', 'b 4'],
    ],
    [
      'the same leader again after a lost connection',
      [leads('a', 3n), refused, leads('a', 3n)],
      ['a 3', 'lost', 'a 3'],
    ],
    ['nothing of a coordinator that is behind', [leads('b', 4n), leads('a', 3n), leads('b', 4n)], ['b 4']],
  ];
  it.each(cases)('tells %s', async (_what, answers, expected) => {
    expect(await told(answers)).toEqual(expected);
  });

  it('rejects when nobody answers the first time', async () => {
    await expect(told([refused])).rejects.toBe(refused);
  });

  it('rejects with a refusal that another try cannot mend', async () => {
    const unknown = new StratumError('NOT_FOUND', 'no such partition', { kind: 'partition', id: '9' });
    await expect(told([leads('a', 3n), unknown])).rejects.toBe(unknown);
  });
});
