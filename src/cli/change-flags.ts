import * as Flags from '@oclif/core/flags';
import type { Requester } from '../topology/commands.ts';
import { actorOf } from './actor.ts';

/** Flags of every command that changes the cluster for an operator. */
export const changeFlags = {
  reason: Flags.string({
    description: 'Why, for the record (who is STRATUM_ACTOR; default: user@host).',
    helpValue: '<text>',
    default: '',
  }),
  yes: Flags.boolean({ char: 'y', description: 'Do not ask.' }),
  'dry-run': Flags.boolean({ description: 'Say what would be done, and change nothing.' }),
};

/** Who asks for a change and why, for its record in the cluster. */
export function requesterOf(
  flags: { readonly reason: string },
  env: Readonly<Record<string, string | undefined>>,
): Requester {
  return { actor: actorOf(env), reason: flags.reason };
}
