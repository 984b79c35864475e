import type { ServerResponse } from 'node:http';
import { explain } from '../../base/errors.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import { answerText } from './http-errors.ts';
import { JoinedCalls } from './joined-calls.ts';

/** What health depends on. */
export interface HealthModules {
  /** Whether the topology is known and allows to serve. */
  readonly ready: () => boolean;
  readonly metadata: MetadataApi;
  /** Aborts when the frontend stops. */
  readonly stopping: AbortSignal;
}

/** Milliseconds in which the metadata primaries must answer a probe: load balancers wait a few seconds. */
const probeTimeoutMs = 2_000;

/** GET /healthz: 200 when pushes and fetches can be served, else 503 with the reason. */
export class Health {
  readonly #modules: HealthModules;
  /** However many ask, the metadata nodes see one probe at a time. */
  readonly #probes = new JoinedCalls<string | undefined>(() => this.#probe());

  constructor(modules: HealthModules) {
    this.#modules = modules;
  }

  async serve(response: ServerResponse): Promise<void> {
    const fault = await this.#probes.run('');
    if (fault === undefined) answerText(response, 200, 'ok');
    else answerText(response, 503, `not ready: ${fault}`);
  }

  async #probe(): Promise<string | undefined> {
    if (this.#modules.stopping.aborted) return 'the frontend is stopping';
    if (!this.#modules.ready()) return 'the topology is not known yet';
    try {
      const request = { prefix: '', pageSize: 1, pageToken: '' };
      await this.#modules.metadata.listRepos(request, { timeoutMs: probeTimeoutMs });
      return undefined;
    } catch (error) {
      return explain(error);
    }
  }
}
