import { describe, expect, it } from 'vitest';
import { hasCode, StratumError } from '../../../src/base/errors.ts';
import { EmbeddedConsensus, type EmbeddedConsensusOptions } from '../../../src/consensus/embedded-consensus.ts';
import { MemoryTopologyStore } from '../../../src/consensus/memory-topology-store.ts';
import type { StoreWrite } from '../../../src/consensus/topology-store.ts';
import { recordingLog } from '../base/recording-log.ts';
import { emptyCluster, register } from '../topology/sample-cluster.ts';

const signal = new AbortController().signal;

/** A store whose writes wait until they are let through, or fail. */
class GatedStore extends MemoryTopologyStore {
  gate: (write: StoreWrite) => Promise<void> = () => Promise.resolve();

  override async write(write: StoreWrite): Promise<void> {
    await this.gate(write);
    await super.write(write);
  }
}

function consensusOn(store: MemoryTopologyStore, changes: Partial<EmbeddedConsensusOptions> = {}) {
  const log = recordingLog();
  const options = {
    nodeId: 'coordinator-1',
    address: () => '127.0.0.1:7480',
    initialTopology: () => emptyCluster(),
    ...changes,
  };
  return { consensus: new EmbeddedConsensus(options, { store, log }), log };
}

describe('EmbeddedConsensus', () => {
  it('answers and publishes only what the store has', async () => {
    const store = new GatedStore();
    const { consensus } = consensusOn(store);
    await consensus.start(signal);
    const { promise: durable, resolve: flush } = Promise.withResolvers<void>();
    const { promise: writing, resolve: begun } = Promise.withResolvers<void>();
    store.gate = () => {
      begun();
      return durable;
    };
    const seen: unknown[] = [];
    consensus.subscribe((update) => seen.push(update));
    const proposal = consensus.propose(register());
    await writing;
    expect(consensus.current().version).toBe(0n);
    expect(consensus.history(0n)).toEqual([]);
    expect(seen).toEqual([]);
    flush();
    await proposal;
    expect(consensus.current().version).toBe(1n);
    expect(seen).toHaveLength(1);
  });

  it('fails the proposal whose write fails, changes nothing in memory, and goes on without a gap', async () => {
    const store = new GatedStore();
    const { consensus } = consensusOn(store);
    await consensus.start(signal);
    await consensus.propose(register({ id: 'a' }));
    const before = consensus.current();
    store.gate = () =>
      Promise.reject(new StratumError('DISK_FULL', 'no room', { what: 'disk of the coordinator', limit: 0n }));
    await expect(consensus.propose(register({ id: 'b' }))).rejects.toSatisfy((error) => hasCode(error, 'DISK_FULL'));
    expect(consensus.current()).toBe(before);
    expect(consensus.history(0n)).toHaveLength(1);
    store.gate = () => Promise.resolve();
    const { update } = await consensus.propose(register({ id: 'c' }));
    expect(update).toMatchObject({ previousVersion: 1n, version: 2n });
    expect([...consensus.current().nodes.keys()]).toEqual(['a', 'c']);
  });

  it('does not lead when the new term cannot be made durable', async () => {
    const store = new GatedStore();
    store.gate = () => Promise.reject(new Error('read-only disk'));
    const { consensus } = consensusOn(store);
    await expect(consensus.start(signal)).rejects.toThrow('read-only disk');
    expect(consensus.leadership().isLeader).toBe(false);
  });

  it('refuses proposals beyond its bound, and takes new ones when there is room again', async () => {
    const store = new GatedStore();
    const { consensus } = consensusOn(store, { proposalsMax: 2 });
    await consensus.start(signal);
    const { promise: durable, resolve: flush } = Promise.withResolvers<void>();
    store.gate = () => durable;
    const accepted = [consensus.propose(register({ id: 'a' })), consensus.propose(register({ id: 'b' }))];
    await expect(consensus.propose(register({ id: 'c' }))).rejects.toSatisfy((error) => hasCode(error, 'OVERLOADED'));
    flush();
    await Promise.all(accepted);
    await expect(consensus.propose(register({ id: 'c' }))).resolves.toMatchObject({ update: { version: 3n } });
  });

  it('keeps the settings of the cluster, and says which configured ones it does not use', async () => {
    const store = new MemoryTopologyStore();
    const first = consensusOn(store).consensus;
    await first.start(signal);
    await first.stop();
    const { consensus, log } = consensusOn(store, {
      initialTopology: () => emptyCluster({ partitions: 16, suspectTimeoutMs: 5_000 }),
    });
    await consensus.start(signal);
    expect(consensus.current().settings.partitions).toBe(8);
    expect(log.lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        fields: {
          ignored: ['partitions', 'suspectTimeoutMs'],
          inForce: { partitions: 8, suspectTimeoutMs: 3_000 },
        },
      }),
    );
  });

  it('keeps the id of the cluster over restarts', async () => {
    const store = new MemoryTopologyStore();
    const first = consensusOn(store).consensus;
    await first.start(signal);
    await first.stop();
    const second = consensusOn(store, {
      initialTopology: () => ({ ...emptyCluster(), clusterId: 'another' }),
    }).consensus;
    await second.start(signal);
    expect(second.current().clusterId).toBe('cluster-1');
  });
});
