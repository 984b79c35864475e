import { crc32 } from 'node:zlib';
import { assert } from '../base/errors.ts';
import { KiB } from '../base/units.ts';
import type { StoredEntry } from './stored-entry.ts';

/*
 * What stands behind the content in an entry's file. Numbers are big-endian, times in milliseconds since the epoch.
 *
 *   0   8 bytes    magic, "STRENTRY"
 *   8   u8         version, 1
 *   9   u8         bytes of the tag
 *   10  u16        0
 *   12  u32        CRC-32 of the content
 *   16  u64        bytes of the content
 *   24  u64        when it was stored
 *   32  u64        when it ends; 0 for never
 *   40  u64        what its making took
 *   48  32 bytes   the key
 *   80  128 bytes  the tag, padded with zeros
 *   208 u32        CRC-32 of all before it
 *
 * When the entry was last read is the file's modification time. A file that was not finished has no footer, or one
 * that does not fit its length.
 */
const magic = Buffer.from('STRENTRY', 'latin1');
const version = 1;
const keyAt = 48;
const keyBytes = 32;
const tagAt = keyAt + keyBytes;
const checksumAt = tagAt + 128;

/** Bytes of UTF-8 that a tag may have. */
export const tagBytesMax = checksumAt - tagAt;

/** Bytes of a footer. */
export const footerBytes = checksumAt + 4;

/** A file takes whole blocks of the file system; ext4 and XFS have blocks of this size unless told otherwise. */
const blockBytes = 4 * KiB;

/** What the file of an entry takes on the disk. */
export function fileBytesOf(contentBytes: number): number {
  return Math.ceil((contentBytes + footerBytes) / blockBytes) * blockBytes;
}

/** The most content whose file takes no more than so many bytes; 0 where there is room for none. */
export function contentBytesIn(fileBytes: number): number {
  return Math.max(0, Math.floor(fileBytes / blockBytes) * blockBytes - footerBytes);
}

/** What a footer says. */
export type EntryFacts = Omit<StoredEntry, 'usedAtMs'>;

/** The footer of an entry. */
export function encodeFooter(entry: EntryFacts): Buffer {
  const footer = Buffer.alloc(footerBytes);
  const tagBytes = Buffer.byteLength(entry.tag);
  assert(tagBytes <= tagBytesMax, `a tag of ${tagBytes} bytes`);
  magic.copy(footer, 0);
  footer.writeUInt8(version, 8);
  footer.writeUInt8(tagBytes, 9);
  footer.writeUInt32BE(entry.crc32, 12);
  footer.writeBigUInt64BE(BigInt(entry.sizeBytes), 16);
  footer.writeBigUInt64BE(asInteger(entry.storedAtMs), 24);
  footer.writeBigUInt64BE(asInteger(entry.expiresAtMs ?? 0), 32);
  footer.writeBigUInt64BE(asInteger(entry.costMs), 40);
  footer.write(entry.key, keyAt, keyBytes, 'hex');
  footer.write(entry.tag, tagAt, 'utf8');
  footer.writeUInt32BE(crc32(footer.subarray(0, checksumAt)), checksumAt);
  return footer;
}

/** What the footer of a file of that length says; undefined when it is none, or not that of the file. */
export function decodeFooter(footer: Buffer, fileBytes: number): EntryFacts | undefined {
  if (footer.length !== footerBytes || !footer.subarray(0, magic.length).equals(magic)) return undefined;
  if (footer.readUInt8(8) !== version) return undefined;
  if (footer.readUInt32BE(checksumAt) !== crc32(footer.subarray(0, checksumAt))) return undefined;
  const sizeBytes = Number(footer.readBigUInt64BE(16));
  if (sizeBytes + footerBytes !== fileBytes) return undefined;
  const expiresAtMs = Number(footer.readBigUInt64BE(32));
  return {
    key: footer.toString('hex', keyAt, tagAt),
    sizeBytes,
    crc32: footer.readUInt32BE(12),
    storedAtMs: Number(footer.readBigUInt64BE(24)),
    expiresAtMs: expiresAtMs === 0 ? undefined : expiresAtMs,
    costMs: Number(footer.readBigUInt64BE(40)),
    tag: footer.toString('utf8', tagAt, tagAt + Math.min(footer.readUInt8(9), tagBytesMax)),
  };
}

function asInteger(ms: number): bigint {
  return BigInt(Math.max(0, Math.round(ms)));
}
