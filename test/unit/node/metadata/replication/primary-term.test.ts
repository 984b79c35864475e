import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { signedAck } from '../../../../../src/node/metadata/replication/replication-messages.ts';
import { AppendResult } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { settled } from '../memory-disk.ts';
import { recordsFrom } from './sample-records.ts';
import {
  assigned,
  hears,
  leaseMs,
  matches,
  partition,
  process2,
  process3,
  renew,
  type SampleReplica,
  sampleReplica,
  servingReplica,
  termOf,
  threeNodes,
} from './sample-replica.ts';

const twoInSync = { inSync: ['m1', 'm2'] };
const unsafe = new StratumError('UNSAFE', 'DOWN cannot join');
const zombie = new StratumError('ZOMBIE_NODE', 'another process', {
  nodeId: 'm3',
  expectedGeneration: 1n,
  givenGeneration: 2n,
});
const invalid = new StratumError('INVALID_ARGUMENT', 'no', { field: 'partition', reason: 'no', expected: 'yes' });
const conflict = new StratumError('VERSION_CONFLICT', 'no', { what: 'partition 3', expected: '5', current: '6' });
const unreachable = new StratumError('UNREACHABLE', 'no', { endpoint: 'coordinator' });

/** An operation that is on this node's disk. */
async function submitted(sample: SampleReplica, name = 'a/1'): Promise<bigint> {
  sample.submit(name).catch(() => undefined);
  await sample.memory.sync();
  return sample.replica.disk.log.last.index;
}

/** m3 is in no set, and has caught up; the coordinators have been asked to add it, and answer as told. */
async function proposing(answer: () => Promise<void> = () => new Promise(() => undefined)) {
  const sample = await servingReplica(5n, twoInSync);
  sample.authority.held.answer = answer;
  termOf(sample).tick();
  await settled();
  return sample;
}

const proposedSet = (sample: SampleReplica) => [...termOf(sample).maximalInSync()].sort();

describe('what a primary commits', () => {
  it('is on its own disk and on that of every in-sync replica', async () => {
    const sample = await servingReplica();
    sample.submit('a/1').catch(() => undefined);
    matches(sample, process2, 1n);
    matches(sample, process3, 1n);
    expect(sample.replica.committedIndex).toBe(0n);
    await sample.memory.sync();
    expect(sample.replica.committedIndex).toBe(1n);
    const index = await submitted(sample, 'a/2');
    matches(sample, process2, index);
    expect(sample.replica.committedIndex).toBe(1n);
    matches(sample, process3, index);
    expect(sample.replica.committedIndex).toBe(2n);
  });

  it('waits for no replica that is not in sync', async () => {
    const sample = await servingReplica(5n, twoInSync);
    matches(sample, process2, await submitted(sample));
    expect(sample.replica.committedIndex).toBe(1n);
  });

  it('waits for a replica from the moment when it is proposed, long before there is an answer', async () => {
    const sample = await proposing();
    expect(sample.authority.asked).toHaveLength(1);
    const index = await submitted(sample);
    matches(sample, process2, index);
    expect(sample.replica.committedIndex).toBe(0n);
    matches(sample, process3, index);
    expect(sample.replica.committedIndex).toBe(1n);
  });

  it('takes the lease of a proposed replica as well', async () => {
    const sample = await proposing();
    sample.clock.advance(leaseMs);
    hears(sample, process2);
    expect(sample.replica.refusal()?.code).toBe('INSUFFICIENT_REPLICAS');
    hears(sample, process3);
    expect(sample.replica.refusal()).toBeUndefined();
  });

  it.each([
    ['a newer process than the registered one', 2n, 1n],
    ['an older process than the registered one', 1n, 2n],
  ])('does not rest on %s', async (_, generation, registered) => {
    const sample = await servingReplica();
    const index = await submitted(sample);
    matches(sample, process3, index);
    sample.held.topology = threeNodes({ m2: { generationId: registered } });
    matches(sample, { nodeId: 'm2', generation }, index);
    expect(sample.replica.committedIndex).toBe(0n);
    // When the cluster counts on that process it does.
    sample.held.topology = threeNodes({ m2: { generationId: generation } });
    termOf(sample).advance();
    expect(sample.replica.committedIndex).toBe(1n);
  });

  it('does not rest on what a process acknowledged before the node came back with another one', async () => {
    const sample = await servingReplica();
    const index = await submitted(sample);
    matches(sample, process2, index);
    sample.held.topology = threeNodes({ m2: { generationId: 2n } });
    hears(sample, { nodeId: 'm2', generation: 2n });
    matches(sample, process3, index);
    // Late, from the process that is no more.
    matches(sample, process2, index);
    expect(sample.replica.committedIndex).toBe(0n);
  });

  it('is nothing while a member of the set is no replica', async () => {
    const sample = sampleReplica();
    sample.replica.follow(assigned(5n, 'm2'));
    await sample.append({ records: recordsFrom(1n, [5n]) });
    sample.replica.follow(assigned(6n, 'm1', { inSync: ['m1', 'm2', 'm9'] }));
    matches(sample, process2, 1n);
    expect(sample.replica.committedIndex).toBe(0n);
  });

  it('does not rest on an acknowledgement of another epoch', async () => {
    const sample = await servingReplica(5n, twoInSync);
    const index = await submitted(sample);
    termOf(sample).acknowledged(
      'm2',
      1n,
      signedAck({ appliedIndex: 0n, partition, epoch: 4n, result: AppendResult.DURABLE, index }),
    );
    expect(sample.replica.committedIndex).toBe(0n);
  });

  it('goes on in the next epoch with what is known already', async () => {
    const sample = await servingReplica();
    matches(sample, process2, await submitted(sample));
    sample.replica.follow(assigned(6n, 'm1', twoInSync));
    expect(sample.replica.committedIndex).toBe(1n);
  });
});

