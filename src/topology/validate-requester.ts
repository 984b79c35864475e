import type { Requester } from './commands.ts';
import { hasControlCharacters, invalidArgument, quoted } from './invalid-argument.ts';

/** Bounds that keep the record of who asked for a change, which history and log repeat, readable. */
export const actorCharactersMax = 128;
const reasonCharactersMax = 1_000;

/**
 * Checks who asks for a change and why: an actor of 1 to 128 characters, a reason of at most 1,000,
 * neither with control characters. INVALID_ARGUMENT names `field` with the part that is wrong.
 */
export function validateRequester({ actor, reason }: Requester, field: string): void {
  if (actor === '' || actor.length > actorCharactersMax || hasControlCharacters(actor)) {
    throw invalidArgument(`${field}.actor`, quoted(actor), `1 to ${actorCharactersMax} printable characters`);
  }
  if (reason.length > reasonCharactersMax || hasControlCharacters(reason)) {
    throw invalidArgument(`${field}.reason`, quoted(reason), `at most ${reasonCharactersMax} printable characters`);
  }
}
