import { StratumError } from '../base/errors.ts';
import { firstIndex } from '../base/first-index.ts';

/**
 * Reading a pack index of version 2 (gitformat-pack) where only byte ranges of it can be had:
 *   8 bytes header, 256 * 4 bytes fan-out, count * hash bytes of sorted ids, then CRCs and offsets.
 * Looking up one id takes two reads: the fan-out, and the ids that begin with its first byte.
 */
export interface PackIndexBytes {
  /** Reads exactly `length` bytes at `offset`. */
  read(offset: number, length: number): Promise<Buffer>;
}

const magic = Buffer.from([0xff, 0x74, 0x4f, 0x63, 0, 0, 0, 2]);
const fanoutBytes = 256 * 4;
const namesOffset = magic.length + fanoutBytes;

/** Number of objects in the pack that the index belongs to. */
export async function countPackObjects(index: PackIndexBytes): Promise<number> {
  return (await readFanout(index)).readUInt32BE(255 * 4);
}

/** The position of an object among the sorted ids of the index, or undefined when the pack does not have it. */
export async function findInPackIndex(index: PackIndexBytes, objectId: string): Promise<number | undefined> {
  const wanted = Buffer.from(objectId, 'hex');
  const first = wanted[0];
  if (first === undefined) return undefined;
  const fanout = await readFanout(index);
  const from = first === 0 ? 0 : fanout.readUInt32BE((first - 1) * 4);
  const to = fanout.readUInt32BE(first * 4);
  if (to < from) throw corrupt('its fan-out table decreases');
  if (to === from) return undefined;
  const names = await index.read(namesOffset + from * wanted.length, (to - from) * wanted.length);
  const at = bisect(names, wanted);
  return at === undefined ? undefined : from + at;
}

async function readFanout(index: PackIndexBytes): Promise<Buffer> {
  const head = await index.read(0, namesOffset);
  if (head.length !== namesOffset || !head.subarray(0, magic.length).equals(magic)) {
    throw corrupt('it does not begin as an index of version 2');
  }
  return head.subarray(magic.length);
}

function bisect(names: Buffer, wanted: Buffer): number | undefined {
  const width = wanted.length;
  const orderAt = (at: number) => names.compare(wanted, 0, width, at * width, (at + 1) * width);
  const count = names.length / width;
  const at = firstIndex(0, count, (middle) => orderAt(middle) >= 0);
  return at < count && orderAt(at) === 0 ? at : undefined;
}

function corrupt(reason: string): StratumError<'DATA_CORRUPT'> {
  return new StratumError('DATA_CORRUPT', `a pack index cannot be read: ${reason}`);
}
