/** Where the content of a blob is. */
export type BlobPlace = 'index' | 'file';

/** What the index keeps of a blob. */
export interface BlobRecord {
  readonly place: BlobPlace;
  /** The copy is damaged or lost: not served, and not counted as held. */
  readonly quarantined: boolean;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the Unix epoch of the last put. */
  readonly storedAtMs: number;
  /** The stored form cannot be read: size, age and place are not known, and content may be in either place. */
  readonly unreadable?: true;
}

/*
 * On disk, big-endian: version (1 byte), place (1: index, 2: file), flags (bit 0: quarantined),
 * size (8 bytes), time of the last put (8 bytes).
 */
const recordVersion = 1;
const recordBytes = 19;
const placeNumbers: Readonly<Record<BlobPlace, number>> = { index: 1, file: 2 };
const quarantinedFlag = 1;

/** What stands for a record that cannot be read: in quarantine, so that nothing relies on it. */
const unreadableRecord: BlobRecord = { place: 'file', quarantined: true, size: 0, storedAtMs: 0, unreadable: true };

/** The stored form of a record. */
export function encodeBlobRecord(record: BlobRecord): Buffer {
  const bytes = Buffer.alloc(recordBytes);
  bytes.writeUInt8(recordVersion, 0);
  bytes.writeUInt8(placeNumbers[record.place], 1);
  bytes.writeUInt8(record.quarantined ? quarantinedFlag : 0, 2);
  bytes.writeBigUInt64BE(BigInt(record.size), 3);
  bytes.writeBigUInt64BE(BigInt(Math.trunc(record.storedAtMs)), 11);
  return bytes;
}

/** Reads a record. One that this version does not understand is `unreadable`: its blob is lost here, the others are not. */
export function decodeBlobRecord(bytes: Buffer): BlobRecord {
  const [version, place, flags] = bytes;
  if (version !== recordVersion || bytes.length !== recordBytes || (place !== 1 && place !== 2)) {
    return unreadableRecord;
  }
  return {
    place: place === placeNumbers.file ? 'file' : 'index',
    quarantined: ((flags ?? 0) & quarantinedFlag) !== 0,
    size: Number(bytes.readBigUInt64BE(3)),
    storedAtMs: Number(bytes.readBigUInt64BE(11)),
  };
}

/** Whether the index may hold content of a blob. */
export function mayBeInIndex({ place, unreadable }: BlobRecord): boolean {
  return place === 'index' || unreadable === true;
}

/** Whether a record speaks of a copy that is held and served. */
export function isGood(record: BlobRecord | undefined): record is BlobRecord {
  return record !== undefined && !record.quarantined;
}
