import type {
  AcquireMaintenanceRequest,
  AcquireMaintenanceResponse,
  MaintenanceLease,
  ReleaseMaintenanceRequest,
  ReleaseMaintenanceResponse,
} from '../../../rpc/gen/stratum/v1/metadata.ts';
import { readRepoWithId } from '../repo-state.ts';
import type { StateReader } from '../state.ts';
import { maintenanceLeaseKey } from '../state-keys.ts';
import { decodeMaintenanceLease, encodeMaintenanceLease } from '../state-records.ts';
import type { Applied, EntryContext } from './applied.ts';

/** The longest lease: whoever works longer renews it, and of one that has died the others are free an hour later. */
export const maintenanceTtlMsMax = 60n * 60n * 1000n;

/**
 * Takes or renews the lease of a repository's maintenance; by the entries' own times, so that all replicas judge the same.
 * It saves work and protects nothing: what keeps objects is the compare-and-swap of the pack list. REPO_NOT_FOUND.
 */
export function applyAcquireMaintenance(
  state: StateReader,
  { repo, repoId, holder, ttlMs }: AcquireMaintenanceRequest,
  { atMs }: EntryContext,
): Applied<AcquireMaintenanceResponse> {
  readRepoWithId(state, repo, repoId);
  const held = findLease(state, repoId);
  if (held !== undefined && held.holder !== holder && isHeld(held, atMs)) {
    return { writes: [], result: { granted: false, ...held } };
  }
  const lease = { holder, expiresAtMs: atMs + (ttlMs < maintenanceTtlMsMax ? ttlMs : maintenanceTtlMsMax) };
  const write = { key: maintenanceLeaseKey(repoId), value: encodeMaintenanceLease(lease) };
  return { writes: [write], result: { granted: true, ...lease } };
}

/** Gives the lease back; from whoever does not have it nothing happens. REPO_NOT_FOUND. */
export function applyReleaseMaintenance(
  state: StateReader,
  { repo, repoId, holder }: ReleaseMaintenanceRequest,
): Applied<ReleaseMaintenanceResponse> {
  readRepoWithId(state, repo, repoId);
  if (findLease(state, repoId)?.holder !== holder) return { writes: [], result: { released: false } };
  return { writes: [{ key: maintenanceLeaseKey(repoId), value: undefined }], result: { released: true } };
}

function findLease(state: StateReader, repoId: string): MaintenanceLease | undefined {
  const bytes = state.get(maintenanceLeaseKey(repoId));
  return bytes === undefined ? undefined : decodeMaintenanceLease(bytes);
}

/** One that ends later than any lease can was given by a clock that was ahead; nobody waits for it to come true. */
function isHeld({ expiresAtMs }: MaintenanceLease, atMs: bigint): boolean {
  return expiresAtMs > atMs && expiresAtMs <= atMs + maintenanceTtlMsMax;
}