describe('what a primary sends', () => {
  it('is what a replica lacks, behind what it is known to have, and nothing when it has all', async () => {
    const sample = await servingReplica();
    const term = termOf(sample);
    expect(term.appendFor('m2', 1_000)).toBeUndefined();
    await submitted(sample, 'a/1');
    await submitted(sample, 'a/2');
    const first = term.appendFor('m2', 1);
    expect(first).toMatchObject({ epoch: 5n, previousIndex: 0n, previousEpoch: 0n, committedIndex: 0n });
    expect(first?.records).toHaveLength(1);
    // While that is on its way.
    const second = term.appendFor('m2', 1_000);
    expect(second).toMatchObject({ previousIndex: 1n, previousEpoch: 5n });
    expect(second?.records).toHaveLength(1);
    expect(term.appendFor('m2', 1_000)).toBeUndefined();
    expect(term.appendFor('m9', 1_000)).toBeUndefined();
  });

  it('is sent again when it was lost, from what is known to have arrived', async () => {
    const sample = await servingReplica();
    const term = termOf(sample);
    for (const name of ['a/1', 'a/2', 'a/3']) await submitted(sample, name);
    expect(term.appendFor('m2', 1_000)?.records).toHaveLength(3);
    matches(sample, process2, 1n);
    term.failed('m2', unreachable);
    expect(term.appendFor('m2', 1_000)).toMatchObject({ previousIndex: 1n });
  });

  it('is sent again in the next epoch: what was on its way is refused by who has heard of that', async () => {
    const sample = await servingReplica();
    await submitted(sample);
    expect(termOf(sample).appendFor('m2', 1_000)).toMatchObject({ epoch: 5n, previousIndex: 0n });
    sample.replica.follow(assigned(6n, 'm1', twoInSync));
    expect(termOf(sample).appendFor('m2', 1_000)).toMatchObject({ epoch: 6n, previousIndex: 0n });
  });

  it('is one question to a replica of which nothing is known, until it has answered', async () => {
    const sample = await servingReplica();
    await submitted(sample);
    sample.replica.follow(assigned(7n, 'm1'));
    const term = termOf(sample);
    expect(term.appendFor('m2', 1_000)).toMatchObject({ previousIndex: 1n, previousEpoch: 5n, records: [] });
    expect(term.appendFor('m2', 1_000)).toBeUndefined();
    // Of the term before: it says nothing of this one, and the question may be lost.
    term.acknowledged(
      'm2',
      1n,
      signedAck({ appliedIndex: 0n, partition, epoch: 5n, result: AppendResult.DURABLE, index: 1n }),
    );
    expect(term.members.get('m2')?.matchIndex).toBeUndefined();
    expect(term.appendFor('m2', 1_000)).toBeDefined();
  });

  it('begins where a mismatch says, at once', async () => {
    const sample = await servingReplica();
    for (const name of ['a/1', 'a/2', 'a/3']) await submitted(sample, name);
    matches(sample, process2, 3n);
    const mismatch = signedAck({ appliedIndex: 0n, partition, epoch: 5n, result: AppendResult.MISMATCH, index: 1n });
    expect(termOf(sample).acknowledged('m2', 1n, mismatch)).toBe(true);
    expect(termOf(sample).appendFor('m2', 1_000)).toMatchObject({ previousIndex: 1n });
    matches(sample, process3, 3n);
    expect(sample.replica.committedIndex).toBe(0n);
  });

  it('is nothing for a moment to a replica that cannot take it now', async () => {
    const sample = await servingReplica();
    await submitted(sample);
    const notNow = signedAck({ appliedIndex: 0n, partition, epoch: 5n, result: AppendResult.NOT_NOW, index: 0n });
    expect(termOf(sample).acknowledged('m2', 1n, notNow)).toBe(false);
    expect(termOf(sample).appendFor('m2', 1_000)).toBeUndefined();
    sample.clock.advance(100);
    expect(termOf(sample).appendFor('m2', 1_000)).toBeDefined();
  });
});

