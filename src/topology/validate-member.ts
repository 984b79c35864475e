import { invalidArgument, quoted } from './invalid-argument.ts';
import { validateNodeId } from './validate-registration.ts';

const peerAddress = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):(\d{1,5})$/;

/** host:port of a member of the consensus engine; the engine takes it into its own URLs, so nothing else may pass. INVALID_ARGUMENT. */
export function validatePeerAddress(address: string, field: string): void {
  if (isPeerAddress(address)) return;
  throw invalidArgument(field, quoted(address), 'host:port with a port from 1 to 65535');
}

/** Node id of a member, or the peer address of one that has never started and so has no name. INVALID_ARGUMENT. */
export function validateMemberId(id: string, field: string): void {
  if (!isPeerAddress(id)) validateNodeId(id, field);
}

function isPeerAddress(address: string): boolean {
  const port = Number(peerAddress.exec(address)?.[2]);
  return port >= 1 && port <= 65_535;
}
