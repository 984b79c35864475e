import { type InvalidArgumentDetails, StratumError } from '../../base/errors.ts';
import { oidBytes } from '../../base/oid.ts';
import { refNameBytesMax, refNameFault } from '../../git/ref-name.ts';
import { parseRepoName } from '../../git/repo-name.ts';
import type { PackRef } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { PartitionAccess } from './partition-access.ts';
import { isPackName } from './repo-state.ts';

/** The id of a request: long enough not to be met twice, short enough for a key. */
const requestIdBytesMin = 16;
const requestIdBytesMax = 64;

/** As many as git's own server takes before it sends everything. */
const refPrefixesMax = 65_536;

/** Far above any pack; the sum over the most packs of one repository still fits into 64 bits. */
const packNumberMax = 2n ** 44n;

/** Who pushed, for the log. */
const actorBytesMax = 512;

/** Who maintains a repository: the id of a node and of a run. */
const holderBytesMax = 256;

const none = Buffer.alloc(0);

/** A repository's name in its one canonical form; INVALID_ARGUMENT. */
export function checkRepoName(name: string, field: string): string {
  if (parseRepoName(name, field) === name) return name;
  throw invalid(field, `repository name ${JSON.stringify(name)} ends in .git`, 'the name without .git');
}

/** The branch that HEAD points at; INVALID_ARGUMENT. */
export function checkHead(head: string): string {
  const fault = head.startsWith('refs/heads/') ? refNameFault(head) : "is not below 'refs/heads/'";
  if (fault === undefined) return head;
  throw invalid(
    'head',
    `HEAD cannot point at ${JSON.stringify(head.slice(0, 128))}: it ${fault}`,
    'refs/heads/<branch>',
  );
}

/** An id that a caller draws, for a push or another request; INVALID_ARGUMENT. */
export function checkRequestId(requestId: Buffer, field: string): Buffer {
  if (requestId.length >= requestIdBytesMin && requestId.length <= requestIdBytesMax) return requestId;
  const expected = `${requestIdBytesMin} to ${requestIdBytesMax} bytes`;
  throw invalid(field, `${field} has ${requestId.length} bytes, expected ${expected}`, expected);
}

/** The partition to look for a repository in: the one that the request names, otherwise the one that its name leads to. */
export function homeOf(
  partitions: Pick<PartitionAccess, 'partitionOf'>,
  name: string,
  home: number | undefined,
): number {
  return home ?? partitions.partitionOf(name);
}

/** Beginnings of ref names; INVALID_ARGUMENT. */
export function checkRefPrefixes(prefixes: readonly string[]): void {
  const expected = `at most ${refPrefixesMax} of at most ${refNameBytesMax} bytes`;
  if (prefixes.length > refPrefixesMax) throw invalid('prefixes', `there are ${prefixes.length} prefixes`, expected);
  if (prefixes.every((prefix) => Buffer.byteLength(prefix) <= refNameBytesMax)) return;
  throw invalid('prefixes', 'a prefix is longer than the name of any ref', expected);
}

/** Who pushed; INVALID_ARGUMENT. */
export function checkActor(actor: string): string {
  if (Buffer.byteLength(actor) <= actorBytesMax) return actor;
  throw invalid('actor', `actor is longer than ${actorBytesMax} bytes`, `at most ${actorBytesMax} bytes`);
}

/** Who maintains a repository; INVALID_ARGUMENT. */
export function checkHolder(holder: string): string {
  const bytes = Buffer.byteLength(holder);
  if (bytes > 0 && bytes <= holderBytesMax) return holder;
  throw invalid('holder', `holder has ${bytes} bytes`, `1 to ${holderBytesMax} bytes`);
}

/** Packs whose names and blob ids are well formed; INVALID_ARGUMENT. */
export function checkPacks(packs: readonly PackRef[], field: string): void {
  for (const pack of packs) {
    const { name, packOid, indexOid, reverseIndexOid, bitmapOid, bundleHeaderOid = none, bundleHeaderSize = 0n } = pack;
    checkPackName(name, `${field}.name`);
    const sizes = [pack.packSize, pack.indexSize, pack.reverseIndexSize, pack.bitmapSize, bundleHeaderSize];
    const numbers = [...sizes, pack.objectCount];
    const tooLarge = numbers.find((number) => number > packNumberMax);
    if (tooLarge !== undefined) {
      throw invalid(field, `pack ${name} has a size or a count of ${tooLarge}`, `at most ${packNumberMax}`);
    }
    const isSound =
      [packOid, indexOid].every(({ length }) => length === oidBytes) &&
      [reverseIndexOid, bitmapOid, bundleHeaderOid].every(({ length }) => length === oidBytes || length === 0);
    if (isSound) continue;
    const expected = `${oidBytes} bytes each; none for a reverse index, bitmap or header that is not there`;
    throw invalid(field, `pack ${name} has a blob id of the wrong length`, expected);
  }
}

/** A pack's name; INVALID_ARGUMENT. */
export function checkPackName(name: string, field: string): void {
  if (isPackName(name)) return;
  const shown = JSON.stringify(name.slice(0, 128));
  throw invalid(field, `${shown} is not the name of a pack`, '40 or 64 lower-case hex digits');
}

/** The error for a field that is not as it must be. */
export function invalid(field: string, reason: string, expected: string): StratumError<'INVALID_ARGUMENT'> {
  const details: InvalidArgumentDetails = { field, reason, expected };
  return new StratumError('INVALID_ARGUMENT', reason, details);
}