describe('what a primary asks of the coordinators', () => {
  it('is to take in who has caught up, with the process that it saw', async () => {
    const sample = await proposing();
    expect(sample.authority.asked).toEqual([
      {
        partition: assigned(5n, 'm1'),
        generations: new Map([['m3', 1n]]),
        raisesEpoch: false,
        reason: 'm3 caught up',
      },
    ]);
  });

  it('is to take out who has been silent for too long', async () => {
    const sample = await servingReplica();
    for (let passed = 0; passed < 8; passed += 1) {
      sample.clock.advance(leaseMs / 5);
      renew(sample, [process2]);
      termOf(sample).tick();
    }
    expect(sample.authority.asked).toMatchObject([
      { partition: { inSync: ['m1', 'm2'], epoch: 5n }, raisesEpoch: false, reason: 'm3 does not keep up' },
    ]);
  });

  it('is one thing at a time', async () => {
    const sample = await proposing();
    termOf(sample).tick();
    expect(sample.authority.asked).toHaveLength(1);
  });

  it.each([
    ['ZOMBIE_NODE', zombie, ['m1', 'm2']],
    ['INVALID_ARGUMENT', invalid, ['m1', 'm2']],
    ['UNSAFE: a late try may find the node well again', unsafe, ['m1', 'm2', 'm3']],
    ['VERSION_CONFLICT: the set may be another one by now', conflict, ['m1', 'm2', 'm3']],
    ['nothing', unreachable, ['m1', 'm2', 'm3']],
  ])('and what commits wait for after %s', async (_, error, members) => {
    const sample = await proposing(() => Promise.reject(error));
    expect(proposedSet(sample)).toEqual(members);
  });

  it('waits for who was proposed before, though a later request for it was refused for certain', async () => {
    const sample = await proposing(() => Promise.reject(unreachable));
    sample.authority.held.answer = () => Promise.reject(zombie);
    sample.clock.advance(leaseMs / 2);
    renew(sample);
    termOf(sample).tick();
    await settled();
    expect(sample.authority.asked).toHaveLength(2);
    expect(proposedSet(sample)).toEqual(['m1', 'm2', 'm3']);
  });

  it('waits for who was proposed when the answer does not come within a lease', async () => {
    const sample = await proposing();
    sample.clock.advance(leaseMs);
    await settled();
    expect(proposedSet(sample)).toEqual(['m1', 'm2', 'm3']);
    expect(sample.log.lines.at(-1)).toMatchObject({ level: 'warn', fields: { code: 'DEADLINE_EXCEEDED' } });
  });

  it('is another epoch, when who was proposed is not wanted any more and there was no answer', async () => {
    const sample = await proposing(() => Promise.reject(unreachable));
    sample.clock.advance(leaseMs);
    renew(sample, [process2]);
    termOf(sample).tick();
    await settled();
    expect(sample.authority.asked.at(-1)).toMatchObject({
      partition: { inSync: ['m1', 'm2'], epoch: 5n },
      raisesEpoch: true,
      reason: 'an earlier request was never answered',
    });
    expect(proposedSet(sample)).toEqual(['m1', 'm2', 'm3']);
    sample.replica.follow(assigned(6n, 'm1', twoInSync));
    expect(proposedSet(sample)).toEqual(['m1', 'm2']);
  });

  it('is logged when it is refused, once for each reason', async () => {
    const sample = await proposing(() => Promise.reject(unsafe));
    for (let again = 0; again < 3; again += 1) {
      sample.clock.advance(leaseMs / 2);
      renew(sample);
      termOf(sample).tick();
      await settled();
    }
    expect(sample.authority.asked.length).toBeGreaterThan(2);
    expect(sample.log.lines.filter(({ level }) => level === 'warn')).toMatchObject([{ fields: { code: 'UNSAFE' } }]);
  });

  it('is nothing because of what was not heard while this process stood still, or has not been heard since', async () => {
    const sample = await servingReplica();
    sample.clock.advance(8 * leaseMs);
    termOf(sample).stoodStill();
    termOf(sample).tick();
    sample.clock.advance(leaseMs);
    termOf(sample).tick();
    expect(sample.authority.asked).toEqual([]);
    sample.clock.advance(leaseMs);
    termOf(sample).tick();
    expect(sample.authority.asked).toHaveLength(1);
  });
});

