import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { checkAck, checkAppend, signedAck } from '../../../../../src/node/metadata/replication/replication-messages.ts';
import { type AppendEntriesRequest, AppendResult } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { recordsFrom } from '../replication/sample-records.ts';
import { appendOf } from '../replication/sample-replica.ts';
import { neverAborted, remotePeer } from './sample-replication.ts';

const request: AppendEntriesRequest = {
  primaryId: 'm1',
  generation: 2n ** 63n,
  appends: [
    appendOf({ partition: 1, records: recordsFrom(1n, [5n, 5n]), committedIndex: 2n ** 60n }),
    appendOf({ partition: 2 }),
  ],
};

describe('AppendEntries', () => {
  it('carries entries and answers as they are, with the checksums that they were made with', async () => {
    const received: AppendEntriesRequest[] = [];
    const acks = [1, 2].map((partition) =>
      signedAck({ appliedIndex: 0n, partition, epoch: 5n, result: AppendResult.DURABLE, index: 2n ** 60n }),
    );
    const peer = await remotePeer({
      appendEntries: async (got) => {
        received.push(got);
        return { generation: 2n ** 63n + 1n, acks };
      },
    });
    const answer = await peer.appendEntries(request, neverAborted);
    expect(received).toEqual([request]);
    for (const append of received[0]?.appends ?? []) checkAppend(append);
    expect(answer).toEqual({ generation: 2n ** 63n + 1n, acks });
    for (const ack of answer.acks) checkAck(ack);
  });

  it('tells why it was refused', async () => {
    const peer = await remotePeer({
      appendEntries: () => Promise.reject(new StratumError('DATA_CORRUPT', 'a record has a wrong checksum')),
    });
    await expect(peer.appendEntries(request, neverAborted)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });

  it('ends with its caller’s signal', async () => {
    const controller = new AbortController();
    const peer = await remotePeer({
      appendEntries: () => {
        controller.abort(new Error('gone'));
        return new Promise(() => undefined);
      },
    });
    await expect(peer.appendEntries(request, controller.signal)).rejects.toThrow('gone');
  });
});
