import { StratumError } from '../base/errors.ts';
import type { PackRef, RefCommand } from '../rpc/gen/stratum/v1/metadata.ts';
import { messageBytesMax } from '../rpc/limits.ts';

/** Ref commands of one push. */
export const refCommandsMax = 100_000;

/** Packs that one request adds or removes. */
export const packChangesMax = 100_000;

/** Checks of one CheckRefs: some 150 KB of answer. */
export const refsChecksMax = 1_000;

/** A pack's record in a message. */
const packBytes = 320;

/** The fixed words of a command's result, with the ids that they name, tags and lengths. */
const resultWordsBytes = 320;

/** How often a command's name may stand in its result. */
const namesInResult = 3;

/** What a request or its longest answer takes on the wire, in bytes, near enough for bounds. */
function messageBytes(commands: readonly RefCommand[], packs: number): number {
  let bytes = packs * packBytes;
  for (const { name } of commands) bytes += resultWordsBytes + namesInResult * name.length;
  return bytes;
}

/**
 * Bytes of a push or a change of packs; TOO_LARGE beyond the limits. Both ends check it: the caller
 * because gRPC says less clearly what was too large, the node because of its memory.
 */
export function assertChangeSize(commands: readonly RefCommand[], packs: readonly (PackRef | string)[]): number {
  if (commands.length > refCommandsMax) throw tooLarge('ref commands of one push', refCommandsMax, commands.length);
  if (packs.length > packChangesMax) throw tooLarge('packs of one request', packChangesMax, packs.length);
  const bytes = messageBytes(commands, packs.length);
  if (bytes > messageBytesMax) throw tooLarge('bytes of one push’s commands', messageBytesMax, bytes);
  return bytes;
}

function tooLarge(what: string, limit: number, actual: number): StratumError<'TOO_LARGE'> {
  return new StratumError(
    'TOO_LARGE',
    `${what}: ${actual}, the limit is ${limit}`,
    { what, limit: BigInt(limit), actual: BigInt(actual) },
    { hint: 'push fewer refs at a time' },
  );
}
