import type { ErrorCode } from '../base/error-codes.ts';
import type { StratumError } from '../base/errors.ts';
import type { CoordinatorAnswer } from '../client/coordinator-client.ts';
import type { Node, Topology } from '../topology/topology.ts';
import type { CoordinatorReport, CoordinatorSurvey, SilentCoordinator } from './connection.ts';

/** Whom to ask. */
export interface SurveyOptions {
  /** host:port of the coordinators that flags, variables or the context name. */
  readonly configured: readonly string[];
  /** A topology that the caller has already. */
  readonly known: Topology | undefined;
}

/** How to ask. */
export interface SurveyModules {
  /** Never rejects. */
  readonly ask: (address: string) => Promise<CoordinatorAnswer>;
  readonly topologyAt: (address: string) => Promise<Topology | undefined>;
}

/** Nobody who sends one of these is at the other end. */
const transportCodes: ReadonlySet<ErrorCode> = new Set(['UNREACHABLE', 'DEADLINE_EXCEEDED'] as const);

/**
 * Asks all coordinators at once. Whom there are is the topology's to say; the configured addresses
 * lead to it, and stand in for addresses of the topology that cannot be reached from here (a tunnel,
 * a load balancer). A coordinator that is found under two addresses counts once.
 */
export async function surveyCoordinators(options: SurveyOptions, modules: SurveyModules): Promise<CoordinatorSurvey> {
  const asked = new Map<string, CoordinatorAnswer>();
  const askAll = async (addresses: readonly string[]) => {
    const fresh = [...new Set(addresses)].filter((address) => !asked.has(address));
    const answers = await Promise.all(fresh.map(modules.ask));
    for (const [index, address] of fresh.entries()) {
      const answer = answers[index];
      if (answer !== undefined) asked.set(address, answer);
    }
  };
  const named = coordinatorsOf(options.known);
  await askAll(named.length === 0 ? options.configured : named.map(({ address }) => address));
  const topology = options.known ?? (await newestTopology(asked, modules));
  const registered = coordinatorsOf(topology);
  await askAll(lacking(registered, asked).map(({ address }) => address));
  if (registered.length === 0 || lacking(registered, asked).length > 0) await askAll(options.configured);
  return { topology, reports: reportsOf(asked), silent: silentOf(registered, asked) };
}

function coordinatorsOf(topology: Topology | undefined): readonly Node[] {
  return [...(topology?.nodes.values() ?? [])].filter(({ roles }) => roles.includes('coordinator'));
}

/** From the coordinator that has seen most; its failure to give it is no more than the lack of it. */
async function newestTopology(
  asked: ReadonlyMap<string, CoordinatorAnswer>,
  { topologyAt }: SurveyModules,
): Promise<Topology | undefined> {
  const byVersion = reportsOf(asked).toSorted((left, right) => (left.version > right.version ? -1 : 1));
  for (const { address } of byVersion) {
    const topology = await topologyAt(address).catch(() => undefined); // The next one may do better.
    if (topology !== undefined) return topology;
  }
  return undefined;
}

function lacking(registered: readonly Node[], asked: ReadonlyMap<string, CoordinatorAnswer>): readonly Node[] {
  const heard = new Set([...asked.values()].map(({ consensus }) => consensus?.nodeId));
  return registered.filter(({ id }) => !heard.has(id));
}

function reportsOf(asked: ReadonlyMap<string, CoordinatorAnswer>): readonly CoordinatorReport[] {
  const reports = new Map<string, CoordinatorReport>();
  for (const [address, { leader, consensus }] of asked) {
    if (consensus === undefined || reports.has(consensus.nodeId)) continue;
    reports.set(consensus.nodeId, {
      ...consensus,
      driver: consensus.driver === 'etcd' ? 'etcd' : 'embedded',
      address,
      leaderId: leader?.leaderId === '' ? undefined : leader?.leaderId,
      ageMs: Number(consensus.ageMs),
    });
  }
  return [...reports.values()].sort((a, b) => a.nodeId.localeCompare(b.nodeId, 'en', { numeric: true }));
}

/** The registered ones without a report; where none are registered, the addresses without one. */
function silentOf(
  registered: readonly Node[],
  asked: ReadonlyMap<string, CoordinatorAnswer>,
): readonly SilentCoordinator[] {
  if (registered.length > 0) {
    return lacking(registered, asked).map(({ id, address }) => silentCoordinator(id, asked.get(address)));
  }
  return [...asked]
    .filter(([, { consensus }]) => consensus === undefined)
    .map(([address, answer]) => silentCoordinator(answer.leader?.nodeId || address, answer));
}

function silentCoordinator(node: string, answer: CoordinatorAnswer | undefined): SilentCoordinator {
  if (answer?.consensus !== undefined) {
    return { node, reason: `${answer.consensus.nodeId} answers at its address`, answers: false };
  }
  const { error } = answer ?? {};
  return { node, reason: error?.message ?? 'it was not asked', answers: hasAnswered(answer) };
}

function hasAnswered(answer: CoordinatorAnswer | undefined): boolean {
  const error: StratumError | undefined = answer?.error;
  return answer?.leader !== undefined || (error !== undefined && !transportCodes.has(error.code));
}
