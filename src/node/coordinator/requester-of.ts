import type { Audit } from '../../rpc/gen/stratum/v1/types.ts';
import type { Requester } from '../../topology/commands.ts';
import { validateRequester } from '../../topology/validate-requester.ts';

/** Who asks for a change and why, from the wire; INVALID_ARGUMENT names the part of `audit` that is missing or wrong. */
export function requesterOf(audit: Audit | undefined): Requester {
  const { actor = '', reason = '' } = audit ?? {};
  validateRequester({ actor, reason }, 'audit');
  return { actor, reason };
}
