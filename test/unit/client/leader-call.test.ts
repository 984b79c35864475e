import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { hasCode } from '../../../src/base/errors.ts';
import { defaultRateLimits } from '../../../src/node/coordinator/rate-limits.ts';
import { sampleRegistration } from '../topology/sample-cluster.ts';
import { pausesOnlyClock, SampleCoordinators } from './sample-coordinators.ts';

const coordinators = new SampleCoordinators();

/** One write, and another one 20 seconds later. */
const once = { ratePerSecond: 0.05, burst: 1 };
const oneWrite = { ...defaultRateLimits, writes: { all: once, client: once } };

afterEach(() => coordinators.close());

describe('a call to the leader', () => {
  it('finds it through a follower’s GetLeader', async () => {
    const leader = await coordinators.start();
    const follower = await coordinators.startFollower({ id: 'coordinator-1', address: leader.address });
    const client = coordinators.client([follower.address]);
    await client.registerNode(sampleRegistration());
    expect(leader.consensus.current().version).toBe(1n);
  });

  it('follows the hint of one that no longer leads', async () => {
    const leader = await coordinators.start();
    const deposed = await coordinators.startFollower({ id: 'coordinator-1', address: leader.address });
    // The stale one still names the deposed one.
    const stale = await coordinators.startFollower({ id: 'coordinator-2', address: deposed.address });
    const client = coordinators.client([stale.address]);
    await client.registerNode(sampleRegistration());
    expect(leader.consensus.current().version).toBe(1n);
  });

  it('ends with NOT_LEADER at its deadline when two take each other for the leader', async () => {
    const leader = { id: 'x', address: '' };
    const one = await coordinators.startFollower(leader);
    const two = await coordinators.startFollower({ id: 'coordinator-1', address: one.address });
    leader.address = two.address;
    const client = coordinators.client([one.address, two.address], {}, pausesOnlyClock());
    await expect(client.registerNode(sampleRegistration())).rejects.toSatisfy((error) => hasCode(error, 'NOT_LEADER'));
  });

  it('goes on at the next coordinator when one is gone', async () => {
    const leader = await coordinators.start();
    const client = coordinators.client([await coordinators.unusedAddress(), leader.address]);
    await client.registerNode(sampleRegistration());
    expect(leader.consensus.current().version).toBe(1n);
  });

  it('goes on at the next coordinator when one accepts and never answers', async () => {
    const leader = await coordinators.start();
    const client = coordinators.client([await coordinators.startSilent(), leader.address], { attemptTimeoutMs: 100 });
    await client.registerNode(sampleRegistration());
    expect(leader.consensus.current().version).toBe(1n);
  });

  it('names also the last one that it asked, for less than a whole try', async () => {
    const silent = [await coordinators.startSilent(), await coordinators.startSilent()];
    const client = coordinators.client(silent, { attemptTimeoutMs: 200 });
    await expect(client.getLeader({ timeoutMs: 300 })).rejects.toSatisfy(
      (error) =>
        hasCode(error, 'DEADLINE_EXCEEDED') && silent.every((address) => error.details.endpoint.includes(address)),
    );
  });

  it('gives a transfer longer than one try of a read, and asks for it once', async () => {
    const { address, consensus } = await coordinators.start();
    const read = coordinators.client([await coordinators.startSilent()], { timeoutMs: 300, attemptTimeoutMs: 300 });
    const transfer = consensus.transfer.bind(consensus);
    const targets: (string | undefined)[] = [];
    consensus.transfer = async (target) => {
      targets.push(target);
      await expect(read.getLeader()).rejects.toThrow();
      return transfer(target);
    };
    const client = coordinators.client([address], { attemptTimeoutMs: 150 });
    const by = { actor: 'ada', reason: '' };
    expect(await client.transferLeader('coordinator-1', by)).toMatchObject({ leaderId: 'coordinator-1' });
    expect(targets).toEqual(['coordinator-1']);
  });

  it('finds a leader that comes back while it waits', async () => {
    const first = await coordinators.start();
    const client = coordinators.client([first.address]);
    await client.registerNode(sampleRegistration());
    await first.end();
    const call = client.registerNode(sampleRegistration({ generationId: 2n }));
    const second = await coordinators.start({ store: first.store, port: first.port });
    await call;
    expect(second.consensus.current().version).toBe(2n);
  });

  it('answers NO_LEADER at its deadline when nobody leads', async () => {
    const follower = await coordinators.startFollower(undefined);
    const client = coordinators.client([follower.address], {}, pausesOnlyClock());
    await expect(client.registerNode(sampleRegistration())).rejects.toSatisfy((error) => hasCode(error, 'NO_LEADER'));
  });

  it('names every address that it tried, and what to do, when no coordinator can be reached', async () => {
    const addresses = [await coordinators.unusedAddress(), await coordinators.unusedAddress()];
    const client = coordinators.client(addresses, {}, pausesOnlyClock());
    await expect(client.getLeader()).rejects.toSatisfy(
      (error) =>
        hasCode(error, 'UNREACHABLE') &&
        addresses.every((address) => error.message.includes(address)) &&
        error.hint?.includes('check that a coordinator runs') === true &&
        error.cause !== undefined,
    );
  });

  it('keeps its deadline with a peer that never answers (M5)', async () => {
    const silent = await coordinators.startSilent();
    const client = coordinators.client([silent]);
    await expect(client.getLeader({ timeoutMs: 150 })).rejects.toSatisfy((error) =>
      hasCode(error, 'DEADLINE_EXCEEDED'),
    );
  });

  it('comes back to a coordinator that takes no more when it said, and not before', async () => {
    const leader = await coordinators.start({ rateLimits: oneWrite });
    const clock = pausesOnlyClock();
    const pausesMs: number[] = [];
    const sleep = (delayMs: number, signal?: AbortSignal) => {
      pausesMs.push(delayMs);
      return clock.sleep(delayMs, signal);
    };
    // The other one has nothing to offer, so that without the wait its turn would come at once.
    const addresses = [leader.address, await coordinators.unusedAddress()];
    const client = coordinators.client(addresses, { timeoutMs: 30_000 }, { ...clock, sleep });
    await client.registerNode(sampleRegistration());
    await expect(client.registerNode(sampleRegistration())).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(pausesMs[0]).toBeGreaterThanOrEqual(19_000);
  });

  it('does not repeat a refusal that is final', async () => {
    const leader = await coordinators.start();
    const client = coordinators.client([leader.address]);
    await client.registerNode(sampleRegistration({ generationId: 5n }));
    await expect(client.registerNode(sampleRegistration({ generationId: 4n }))).rejects.toMatchObject({
      code: 'ZOMBIE_NODE',
      details: { nodeId: 'object-1', expectedGeneration: 5n, givenGeneration: 4n },
    });
  });

  it('ends at once when its caller gives up', async () => {
    const silent = await coordinators.startSilent();
    const client = coordinators.client([silent]);
    const caller = new AbortController();
    const call = client.getLeader({ signal: caller.signal });
    const reason = new Error('enough');
    caller.abort(reason);
    await expect(call).rejects.toBe(reason);
  });

  it('ends at once when its caller gives up between two tries', async () => {
    const caller = new AbortController();
    const reason = new Error('enough');
    const clock: Clock = {
      ...systemClock,
      sleep: (delayMs, signal) => {
        caller.abort(reason);
        return systemClock.sleep(delayMs, signal);
      },
    };
    const client = coordinators.client([await coordinators.unusedAddress()], {}, clock);
    await expect(client.getLeader({ signal: caller.signal })).rejects.toBe(reason);
  });
});
