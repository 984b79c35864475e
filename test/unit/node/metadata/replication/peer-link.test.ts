import { describe, expect, it } from 'vitest';
import { PeerLink } from '../../../../../src/node/metadata/replication/peer-link.ts';
import { signedAck } from '../../../../../src/node/metadata/replication/replication-messages.ts';
import { timingsOf } from '../../../../../src/node/metadata/replication/replication-timings.ts';
import {
  type AppendEntriesRequest,
  type AppendEntriesResponse,
  AppendResult,
  type PartitionAppend,
} from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { manualClock } from '../../../base/manual-clock.ts';
import { settled } from '../memory-disk.ts';
import { recordAt } from './sample-records.ts';
import { appendOf, leaseMs } from './sample-replica.ts';

const mebibyte = 1024 * 1024;

function link() {
  const clock = manualClock();
  const stopping = new AbortController();
  const requests: {
    request: AppendEntriesRequest;
    answer: (response: AppendEntriesResponse) => void;
    fail: (error: Error) => void;
  }[] = [];
  const lacks = new Map<number, Buffer[]>();
  const damaged = new Set<number>();
  const told: unknown[][] = [];
  const unused = () => expect.unreachable('only appends are sent');
  const peer = {
    beacon: unused,
    fetchSnapshot: unused,
    appendEntries: (request: AppendEntriesRequest) =>
      new Promise<AppendEntriesResponse>((answer, fail) => requests.push({ request, answer, fail })),
  };
  const peerLink = new PeerLink(
    { nodeId: 'm1', generation: 4n, peerId: 'm2' },
    {
      peers: { peer: () => peer },
      clock,
      timings: () => timingsOf(leaseMs),
      stopping: stopping.signal,
      source: {
        appendFor: (partition, bytesMax): PartitionAppend | undefined => {
          const records = lacks.get(partition);
          told.push(['asked', partition, bytesMax]);
          if (damaged.has(partition)) throw new Error('a damaged record');
          return records === undefined ? undefined : appendOf({ partition, records });
        },
        shared: () => [...lacks.keys()],
        answered: (partition) => {
          told.push(['answered', partition]);
          return false;
        },
        unreadable: (partition) => told.push(['unreadable', partition]),
        failed: (partition) => told.push(['failed', partition]),
      },
    },
  );
  const sent = () => requests.map(({ request }) => request.appends.map(({ partition }) => partition));
  const acks = (partitions: readonly number[]) =>
    partitions.map((partition) =>
      signedAck({ appliedIndex: 0n, partition, epoch: 5n, result: AppendResult.DURABLE, index: 1n }),
    );
  const answer = async (at = requests.length - 1) => {
    const partitions = sent()[at] ?? [];
    for (const partition of partitions) lacks.delete(partition);
    requests[at]?.answer({ generation: 1n, acks: acks(partitions) });
    await settled();
  };
  return { link: peerLink, clock, stopping, requests, lacks, damaged, told, sent, answer };
}

describe('PeerLink', () => {
  it('sends of other partitions what it can when one cannot be read, and says which', () => {
    const { link: to, lacks, damaged, sent, told } = link();
    for (const partition of [1, 2, 3]) lacks.set(partition, [recordAt(1n, 5n)]);
    damaged.add(2);
    expect(() => to.tick()).not.toThrow();
    expect(sent()).toEqual([[1, 3]]);
    expect(told).toContainEqual(['unreadable', 2]);
  });

  it('sends a few messages at a time, and then everything that has come up meanwhile in one', async () => {
    const { link: to, lacks, sent, answer } = link();
    for (const partition of [0, 1, 2, 3, 4, 5, 6]) {
      lacks.set(partition, [Buffer.alloc(10)]);
      to.notify(partition);
    }
    expect(sent()).toEqual([[0], [1], [2], [3]]);
    await answer(1);
    expect(sent()).toEqual([[0], [1], [2], [3], [4, 5, 6]]);
    for (const at of [0, 2, 3, 4]) await answer(at);
    expect(sent()).toHaveLength(5);
  });

  it('sends nothing when the peer lacks nothing', () => {
    const { link: to, sent } = link();
    to.notify(0);
    to.tick();
    expect(sent()).toEqual([]);
  });

  it('fills a message as far as it may, and sends the rest in the next', async () => {
    const { link: to, lacks, sent, told } = link();
    for (const partition of [0, 1, 2]) lacks.set(partition, [Buffer.alloc(2 * mebibyte)]);
    to.tick();
    expect(sent()).toEqual([[0, 1], [2]]);
    expect(told.filter(([what]) => what === 'asked')).toEqual([
      ['asked', 0, 4 * mebibyte],
      ['asked', 1, 2 * mebibyte],
      ['asked', 2, 4 * mebibyte],
    ]);
  });

  it.each([
    ['fails', (call: ReturnType<typeof link>) => call.requests[0]?.fail(new Error('broken'))],
    [
      'is answered with damage',
      (call: ReturnType<typeof link>) =>
        call.requests[0]?.answer({
          generation: 1n,
          acks: [{ partition: 0, epoch: 5n, result: AppendResult.DURABLE, index: 9n, appliedIndex: 0n, checksum: 0 }],
        }),
    ],
    ['is not answered', (call: ReturnType<typeof link>) => call.clock.advance(5_000)],
  ])('tries again after a while when a call %s', async (_, fail) => {
    const call = link();
    call.lacks.set(0, [Buffer.alloc(10)]);
    call.link.notify(0);
    fail(call);
    await settled();
    expect(call.told.slice(1)).toEqual([['failed', 0]]);
    call.link.notify(0);
    expect(call.sent()).toHaveLength(1);
    call.clock.advance(leaseMs);
    expect(call.sent()).toEqual([[0], [0]]);
  });

  it('sends nothing once the node stops', async () => {
    const { link: to, lacks, sent, stopping } = link();
    stopping.abort();
    lacks.set(0, [Buffer.alloc(10)]);
    to.notify(0);
    await to.settled();
    expect(sent()).toEqual([]);
  });
});
