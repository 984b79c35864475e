import { StratumError } from '../../base/errors.ts';
import { isOid, type Oid } from '../../base/oid.ts';
import { formatOfId } from '../../git/object-id.ts';
import type { ClusterConnection, TopologySnapshot } from '../connection.ts';
import type { FoundPack } from './find-packs.ts';
import { askReplicas, type Replica, replicasOf } from './replica.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** Where one blob is: the blob that was asked for, or a pack that holds the Git object. */
export interface Location {
  /** The id that was asked for. */
  readonly id: string;
  readonly oid: Oid;
  /** Empty for a blob. */
  readonly repo: string;
  /** Git's name of the pack; empty for a blob. */
  readonly pack: string;
  readonly size: number;
  readonly ringEpoch: bigint;
  /** In order of preference. */
  readonly replicas: readonly Replica[];
  readonly verdict: Verdict;
}

/** How to locate. */
export interface LocateOptions {
  readonly verify: boolean;
  /** The id is a Git object's, to be looked for in this repository. */
  readonly repo?: string | undefined;
  /** Milliseconds that each node has to answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Checks what was typed: INVALID_ARGUMENT unless it is a blob id or a Git object id. */
export function parseLocatable(text: string): string {
  const id = text.trim().toLowerCase();
  if (formatOfId(id) !== undefined) return id;
  const expected = 'a blob id (64 hex digits) or a Git object id (40, or 64 in a sha256 repository)';
  const reason = `"${text.slice(0, 80)}" is not an id`;
  throw new StratumError(
    'INVALID_ARGUMENT',
    `oid: ${reason}`,
    { field: 'oid', reason, expected },
    {
      hint: `expected ${expected}; abbreviated ids are not resolved`,
    },
  );
}

/**
 * The locations of an id. 40 digits are a Git object's; 64 are a blob's unless no node holds such
 * a blob and a sha256 repository has such an object, or a repository was named.
 */
export async function locate(
  id: string,
  options: LocateOptions,
  { topology }: TopologySnapshot,
  cluster: ClusterConnection,
): Promise<Location[]> {
  const locateBlob = async (blob: Pick<FoundPack, 'oid' | 'repo' | 'pack' | 'size'>, verify: boolean) => {
    const placed = replicasOf(topology, blob.oid);
    const question = { oid: blob.oid, verify, timeoutMs: options.timeoutMs, signal: options.signal };
    const replicas = verify ? await askReplicas(placed, question, cluster) : placed;
    const { epoch, replicationFactor: wanted, writeQuorum: quorum } = topology.ring;
    const verdict = verdictOf(replicas, { wanted, quorum });
    const size = Math.max(blob.size, ...replicas.map((replica) => replica.size));
    return { id, ...blob, size, ringEpoch: epoch, replicas, verdict };
  };
  if (isOid(id) && options.repo === undefined) {
    const blob = { oid: id, repo: '', pack: '', size: 0 };
    if (await isHeld(id, options, topology, cluster)) return [await locateBlob(blob, options.verify)];
    const packs = await packsOf(id, options, cluster);
    if (packs.length === 0) return [await locateBlob(blob, options.verify)];
    return Promise.all(packs.map((pack) => locateBlob(pack, options.verify)));
  }
  const packs = await packsOf(id, options, cluster);
  if (packs.length === 0) throw notFound(id, options.repo);
  return Promise.all(packs.map((pack) => locateBlob(pack, options.verify)));
}

/** Whether any node of its placement says that it holds the blob. */
async function isHeld(
  oid: Oid,
  options: LocateOptions,
  topology: TopologySnapshot['topology'],
  cluster: ClusterConnection,
): Promise<boolean> {
  const question = { oid, verify: false, timeoutMs: options.timeoutMs, signal: options.signal };
  const replicas = await askReplicas(replicasOf(topology, oid), question, cluster);
  return replicas.some(({ presence }) => presence === 'present' || presence === 'corrupt');
}

async function packsOf(objectId: string, options: LocateOptions, cluster: ClusterConnection): Promise<FoundPack[]> {
  const [{ findPacks }, metadata, objects] = await Promise.all([
    import('./find-packs.ts'),
    cluster.metadata(),
    cluster.objects(),
  ]);
  return findPacks({ objectId, repo: options.repo, signal: options.signal }, { metadata, objects });
}

function notFound(id: string, repo: string | undefined): StratumError {
  const where = repo === undefined ? 'no pack of any repository' : `no pack of ${repo}`;
  return new StratumError('NOT_FOUND', `${where} holds the Git object ${id}`, { kind: 'git object', id });
}
