import pLimit from 'p-limit';
import type { ErrorCode } from '../base/error-codes.ts';
import { asStratumError, type StratumError } from '../base/errors.ts';
import type { FrontendApi } from '../client/frontend-api.ts';
import type { Topology } from '../topology/topology.ts';
import type { ClusterConnection } from './connection.ts';
import { FailureTally } from './failure-tally.ts';
import type { Unreachable } from './output/envelope.ts';
import { unknownNode } from './unknown-node.ts';

/** Frontends that are asked at once. */
const callsMax = 16;

/** What every frontend says alike, because the question is at fault and not the frontend. */
const questionCodes: ReadonlySet<ErrorCode> = new Set([
  'INVALID_ARGUMENT',
  'REF_NAME_INVALID',
  'NOT_FOUND',
  'REPO_NOT_FOUND',
] as const);

/** The frontend that `--frontend` names, or else all, by id; NODE_NOT_FOUND. */
export function chooseFrontends(
  cluster: Pick<ClusterConnection, 'frontends'>,
  topology: Topology,
  only: string | undefined,
): readonly FrontendApi[] {
  const all = cluster.frontends(topology);
  if (only === undefined) return all;
  const chosen = all.filter(({ nodeId }) => nodeId === only);
  if (chosen.length > 0) return chosen;
  const ids = all.map(({ nodeId }) => nodeId);
  throw unknownNode(only, ids, 'frontend');
}

/** What several frontends answered. */
export interface FrontendAnswers<T> {
  /** In the order of the frontends. */
  readonly answers: readonly T[];
  /** Those without an answer. */
  readonly unreachable: readonly Unreachable[];
  /** What they failed with, in the same order. */
  readonly failures: readonly StratumError[];
  /** PARTIAL's when some did not answer, that of the first failure when none did; undefined when all did. */
  readonly exitCode: number | undefined;
}

/**
 * Asks frontends, each for itself, and lists those that fail. Rejects when there is only one and it fails, when the
 * question itself is refused, and when `interrupted` aborts.
 */
export async function askFrontends<T>(
  frontends: readonly FrontendApi[],
  ask: (frontend: FrontendApi) => Promise<T>,
  interrupted: AbortSignal,
): Promise<FrontendAnswers<T>> {
  const limit = pLimit(callsMax);
  const outcomes = await Promise.all(
    frontends.map((frontend) =>
      limit(async () => {
        try {
          return { answer: await ask(frontend) };
        } catch (error) {
          return { node: frontend.nodeId, error: asStratumError(error) };
        }
      }),
    ),
  );
  interrupted.throwIfAborted();
  const tally = new FailureTally();
  const failures: StratumError[] = [];
  const answers: T[] = [];
  const unreachable: Unreachable[] = [];
  for (const outcome of outcomes) {
    if ('answer' in outcome) {
      answers.push(outcome.answer);
      continue;
    }
    const { node, error } = outcome;
    if (frontends.length === 1 || questionCodes.has(error.code)) throw error;
    tally.add(error);
    failures.push(error);
    unreachable.push({ node, reason: error.message });
  }
  return { answers, unreachable, failures, exitCode: tally.exitCode(answers.length) };
}
