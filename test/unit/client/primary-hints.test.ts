import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { PrimaryHints } from '../../../src/client/primary-hints.ts';
import { metadataCluster } from '../node/metadata/sample-topology.ts';

const nodes = { m1: '127.0.0.1:1', m2: '127.0.0.1:2' };
const topology = metadataCluster(nodes, { partitions: 2, epoch: 5n });

function notPrimary(
  epoch: bigint,
  changes: Partial<{ partition: number; primaryId: string; primaryAddress: string }> = {},
) {
  const details = { partition: 0, primaryId: 'm9', primaryAddress: '127.0.0.1:9', epoch, ...changes };
  return new StratumError('NOT_PRIMARY', 'm9 is the primary', details);
}

describe('hints at primaries', () => {
  it('lead to a primary that the topology does not know yet, also to an unknown node', () => {
    const hints = new PrimaryHints();
    expect(hints.route(topology, 0)).toEqual({ nodeId: 'm1', address: nodes.m1 });
    expect(hints.learn(notPrimary(6n), topology)).toBe(true);
    expect(hints.route(topology, 0)).toEqual({ nodeId: 'm9', address: '127.0.0.1:9' });
    expect(hints.route(topology, 1)).toEqual({ nodeId: 'm2', address: nodes.m2 });
  });

  it('end when the topology has reached their epoch', () => {
    const hints = new PrimaryHints();
    hints.learn(notPrimary(6n), topology);
    const later = metadataCluster(nodes, { partitions: 2, epoch: 6n });
    expect(hints.route(later, 0)).toEqual({ nodeId: 'm1', address: nodes.m1 });
  });

  it.each([
    ['an epoch that the topology has', notPrimary(5n)],
    ['no address', new StratumError('NOT_PRIMARY', 'who knows', { partition: 0, primaryId: 'm9', epoch: 9n })],
    ['a partition that there is not', notPrimary(9n, { partition: 2 })],
    ['another error', new StratumError('SHUTTING_DOWN', 'bye')],
  ])('are not taken from %s', (_, failure) => {
    const hints = new PrimaryHints();
    expect(hints.learn(failure, topology)).toBe(false);
    expect(hints.route(topology, 0)).toEqual({ nodeId: 'm1', address: nodes.m1 });
  });

  it('are worth a try once for each epoch, so that two nodes that name each other end', () => {
    const hints = new PrimaryHints();
    expect(hints.learn(notPrimary(6n), topology)).toBe(true);
    expect(hints.learn(notPrimary(6n, { primaryId: 'm8' }), topology)).toBe(false);
    expect(hints.learn(notPrimary(7n, { primaryId: 'm8' }), topology)).toBe(true);
    expect(hints.route(topology, 0).nodeId).toBe('m8');
  });

  it('do not hide that there is no primary', () => {
    const unassigned = metadataCluster(nodes, { epoch: 0n });
    for (const at of [undefined, unassigned]) {
      expect(() => new PrimaryHints().route(at, 0)).toThrow(expect.objectContaining({ code: 'NOT_READY' }));
    }
  });
});
