import { StratumError } from '../../base/errors.ts';
import { type CloneQuestion, cloneDepthMax } from '../../client/frontend-api.ts';
import { checkRefName } from '../../git/ref-name.ts';
import { parseRepoName } from '../../git/repo-name.ts';

/** A clone as a request names it: without a ref HEAD, without a depth 1; INVALID_ARGUMENT, REF_NAME_INVALID. */
export function cloneQuestion(request: {
  readonly repo: string;
  readonly ref: string;
  readonly depth: number;
}): CloneQuestion {
  const { ref, depth } = request;
  if (depth > cloneDepthMax) {
    const [reason, expected] = [`${depth} is deeper than git counts`, `at most ${cloneDepthMax}, or 0 for 1`];
    const message = `depth: ${reason}, expected ${expected}`;
    throw new StratumError('INVALID_ARGUMENT', message, { field: 'depth', reason, expected });
  }
  return {
    repo: parseRepoName(request.repo),
    ref: ref === '' || ref === 'HEAD' ? undefined : checkRefName(ref),
    depth: depth === 0 ? 1 : depth,
  };
}
