import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asStratumError } from '../../base/errors.ts';
import { loopback } from './ports.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

/** What can be asked of a supervisor. */
export interface ControlActions {
  status(): SupervisorStatus;
  /** Milliseconds until the cluster must serve; a default when absent. */
  startMissing(timeoutMs: number | undefined): Promise<void>;
  /** Resolves with the ids that had to be killed. */
  stop(onStopped: (id: string) => void): Promise<readonly string[]>;
}

/** A line of the answer to POST /stop; the last one has `done`. */
export type StopLine = { readonly stopped: string } | { readonly done: true; readonly killed: readonly string[] };

/** The supervisor's listener on loopback: GET /status, POST /start-missing, POST /stop, with a bearer token. */
export class ControlServer {
  readonly #token: Buffer;
  readonly #actions: ControlActions;
  readonly #server: Server;

  constructor(options: { readonly token: string }, modules: { readonly actions: ControlActions }) {
    this.#token = Buffer.from(`Bearer ${options.token}`);
    this.#actions = modules.actions;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Listens on a port of the system's choice and resolves with it. */
  async start(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, loopback, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends after the answers in progress. */
  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    // Each caller asks once; an idle connection would keep the listener from closing.
    response.setHeader('connection', 'close');
    if (!this.#isAuthorized(request)) return send(response, 401, { message: 'the token is missing or wrong' });
    const url = new URL(request.url ?? '/', 'http://supervisor');
    const timeout = url.searchParams.get('timeoutMs');
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /status':
        return send(response, 200, this.#actions.status());
      case 'POST /start-missing':
        return this.#startMissing(response, timeout === null ? undefined : Number(timeout));
      case 'POST /stop':
        return this.#stop(response);
      default:
        return send(response, 404, { message: `there is no ${request.method} ${url.pathname}` });
    }
  }

  async #startMissing(response: ServerResponse, timeoutMs: number | undefined): Promise<void> {
    try {
      await this.#actions.startMissing(timeoutMs);
      send(response, 200, this.#actions.status());
    } catch (error) {
      const { code, message, hint } = asStratumError(error);
      send(response, 500, { code, message, hint });
    }
  }

  async #stop(response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const line = (content: StopLine) => response.write(`${JSON.stringify(content)}\n`);
    const killed = await this.#actions.stop((stopped) => line({ stopped }));
    line({ done: true, killed });
    response.end();
  }

  #isAuthorized(request: IncomingMessage): boolean {
    const given = Buffer.from(request.headers.authorization ?? '');
    return given.length === this.#token.length && timingSafeEqual(given, this.#token);
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
