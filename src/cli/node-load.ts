import { formatBytes } from '../base/units.ts';
import type { NodeRole } from '../topology/topology.ts';

/** The figures of a heartbeat that tell how much a node has to do. */
export interface NodeLoad {
  /** Bytes. */
  readonly storedBytes: number;
  readonly gitRequests: number;
  /** Bytes. */
  readonly residentBytes: number;
}

/** The load of a node in words, what its roles make interesting first. */
export function loadParts(roles: readonly NodeRole[], load: NodeLoad): readonly string[] {
  const parts: string[] = [];
  if (roles.includes('object')) parts.push(`${formatBytes(load.storedBytes)} stored`);
  if (roles.includes('frontend')) parts.push(`${load.gitRequests} requests`);
  if (load.residentBytes > 0) parts.push(`${formatBytes(load.residentBytes)} memory`);
  return parts;
}
