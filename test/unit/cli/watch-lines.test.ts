import { describe, expect, it } from 'vitest';
import { WatchLines } from '../../../src/cli/watch-lines.ts';
import type { TopologyUpdate } from '../../../src/topology/topology.ts';
import { sampleNode, sampleTopology } from './sample-topology.ts';

const update = (version: bigint, changes: Partial<TopologyUpdate>): { kind: 'update'; update: TopologyUpdate } => ({
  kind: 'update',
  update: {
    version,
    previousVersion: version - 1n,
    term: 3n,
    atMs: 1_800_000_000_000,
    reason: 'for a test',
    nodesChanged: [],
    nodesRemoved: [],
    partitionsChanged: [],
    ...changes,
  },
});

describe('the lines of a watch', () => {
  it('begin with a snapshot, and tell new nodes from changed ones and from those that went', () => {
    const lines = new WatchLines({ sinceVersion: 0n });
    const topology = sampleTopology();
    expect(lines.linesOf({ kind: 'full-sync', topology })).toMatchObject([
      { type: 'SNAPSHOT', version: 14n, kind: 'Topology', object: { clusterId: 'cluster-a' } },
    ]);
    const nodesChanged = [sampleNode('object-1', 'object', { state: 'SUSPECT' }), sampleNode('object-4', 'object')];
    expect(lines.linesOf(update(15n, { nodesChanged }))).toMatchObject([
      {
        type: 'MODIFIED',
        version: 15n,
        kind: 'Node',
        reason: 'for a test',
        object: { id: 'object-1', state: 'SUSPECT' },
      },
      { type: 'ADDED', version: 15n, kind: 'Node', object: { id: 'object-4' } },
    ]);
    expect(lines.linesOf(update(16n, { nodesRemoved: ['object-4'] }))).toMatchObject([
      { type: 'DELETED', version: 16n, kind: 'Node', object: { id: 'object-4' } },
    ]);
    expect(lines.linesOf(update(17n, { nodesChanged: [sampleNode('object-4', 'object')] }))).toMatchObject([
      { type: 'ADDED' },
    ]);
  });

  it('tell of ring, partitions and settings', () => {
    const lines = new WatchLines({ sinceVersion: 14n });
    const { ring, settings, partitions } = sampleTopology();
    const kinds = lines
      .linesOf(update(15n, { ring, settings, partitionsChanged: partitions }))
      .map(({ type, kind }) => `${type} ${kind}`);
    expect(kinds).toEqual(['MODIFIED Ring', 'MODIFIED Partition', 'MODIFIED Partition', 'MODIFIED Settings']);
  });

  it('take a node for new without a snapshot when the very command registered it', () => {
    const lines = new WatchLines({ sinceVersion: 14n });
    const isNew = sampleNode('object-9', 'object', { registeredAtMs: 1_800_000_000_000 });
    const nodesChanged = [isNew, sampleNode('object-1', 'object')];
    expect(lines.linesOf(update(15n, { nodesChanged })).map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED']);
  });

  it('say nothing twice, and carry the version in bookmarks', () => {
    const lines = new WatchLines({ sinceVersion: 20n });
    expect(lines.linesOf(update(20n, { nodesRemoved: ['x'] }))).toEqual([]);
    expect(lines.linesOf({ kind: 'lagged', dropped: 3n })).toEqual([]);
    expect(lines.linesOf({ kind: 'keepalive', version: 21n })).toEqual([{ type: 'BOOKMARK', version: 20n }]);
    lines.linesOf(update(21n, {}));
    expect(lines.version).toBe(21n);
  });
});
