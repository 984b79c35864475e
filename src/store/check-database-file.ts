import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { StratumError, systemCode } from '../base/errors.ts';

/**
 * Where LMDB's data format 2 (lmdb-js 3) keeps what is needed here, in each of the two meta pages at
 * the start of the file: liblmdb/mdb.c, MDB_meta behind a page header of 24 bytes.
 */
const meta = { magicAt: 24, versionAt: 28, pageBytesAt: 48, lastPageAt: 144, transactionAt: 152, headBytes: 160 };
const magic = 0xbeefc0de;
const formatVersion = 2;

/**
 * Looks whether LMDB can open the database in a folder. LMDB maps the file and trusts it: a
 * truncated or foreign one ends the process by a signal, without a word. DATA_CORRUPT instead. A
 * file that is missing or empty is a new database. What is wrong within the pages is not found.
 */
export function checkDatabaseFile(folder: string): void {
  const path = join(folder, 'data.mdb');
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    if (size === 0) return;
    const fault = faultOf(file, size);
    if (fault !== undefined) throw corrupt(path, fault);
  } finally {
    closeSync(file);
  }
}

function faultOf(file: number, size: number): string | undefined {
  const first = readMeta(file, 0);
  if (first === undefined) return 'its first page is not one of LMDB';
  const pageBytes = first.readUInt32LE(meta.pageBytesAt);
  const second = readMeta(file, pageBytes);
  if (second === undefined) return 'its second page is not one of LMDB';
  const isSecondNewer = second.readBigUInt64LE(meta.transactionAt) > first.readBigUInt64LE(meta.transactionAt);
  const pages = (isSecondNewer ? second : first).readBigUInt64LE(meta.lastPageAt) + 1n;
  if (pages * BigInt(pageBytes) <= BigInt(size)) return undefined;
  return `it has ${size} bytes and should have ${pages * BigInt(pageBytes)}`;
}

function readMeta(file: number, position: number): Buffer | undefined {
  const head = Buffer.alloc(meta.headBytes);
  if (readSync(file, head, 0, head.length, position) < head.length) return undefined;
  const isMeta = head.readUInt32LE(meta.magicAt) === magic && head.readUInt32LE(meta.versionAt) === formatVersion;
  return isMeta ? head : undefined;
}

function corrupt(path: string, fault: string): StratumError<'DATA_CORRUPT'> {
  return new StratumError('DATA_CORRUPT', `${path} cannot be opened: ${fault}`, undefined, {
    hint: 'restore the data folder from a copy; what only this node had is lost without one',
  });
}
