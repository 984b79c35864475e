import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode } from '../../src/base/errors.ts';
import type { Consensus, Leadership } from '../../src/consensus/consensus.ts';
import type { TopologyCommand } from '../../src/topology/commands.ts';
import { register, setState } from '../unit/topology/sample-cluster.ts';

/** Resolves when a driver leads. */
export async function leading(consensus: Consensus): Promise<void> {
  if (consensus.leadership().isLeader) return;
  await new Promise<void>((resolve) => {
    const end = consensus.onLeadership(({ isLeader }) => {
      if (!isLeader) return;
      end();
      resolve();
    });
  });
}

/** A place where a driver keeps its state across restarts. */
export interface ConsensusPlace {
  /** A driver that has not been started, with a history of `historyMax` updates. */
  create(historyMax: number): Consensus;
  remove(): Promise<void>;
}

const signal = new AbortController().signal;

function registrations(count: number, from = 0): TopologyCommand[] {
  return Array.from({ length: count }, (_, index) => register({ id: `node-${from + index}`, roles: ['frontend'] }));
}

/** What every driver of the consensus promises. */
export function describeConsensus(name: string, open: () => Promise<ConsensusPlace>): void {
  describe(`${name} as a consensus driver`, () => {
    let place: ConsensusPlace;
    let running: Consensus[] = [];

    const start = async (historyMax = 100) => {
      const consensus = place.create(historyMax);
      running.push(consensus);
      await consensus.start(signal);
      await leading(consensus);
      return consensus;
    };
    const stop = async (consensus: Consensus) => {
      running = running.filter((other) => other !== consensus);
      await consensus.stop();
    };

    beforeEach(async () => {
      place = await open();
    });
    afterEach(async () => {
      for (const consensus of running) await consensus.stop();
      running = [];
      await place.remove();
    });

    it('begins a new cluster at version 0 and leads it', async () => {
      const consensus = await start();
      expect(consensus.current().version).toBe(0n);
      expect(consensus.leadership()).toMatchObject({ isLeader: true, leaderId: 'coordinator-1' });
      expect(consensus.leadership().term > 0n).toBe(true);
      await expect(consensus.confirmLeadership()).resolves.toBeUndefined();
    });

    it('gives concurrent proposals versions without a gap, in one order (invariant 5)', async () => {
      const consensus = await start();
      const seen: bigint[] = [];
      consensus.subscribe((update) => seen.push(update?.version ?? -1n));
      const applied = await Promise.all(registrations(40).map((command) => consensus.propose(command)));
      const versions = Array.from({ length: 40 }, (_, index) => BigInt(index + 1));
      expect(applied.map(({ update }) => update?.version)).toEqual(versions);
      expect(applied.map(({ topology }) => topology.version)).toEqual(versions);
      expect(seen).toEqual(versions);
      expect(consensus.current().version).toBe(40n);
      expect(consensus.current().nodes.size).toBe(40);
    });

    it('keeps version, topology and history over a restart, and raises the term', async () => {
      const first = await start();
      for (const command of registrations(5)) await first.propose(command);
      const before = { topology: first.current(), history: first.history(2n), term: first.leadership().term };
      await stop(first);
      const second = await start();
      expect(second.current()).toEqual(before.topology);
      expect(second.history(2n)).toEqual(before.history);
      expect(second.leadership().term > before.term).toBe(true);
      const { update } = await second.propose(register({ id: 'later' }));
      expect(update).toMatchObject({ version: 6n, previousVersion: 5n, term: second.leadership().term });
    });

    it('raises the term with every start, also when nothing was proposed', async () => {
      const terms: bigint[] = [];
      for (let round = 0; round < 3; round += 1) {
        const consensus = await start();
        terms.push(consensus.leadership().term);
        await stop(consensus);
      }
      expect(terms).toEqual([...new Set(terms)].sort((a, b) => (a < b ? -1 : 1)));
    });

    it('changes nothing and tells nobody when the reducer refuses', async () => {
      const consensus = await start();
      await consensus.propose(register());
      const before = consensus.current();
      const seen: unknown[] = [];
      consensus.subscribe((update) => seen.push(update));
      await expect(consensus.propose(setState('nobody', 'ACTIVE'))).rejects.toSatisfy((error) =>
        hasCode(error, 'NODE_NOT_FOUND'),
      );
      await expect(consensus.propose(register({ generationId: 0n }))).rejects.toSatisfy((error) =>
        hasCode(error, 'ZOMBIE_NODE'),
      );
      expect(consensus.current()).toBe(before);
      expect(consensus.history(0n)).toHaveLength(1);
      expect(seen).toEqual([]);
    });

    it('answers a command that changes nothing with the present version and no update', async () => {
      const consensus = await start();
      await consensus.propose(register());
      const again = await consensus.propose(register());
      expect(again.update).toBeUndefined();
      expect(again.topology.version).toBe(1n);
    });

    it('goes on after a refusal in the midst of other proposals', async () => {
      const consensus = await start();
      const outcomes = await Promise.allSettled([
        consensus.propose(register({ id: 'a' })),
        consensus.propose(setState('nobody', 'ACTIVE')),
        consensus.propose(register({ id: 'b' })),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(consensus.current().version).toBe(2n);
    });

    it('shows every subscriber each version once, in order, with the topology that it led to', async () => {
      const consensus = await start();
      const one: bigint[] = [];
      const two: bigint[] = [];
      const end = consensus.subscribe((update, topology) => {
        expect(topology.version).toBe(update?.version);
        expect(consensus.current()).toBe(topology);
        one.push(update?.version ?? -1n);
      });
      consensus.subscribe((update) => two.push(update?.version ?? -1n));
      await Promise.all(registrations(3).map((command) => consensus.propose(command)));
      end();
      await Promise.all(registrations(2, 3).map((command) => consensus.propose(command)));
      expect(one).toEqual([1n, 2n, 3n]);
      expect(two).toEqual([1n, 2n, 3n, 4n, 5n]);
    });

    it('tells the others although one subscriber throws, and the proposer too', async () => {
      const consensus = await start();
      const seen: bigint[] = [];
      consensus.subscribe(() => {
        throw new Error('a subscriber’s own trouble');
      });
      consensus.subscribe((update) => seen.push(update?.version ?? -1n));
      await expect(consensus.propose(register())).resolves.toMatchObject({ update: { version: 1n } });
      expect(seen).toEqual([1n]);
    });

    it.each([
      [0n, undefined],
      [6n, undefined],
      [7n, [8n, 9n, 10n]],
      [9n, [10n]],
      [10n, []],
      [11n, []],
    ])('answers the history after version %s as far as it reaches back', async (since, expected) => {
      const consensus = await start(3);
      for (const command of registrations(10)) await consensus.propose(command);
      expect(consensus.history(since)?.map(({ version }) => version)).toEqual(expected);
      await stop(consensus);
      const reopened = await start(3);
      expect(reopened.history(since)?.map(({ version }) => version)).toEqual(expected);
    });

    it('tells of leadership when it comes and when it goes', async () => {
      const consensus = place.create(10);
      const seen: Leadership[] = [];
      consensus.onLeadership((leadership) => seen.push(leadership));
      await consensus.start(signal);
      await leading(consensus);
      await consensus.stop();
      expect(seen.map(({ isLeader }) => isLeader)).toEqual([true, false]);
    });

    it('accepts nothing before its start and after its stop', async () => {
      const consensus = place.create(10);
      await expect(consensus.propose(register())).rejects.toSatisfy((error) => hasCode(error, 'NO_LEADER'));
      expect(() => consensus.current()).toThrow(expect.toSatisfy((error) => hasCode(error, 'NOT_READY')));
      await consensus.start(signal);
      await consensus.stop();
      await expect(consensus.propose(register())).rejects.toSatisfy((error) => hasCode(error, 'NO_LEADER'));
      await expect(consensus.confirmLeadership()).rejects.toSatisfy((error) => hasCode(error, 'NO_LEADER'));
    });

    it('finishes the proposals that were accepted before its stop, or refuses them: none is lost silently', async () => {
      const consensus = await start();
      const proposals = registrations(10).map((command) => consensus.propose(command));
      const settled = Promise.allSettled(proposals);
      await stop(consensus);
      const outcomes = await settled;
      const done = outcomes.filter(({ status }) => status === 'fulfilled').length;
      const reopened = await start();
      expect(reopened.current().version).toBe(BigInt(done));
    });

    it('has been heard of by those who subscribed before its start', async () => {
      const consensus = place.create(10);
      running.push(consensus);
      const seen: bigint[] = [];
      const end = consensus.subscribe((update) => seen.push(update?.version ?? -1n));
      await consensus.start(signal);
      await leading(consensus);
      await consensus.propose(register({ id: 'a' }));
      end();
      await consensus.propose(register({ id: 'b' }));
      expect(seen).toEqual([1n]);
    });

    it('keeps the last batch of heartbeats for whoever starts next', async () => {
      const first = await start();
      expect(await first.loadHeartbeats()).toBeUndefined();
      const batch = {
        atMs: 1_000,
        nodes: [{ nodeId: 'object-1', generationId: 7n, ageMs: 20, suspicionAgesMs: [500, 100] }],
      };
      await first.saveHeartbeats({ ...batch, nodes: [] });
      await first.saveHeartbeats(batch);
      expect(await first.loadHeartbeats()).toEqual(batch);
      expect(first.current().version).toBe(0n);
      await stop(first);
      const second = await start();
      expect(await second.loadHeartbeats()).toEqual(batch);
    });

    it('answers a transfer to the leader itself at once, and refuses one to a coordinator that is not there', async () => {
      const consensus = await start();
      expect(await consensus.transfer('coordinator-1')).toEqual(consensus.leadership());
      for (const target of ['nobody', undefined]) {
        await expect(consensus.transfer(target)).rejects.toSatisfy((error) => hasCode(error, 'NODE_NOT_FOUND'));
      }
      expect(consensus.leadership().isLeader).toBe(true);
      await expect(consensus.propose(register())).resolves.toMatchObject({ update: { version: 1n } });
    });

    it('reports its health', async () => {
      const consensus = await start();
      await consensus.propose(register());
      const status = await consensus.status();
      expect(status).toMatchObject({ hasQuorum: true, members: [{ reachable: true, leader: true, error: '' }] });
      expect(status.appliedIndex).toBe(status.committedIndex);
    });
  });
}
