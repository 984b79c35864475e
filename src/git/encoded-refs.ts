import { firstIndex } from '../base/first-index.ts';
import { KiB } from '../base/units.ts';
import { compareRefNames } from './compare-ref-names.ts';
import { pktPrefix } from './pkt-line.ts';
import type { GitRef } from './ref-snapshot.ts';

/**
 * How a ref is shown. 'plain': "<id> <name>", to pushers and in `ls-refs`. 'attribute': the same with
 * " peeled:<id>" behind an annotated tag, in `ls-refs` with `peel`. 'dereferenced': a second line
 * "<peeled id> <name>^{}" after an annotated tag, to fetching clients of protocol v0 and v1.
 */
export type RefLineShape = 'plain' | 'attribute' | 'dereferenced';

/** Gives the encoded refs of one snapshot, made now or kept from before. */
export type RefLines = (shape: RefLineShape) => EncodedRefs;

/** Characters that are gathered before they become bytes: a call for each line would cost more than its bytes. */
const batchCharacters = 16 * KiB;

/**
 * The refs of a snapshot as the pkt-lines of a response, so that neither 100,000 refs nor a part of
 * them is encoded again for the next client. The bytes are shared and must not be changed.
 */
export class EncodedRefs {
  readonly #bytes: Buffer;
  /** Where the lines of each ref begin; one more for the end. */
  readonly #offsets: Uint32Array;

  private constructor(bytes: Buffer, offsets: Uint32Array) {
    this.#bytes = bytes;
    this.#offsets = offsets;
  }

  /** Encodes refs, which are in the byte order of their names. */
  static encode(refs: readonly GitRef[], shape: RefLineShape): EncodedRefs {
    const offsets = new Uint32Array(refs.length + 1);
    let end = 0;
    for (let at = 0; at < refs.length; at += 1) {
      const ref = refs[at];
      if (ref !== undefined) end += lineBytes(ref, shape);
      offsets[at + 1] = end;
    }
    return new EncodedRefs(write(refs, shape, end), offsets);
  }

  /** What it takes in memory; the refs themselves are not kept. */
  get byteLength(): number {
    return this.#bytes.length + this.#offsets.byteLength;
  }

  /** The lines of all refs, in order. */
  get all(): Buffer {
    return this.#bytes;
  }

  /**
   * The lines of the refs whose names begin with one of the prefixes, in order, each ref once. The
   * refs are those that were encoded, or equal ones.
   */
  *withPrefixes(refs: readonly GitRef[], prefixes: readonly string[]): Generator<Buffer, void, undefined> {
    let done = 0;
    for (const prefix of [...prefixes].sort(compareRefNames)) {
      // A range that lies within the one before has nothing left to give.
      const begin = search(refs, done, (name) => compareRefNames(name, prefix) >= 0);
      const end = search(refs, begin, (name) => !name.startsWith(prefix));
      if (end > begin) yield this.#bytes.subarray(this.#offsets[begin], this.#offsets[end]);
      done = end;
    }
  }
}

/**
 * The first index at or after `from` of whose name the predicate holds; it holds of all that follow. In
 * growing steps, because among thousands of prefixes the next one is seldom far away.
 */
function search(refs: readonly GitRef[], from: number, holds: (name: string) => boolean): number {
  const holdsAt = (index: number) => holds(refs[index]?.name ?? '');
  let low = from;
  let high = from;
  for (let step = 1; high < refs.length && !holdsAt(high); step *= 2) {
    low = high + 1;
    high += step;
  }
  return firstIndex(low, Math.min(high, refs.length), holdsAt);
}

const attribute = ' peeled:';
const dereference = '^{}';

/** The bytes of what `linesOf` gives, counted without making it. */
function lineBytes({ name, objectId, peeledId }: GitRef, shape: RefLineShape): number {
  const nameBytes = Buffer.byteLength(name);
  const plainBytes = 4 + objectId.length + 1 + nameBytes + 1;
  if (peeledId === '' || shape === 'plain') return plainBytes;
  if (shape === 'attribute') return plainBytes + attribute.length + peeledId.length;
  return plainBytes + 4 + peeledId.length + 1 + nameBytes + dereference.length + 1;
}

function linesOf(ref: GitRef, shape: RefLineShape): string {
  const { name, objectId, peeledId } = ref;
  const bytes = lineBytes(ref, shape);
  if (peeledId === '' || shape === 'plain') return `${pktPrefix(bytes - 4)}${objectId} ${name}\n`;
  if (shape === 'attribute') return `${pktPrefix(bytes - 4)}${objectId} ${name}${attribute}${peeledId}\n`;
  const firstBytes = lineBytes(ref, 'plain');
  const second = `${pktPrefix(bytes - firstBytes - 4)}${peeledId} ${name}${dereference}\n`;
  return `${pktPrefix(firstBytes - 4)}${objectId} ${name}\n${second}`;
}

/** Into one buffer of the right size: one for each batch took three times as long. */
function write(refs: readonly GitRef[], shape: RefLineShape, byteLength: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(byteLength);
  let end = 0;
  let batch = '';
  for (const ref of refs) {
    batch += linesOf(ref, shape);
    if (batch.length < batchCharacters) continue;
    end += bytes.write(batch, end);
    batch = '';
  }
  bytes.write(batch, end);
  return bytes;
}
