import { parseRepoName } from '../../../git/repo-name.ts';
import type { MaintainRepoRequest, MaintainRepoResponse } from '../../../rpc/gen/stratum/v1/frontend.ts';
import type { CallContext, ServerStreamHandler } from '../../../rpc/handlers.ts';
import { untilEnding } from '../../../rpc/until-ending.ts';
import type { FrontendRpcModules } from '../frontend-control.ts';

/**
 * FrontendService.MaintainRepo: repacks a repository, a message a step. The work does not end with its caller. A
 * process that stops ends the stream without a last message.
 */
export function maintainRepo(
  modules: FrontendRpcModules,
): ServerStreamHandler<MaintainRepoRequest, MaintainRepoResponse> {
  return (request, call) => untilEnding(responses(request, call, modules), call.ending);
}

async function* responses(
  { repo, full, dryRun }: MaintainRepoRequest,
  { signal }: CallContext,
  { nodeId, control }: FrontendRpcModules,
): AsyncGenerator<MaintainRepoResponse, void, undefined> {
  for await (const progress of control.maintain({ repo: parseRepoName(repo), full, dryRun }, signal)) {
    const { step, text, packsBefore, packsAfter, bytesBefore, bytesAfter, done, changed } = progress;
    const sizes = { bytesBefore: BigInt(bytesBefore), bytesAfter: BigInt(bytesAfter) };
    yield { nodeId, step, text, packsBefore, packsAfter, ...sizes, done, changed };
  }
}
