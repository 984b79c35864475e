import type { ServerResponse } from 'node:http';
import { answerText } from './http-errors.ts';

/** What health depends on. */
export interface HealthModules {
  /** Whether the topology is known and gives every blob and every repository a place. */
  readonly ready: () => boolean;
  /** Aborts when the frontend stops. */
  readonly stopping: AbortSignal;
}

/**
 * GET /healthz: 200 when this frontend can do its part, else 503 with the reason. Other nodes do not count: if one
 * lost metadata node turned every frontend unhealthy, a load balancer would make a small loss a whole one.
 */
export class Health {
  readonly #modules: HealthModules;

  constructor(modules: HealthModules) {
    this.#modules = modules;
  }

  serve(response: ServerResponse): void {
    const fault = this.#fault();
    if (fault === undefined) answerText(response, 200, 'ok');
    else answerText(response, 503, `not ready: ${fault}`);
  }

  #fault(): string | undefined {
    if (this.#modules.stopping.aborted) return 'the frontend is stopping';
    return this.#modules.ready() ? undefined : 'the cluster is still forming, or no coordinator has been heard';
  }
}