describe('a primary that stood still', () => {
  it('does not take for slow who had no time to get any further', async () => {
    const sample = await servingReplica();
    await submitted(sample);
    sample.clock.advance(8 * leaseMs);
    termOf(sample).stoodStill();
    for (const process of [process2, process3]) hears(sample, process);
    termOf(sample).tick();
    expect(sample.authority.asked).toEqual([]);
  });
});

describe('a primary that hears nobody', () => {
  it.each([
    ['is unheard after a lease', leaseMs * 0.9, [], true],
    ['is not before', leaseMs * 0.9 - 1, [], false],
    ['is not while it hears one of them', leaseMs * 2, [process3], false],
  ])('%s', async (_, passedMs, heard, expected) => {
    const sample = await servingReplica();
    sample.clock.advance(passedMs);
    for (const process of heard) hears(sample, process);
    expect(termOf(sample).isUnheard()).toBe(expected);
    expect(sample.replica.beacon()).toMatchObject({ unheard: expected });
  });

  it('does not take its own standing still for that', async () => {
    const sample = await servingReplica();
    sample.clock.advance(5 * leaseMs);
    termOf(sample).stoodStill();
    expect(termOf(sample).isUnheard()).toBe(false);
  });
});

describe('a primary that is alone in sync', () => {
  it('is not unheard: there is nobody to take its place', async () => {
    const sample = await servingReplica(5n, { inSync: ['m1'] });
    sample.clock.advance(5 * leaseMs);
    expect(termOf(sample).isUnheard()).toBe(false);
  });
});
