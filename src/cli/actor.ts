import { hostname, userInfo } from 'node:os';
import { actorCharactersMax } from '../topology/validate-requester.ts';

/** Who asks for a change: STRATUM_ACTOR, or user@host of this process. */
export function actorOf(env: Readonly<Record<string, string | undefined>>): string {
  const { STRATUM_ACTOR: given } = env;
  // An empty variable is one that a script cleared.
  if (given !== undefined && given !== '') return given;
  return `${userName()}@${hostname()}`.slice(0, actorCharactersMax);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container often runs under a number that no account has.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
