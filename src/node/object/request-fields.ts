import { StratumError } from '../../base/errors.ts';
import { type Oid, oidFromBytes } from '../../base/oid.ts';
import type { Fence } from '../../replication/node-io.ts';
import { decodeFence } from '../../rpc/fence-codec.ts';
import type { Fence as FenceMessage } from '../../rpc/gen/stratum/v1/types.ts';
import { questionOidsMax } from './object-limits.ts';

/** The error of a field that breaks the contract. */
export function invalidField(field: string, reason: string, expected: string): StratumError<'INVALID_ARGUMENT'> {
  const message = `${field}: ${reason}, expected ${expected}`;
  return new StratumError('INVALID_ARGUMENT', message, { field, reason, expected });
}

/** A fence from a request; every write must carry one, and one that came as it was sent. */
export function fenceField(fence: FenceMessage | undefined): Fence {
  if (fence === undefined) throw invalidField('fence', 'missing', 'the term and ring epoch of the caller');
  return decodeFence(fence);
}

/** A number of the wire (bytes, milliseconds) that JavaScript can count. */
export function safeNumberField(field: string, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw invalidField(field, `${value}`, `at most ${Number.MAX_SAFE_INTEGER}`);
}

/** The ids of one question. */
export function oidsField(oids: readonly Uint8Array[]): Oid[] {
  if (oids.length > questionOidsMax) {
    throw invalidField('oids', `${oids.length} ids`, `at most ${questionOidsMax} in a message`);
  }
  return oids.map((oid, index) => oidFromBytes(oid, `oids[${index}]`));
}
