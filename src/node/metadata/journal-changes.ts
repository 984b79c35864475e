import { StratumError } from '../../base/errors.ts';
import type { Changes } from './layered-state.ts';

/**
 * Changes as a journal keeps them: for each the length of the key (2 bytes), the length of the value plus one, or 0 for a removal
 * (4), big-endian, the key and the value. Behind a version byte.
 */
const version = 1;
const headBytes = 6;

export function encodeChanges(changes: Changes): Buffer {
  let length = 1;
  changes.forEachPair((key, value) => {
    length += headBytes + key.length + (value?.length ?? 0);
  });
  const bytes = Buffer.allocUnsafe(length);
  bytes.writeUInt8(version);
  let at = 1;
  changes.forEachPair((key, value) => {
    at = bytes.writeUInt16BE(key.length, at);
    at = bytes.writeUInt32BE(value === undefined ? 0 : value.length + 1, at);
    at += bytes.write(key, at, 'latin1');
    if (value !== undefined) at += value.copy(bytes, at);
  });
  return bytes;
}

/** DATA_CORRUPT when another version has written them. */
export function* decodeChanges(bytes: Buffer): Iterable<readonly [string, Buffer | undefined]> {
  const found = bytes[0];
  if (found !== version)
    throw new StratumError('DATA_CORRUPT', `a journal's changes have version ${found}, not ${version}`);
  for (let at = 1; at < bytes.length; ) {
    const keyEnd = at + headBytes + bytes.readUInt16BE(at);
    const valueLength = bytes.readUInt32BE(at + 2);
    const key = bytes.toString('latin1', at + headBytes, keyEnd);
    at = keyEnd + Math.max(0, valueLength - 1);
    yield [key, valueLength === 0 ? undefined : Buffer.from(bytes.subarray(keyEnd, at))];
  }
}
