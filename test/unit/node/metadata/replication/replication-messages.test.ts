import { describe, expect, it } from 'vitest';
import {
  checkAck,
  checkAppend,
  checkBeacon,
  checkBeaconAck,
  checkEnd,
  signedAck,
  signedAppend,
  signedBeacon,
  signedBeaconAck,
  signedEnd,
} from '../../../../../src/node/metadata/replication/replication-messages.ts';
import { AppendResult } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { recordAt } from './sample-records.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A message and what holds its checksum to its fields. */
function sealed<Message extends object>(name: string, message: Message, check: (message: Message) => void) {
  const changedTo = (field: string, value: unknown) => () => check({ ...message, [field]: value });
  return { name, message: message as Fields, check: () => check(message), changedTo };
}

const messages = [
  sealed(
    'append',
    signedAppend({
      partition: 3,
      epoch: 7n,
      previousIndex: 20n,
      previousEpoch: 6n,
      records: [recordAt(21n, 7n)],
      committedIndex: 19n,
      snapshotRequired: false,
    }),
    checkAppend,
  ),
  sealed(
    'acknowledgement',
    signedAck({ appliedIndex: 0n, partition: 3, epoch: 7n, result: AppendResult.DURABLE, index: 21n }),
    checkAck,
  ),
  sealed(
    'beacon',
    signedBeacon({
      partition: 3,
      epoch: 7n,
      committedIndex: 19n,
      committedEpoch: 6n,
      relinquished: false,
      unheard: false,
    }),
    checkBeacon,
  ),
  sealed('beacon acknowledgement', signedBeaconAck({ partition: 3, epoch: 7n, accepted: true }), checkBeaconAck),
  sealed('end of a snapshot', signedEnd({ index: 21n, epoch: 7n, rowCount: 500n }), checkEnd),
];

/** Every value that a flipped bit makes of a field; a list may lose or gain an element. */
function damaged(value: unknown): readonly unknown[] {
  if (typeof value === 'boolean') return [!value];
  if (Array.isArray(value)) return [value.slice(1), [...value, ...value]];
  if (typeof value === 'bigint') return Array.from({ length: 64 }, (_, bit) => value ^ (1n << BigInt(bit)));
  return Array.from({ length: 32 }, (_, bit) => (Number(value) ^ (1 << bit)) >>> 0);
}

describe.each(messages)('the checksum of an $name', ({ message, check, changedTo }) => {
  it('holds for the message as it was made', () => {
    expect(check).not.toThrow();
  });

  it.each(Object.keys(message))('notices every flipped bit of %s', (field) => {
    for (const value of damaged(message[field])) {
      expect(changedTo(field, value)).toThrow(expect.objectContaining({ code: 'CHECKSUM_MISMATCH' }));
    }
  });
});

describe('the checksums', () => {
  it('notice two fields that have changed places', () => {
    const end = signedEnd({ index: 21n, epoch: 7n, rowCount: 500n });
    expect(() => checkEnd({ ...end, index: 7n, epoch: 21n })).toThrow(
      expect.objectContaining({ code: 'CHECKSUM_MISMATCH' }),
    );
  });
});
