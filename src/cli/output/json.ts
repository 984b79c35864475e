import { formatTime } from '../../base/units.ts';

/**
 * JSON as the contract has it: u64 values (ids, versions, epochs) are strings, because a JSON
 * number loses digits beyond 2^53.
 */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner),
    indent,
  );
}

/** A time as RFC 3339 in UTC; empty for "never" (0). */
export function toTime(epochMs: number): string {
  return epochMs === 0 ? '' : formatTime(epochMs);
}
