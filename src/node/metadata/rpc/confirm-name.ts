import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { findNamed } from '../state-machine/apply-rename.ts';
import { findIntent, isOverdue } from '../state-machine/name-rows.ts';

/** For the bounds of the queue: a name, an id and a token. */
const operationBytes = 1_024;

/**
 * MetadataService.ConfirmName: whether a repository of this partition has a name by that token, or a rename is under way
 * that may give it. One that has been under way for too long is aborted. What is not held will never be.
 */
export function confirmName({
  partitions,
  clock,
}: Pick<MetadataModules, 'partitions' | 'clock'>): MetadataHandlers['confirmName'] {
  return async ({ name: newName, repoId, home, token }, { signal }) => {
    const value = { newName, repoId, token };
    const { named, intent } = partitions.read(home, (state) => {
      return { named: findNamed(state, value), intent: findIntent(state, repoId) };
    });
    if (named !== undefined) return { held: true };
    if (intent === undefined || !intent.token.equals(token)) return { held: false };
    if (!isOverdue(intent, BigInt(clock.nowMs()))) return { held: true };
    const options = { bytes: operationBytes, signal };
    const { repo } = await partitions.submit<'abortRename'>(home, { $case: 'abortRename', value }, options);
    return { held: repo !== undefined };
  };
}
