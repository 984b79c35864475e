import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { assertChangeSize } from '../../../client/metadata-limits.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { formatOfRepo, readRepoWithId } from '../repo-state.ts';
import { checkActor, checkPacks, checkRepoName, checkRequestId, homeOf, invalid } from '../request-fields.ts';
import { mergeResults, screenRefCommands } from '../screen-ref-commands.ts';
import { atomicFailure } from '../state-machine/apply-update-refs.ts';

/**
 * MetadataService.UpdateRefs: compare-and-swap of refs with the packs that they need. A command that
 * fails is a result, not an error; REPO_NOT_FOUND when the repository is not the one with that id.
 */
export function updateRefs({ partitions }: Pick<MetadataModules, 'partitions'>): MetadataHandlers['updateRefs'] {
  return async (request, { signal }) => {
    const { commands, packs, atomic } = request;
    const name = checkRepoName(request.repo, 'repo');
    const bytes = assertChangeSize(commands, packs);
    if (commands.length === 0) throw invalid('commands', 'there is no command', 'at least one');
    checkRequestId(request.pushId, 'push_id');
    checkActor(request.actor);
    checkPacks(packs, 'packs');
    const partition = homeOf(partitions, name, request.home);
    const { repo } = partitions.read(partition, (state) => readRepoWithId(state, name, request.repoId));
    const screening = screenRefCommands(commands, formatOfRepo(repo));
    const sound = commands.filter((_, at) => screening[at] === undefined);
    if (sound.length === 0 || (atomic && sound.length < commands.length)) {
      // Nothing can happen, now or on a repetition: nothing to log.
      const results = mergeResults(commands, screening, [], atomicFailure);
      return { results, refsGeneration: repo.refsGeneration, replayed: false };
    }
    const operation = { $case: 'updateRefs', value: { ...request, commands: sound } } as const;
    const answer = await partitions.submit<'updateRefs'>(partition, operation, { bytes, signal });
    return { ...answer, results: mergeResults(commands, screening, answer.results, atomicFailure) };
  };
}
