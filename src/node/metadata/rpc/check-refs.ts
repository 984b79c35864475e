import type { ErrorCode } from '../../../base/error-codes.ts';
import { StratumError } from '../../../base/errors.ts';
import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { refsChecksMax } from '../../../client/metadata-limits.ts';
import { isRepoName } from '../../../git/repo-name.ts';
import type { RefsCheck, RefsCheckResult } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import type { PartitionAccess } from '../partition-access.ts';
import { findRepo } from '../repo-state.ts';
import { homeOf, invalid } from '../request-fields.ts';

/** These concern one partition or one repository, and not the other checks: GetRefs tells their callers. */
const leftOpen: ReadonlySet<ErrorCode> = new Set([
  'NOT_PRIMARY',
  'NOT_READY',
  'INSUFFICIENT_REPLICAS',
  'DISK_FULL',
  'SHUTTING_DOWN',
  'DATA_CORRUPT',
] as const);

/** A check, and where its result belongs. */
interface PlacedCheck {
  readonly check: RefsCheck;
  readonly at: number;
}

/**
 * MetadataService.CheckRefs: which callers' refs are current; linearizable, each partition being looked at once for all
 * checks of it. One that does not hold, or that this node cannot tell, fails none of the others.
 */
export function checkRefs({ partitions }: Pick<MetadataModules, 'partitions'>): MetadataHandlers['checkRefs'] {
  return async ({ checks }) => {
    if (checks.length > refsChecksMax) {
      throw invalid('checks', `there are ${checks.length} checks`, `at most ${refsChecksMax}`);
    }
    const results = checks.map((): RefsCheckResult => ({ unchanged: false, repo: undefined }));
    for (const [partition, placed] of byPartition(partitions, checks)) {
      unlessOpen(() =>
        partitions.read(partition, (state) => {
          for (const { check, at } of placed) {
            const repo = unlessOpen(() => findRepo(state, check.repo))?.repo;
            const isUnchanged = repo?.id === check.repoId && repo.refsGeneration === check.generation;
            if (isUnchanged) results[at] = { unchanged: true, repo };
          }
        }),
      );
    }
    return { results };
  };
}

/** The checks of each partition; one whose name cannot be a repository's is in none. */
function byPartition(
  partitions: Pick<PartitionAccess, 'partitionOf'>,
  checks: readonly RefsCheck[],
): ReadonlyMap<number, readonly PlacedCheck[]> {
  const found = new Map<number, PlacedCheck[]>();
  for (const [at, check] of checks.entries()) {
    const { repo, home } = check;
    const partition = isRepoName(repo) ? unlessOpen(() => homeOf(partitions, repo, home)) : undefined;
    if (partition === undefined) continue;
    const placed = found.get(partition);
    if (placed === undefined) found.set(partition, [{ check, at }]);
    else placed.push({ check, at });
  }
  return found;
}

function unlessOpen<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof StratumError && leftOpen.has(error.code)) return undefined;
    throw error;
  }
}
