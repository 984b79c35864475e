import { type InvalidArgumentDetails, StratumError } from '../../base/errors.ts';
import { oidBytes } from '../../base/oid.ts';
import { refNameFault } from '../../git/ref-name.ts';
import { parseRepoName } from '../../git/repo-name.ts';
import type { PackRef } from '../../rpc/gen/stratum/v1/metadata.ts';
import { isPackName } from './repo-state.ts';

/** A push id: long enough not to be met twice, short enough for a key. */
const pushIdBytesMin = 16;
const pushIdBytesMax = 64;

/** Who pushed, for the log. */
const actorBytesMax = 512;

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

/** A push id; INVALID_ARGUMENT. */
export function checkPushId(pushId: Buffer): Buffer {
  if (pushId.length >= pushIdBytesMin && pushId.length <= pushIdBytesMax) return pushId;
  const expected = `${pushIdBytesMin} to ${pushIdBytesMax} bytes`;
  throw invalid('push_id', `push_id has ${pushId.length} bytes, expected ${expected}`, expected);
}

/** Who pushed; INVALID_ARGUMENT. */
export function checkActor(actor: string): string {
  if (Buffer.byteLength(actor) <= actorBytesMax) return actor;
  throw invalid('actor', `actor is longer than ${actorBytesMax} bytes`, `at most ${actorBytesMax} bytes`);
}

/** Packs whose names and blob ids are well formed; INVALID_ARGUMENT. */
export function checkPacks(packs: readonly PackRef[], field: string): void {
  for (const { name, packOid, indexOid, reverseIndexOid, bitmapOid } of packs) {
    if (!isPackName(name)) {
      const shown = JSON.stringify(name.slice(0, 128));
      throw invalid(`${field}.name`, `${shown} is not the name of a pack`, '40 or 64 lower-case hex digits');
    }
    const isSound =
      [packOid, indexOid].every(({ length }) => length === oidBytes) &&
      [reverseIndexOid, bitmapOid].every(({ length }) => length === oidBytes || length === 0);
    if (isSound) continue;
    const expected = `${oidBytes} bytes each; none for a reverse index or bitmap that is not there`;
    throw invalid(field, `pack ${name} has a blob id of the wrong length`, expected);
  }
}

/** The error for a field that is not as it must be. */
export function invalid(field: string, reason: string, expected: string): StratumError<'INVALID_ARGUMENT'> {
  const details: InvalidArgumentDetails = { field, reason, expected };
  return new StratumError('INVALID_ARGUMENT', reason, details);
}
