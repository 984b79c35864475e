import type { ErrorCode } from '../base/error-codes.ts';
import { asStratumError, hasCode, StratumError } from '../base/errors.ts';
import type { FrontendApi } from '../client/frontend-api.ts';
import type { Topology } from '../topology/topology.ts';

/** With what another frontend may do better. */
const passedOverCodes: ReadonlySet<ErrorCode> = new Set([
  'UNREACHABLE',
  'DEADLINE_EXCEEDED',
  'NOT_READY',
  'SHUTTING_DOWN',
  'UNIMPLEMENTED',
] as const);

/**
 * Asks one frontend, and the next one where nobody answers; whoever answered is asked again the next time, also when the
 * answer was that somebody else is silent: the next repository may be somebody else's.
 */
export class AnyFrontend {
  readonly #frontends: readonly FrontendApi[];
  readonly #interrupted: AbortSignal;
  readonly #passedOver: { readonly frontend: FrontendApi; readonly error: StratumError }[] = [];

  /** `frontends` in the order in which they are tried. */
  constructor(frontends: readonly FrontendApi[], options: { readonly interrupted: AbortSignal }) {
    this.#frontends = frontends;
    this.#interrupted = options.interrupted;
  }

  /** Rejects with what the frontend that answers says, or with why none does. */
  async ask<T>(work: (frontend: FrontendApi) => Promise<T>): Promise<T> {
    for (const frontend of this.#frontends.slice(this.#passedOver.length)) {
      try {
        return await work(frontend);
      } catch (cause) {
        this.#interrupted.throwIfAborted();
        const error = asStratumError(cause);
        if (!passedOverCodes.has(error.code) || isAboutOthers(error, frontend)) throw error;
        this.#passedOver.push({ frontend, error });
      }
    }
    throw this.#nobody();
  }

  /** Whether nobody is left to be asked. */
  get isExhausted(): boolean {
    return this.#passedOver.length === this.#frontends.length;
  }

  #nobody(): StratumError {
    const [first, ...others] = this.#passedOver;
    if (first === undefined) {
      const hint = 'start one: "stratum node start --role frontend"';
      return new StratumError('NOT_READY', 'no frontend has registered', { what: 'a frontend' }, { hint });
    }
    const isAllOld = this.#passedOver.every(({ error }) => hasCode(error, 'UNIMPLEMENTED'));
    if (others.length === 0 || isAllOld) return first.error;
    const each = this.#passedOver.map(({ frontend, error }) => `${frontend.nodeId}: ${error.message}`).join('; ');
    const endpoint = this.#passedOver.map(({ frontend }) => frontend.endpoint).join(',');
    return new StratumError('UNREACHABLE', `no frontend can be asked: ${each}`, { endpoint });
  }
}

/**
 * Whether a frontend answered that somebody else does not: the metadata node that it asked, say. Of a call that failed
 * itself the details name the frontend and one of its own methods; a node of several roles has one endpoint for all.
 */
function isAboutOthers(error: StratumError, { endpoint }: FrontendApi): boolean {
  if (!hasCode(error, 'UNREACHABLE') && !hasCode(error, 'DEADLINE_EXCEEDED')) return false;
  const { endpoint: silent, method } = error.details;
  const isOwnMethod = method === undefined || method === 'MaintainRepo' || method.startsWith('FrontendService.');
  return silent !== endpoint || !isOwnMethod;
}

/** The frontends in the order in which one is looked for that answers: first those that the cluster takes for up. */
export function likelyFirst(frontends: readonly FrontendApi[], topology: Topology): readonly FrontendApi[] {
  const isUp = ({ nodeId }: FrontendApi) => topology.nodes.get(nodeId)?.state === 'ACTIVE';
  return [...frontends.filter(isUp), ...frontends.filter((frontend) => !isUp(frontend))];
}
