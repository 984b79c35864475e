import { describe, expect, it } from 'vitest';
import { CoordinatorAuthority } from '../../../../../src/node/metadata/replication/coordinator-authority.ts';
import { assigned } from './sample-replica.ts';

describe('CoordinatorAuthority', () => {
  it('asks in the name of its node, with the reason, within the signal', async () => {
    const asked: unknown[][] = [];
    const client = {
      changePartition: async (...call: unknown[]) => {
        asked.push(call);
        return assigned(6n, 'm1');
      },
    };
    const authority = new CoordinatorAuthority({ nodeId: 'm1' }, { client: () => client, onSilent: () => undefined });
    const { signal } = new AbortController();
    const change = { partition: assigned(5n, 'm1'), generations: new Map([['m3', 7n]]), raisesEpoch: false };
    await authority.changePartition({ ...change, reason: 'm3 caught up' }, signal);
    expect(asked).toEqual([[change, { actor: 'm1', reason: 'm3 caught up' }, { signal }]]);
  });

  it('keeps the list of silent primaries for the next heartbeat, which it calls for', () => {
    let called = 0;
    const onSilent = () => {
      called += 1;
    };
    const client = () => expect.unreachable('nobody is asked');
    const authority = new CoordinatorAuthority({ nodeId: 'm1' }, { client, onSilent });
    expect(authority.silent).toEqual([]);
    authority.reportSilent([{ partition: 3, epoch: 5n }]);
    expect([authority.silent, called]).toEqual([[{ partition: 3, epoch: 5n }], 1]);
  });
});
