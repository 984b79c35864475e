import { crc32 } from 'node:zlib';

/*
 * The content of a small blob in the index: version (1 byte), CRC-32 of the content (4 bytes,
 * big-endian), content. The version of a copy in quarantine has its highest bit set, so that a
 * reader that looks at nothing else does not serve it.
 */
const rowVersion = 1;
const quarantinedBit = 0x80;
const headerBytes = 5;

/** The stored form of content. */
export function encodeContentRow(content: Uint8Array): Buffer {
  const row = Buffer.allocUnsafe(headerBytes + content.length);
  row.writeUInt8(rowVersion, 0);
  row.writeUInt32BE(crc32(content), 1);
  row.set(content, headerBytes);
  return row;
}

/** The content of a row, unchecked; undefined for a row in quarantine, or of a form that this version does not know. */
export function contentOfRow(row: Buffer): Buffer | undefined {
  return row[0] === rowVersion && row.length >= headerBytes ? row.subarray(headerBytes) : undefined;
}

/**
 * The content of a row when its CRC-32 is right. That finds flipped bits at less than half the cost of SHA-256
 * (docs/performance.md); it does not prove that the content is the blob's, which readers do.
 */
export function checkedContentOfRow(row: Buffer): Buffer | undefined {
  const content = contentOfRow(row);
  return content !== undefined && crc32(content) === row.readUInt32BE(1) ? content : undefined;
}

/** The same row, in quarantine: kept for whoever wants to know what the disk did to it. */
export function quarantinedRow(row: Buffer): Buffer {
  const aside = Buffer.from(row);
  aside[0] = (aside[0] ?? 0) | quarantinedBit;
  return aside;
}
