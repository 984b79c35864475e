import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { hasCode, StratumError, systemCode } from '../../base/errors.ts';
import type { StopLine } from './control-server.ts';
import { readError } from './log-tail.ts';
import { loopback } from './ports.ts';
import { readSupervisorFile, type SupervisorFile } from './supervisor-file.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

/** Loopback: an answer takes milliseconds, a supervisor that is stopped in a debugger none. */
const statusTimeoutMs = 5_000;

/** A supervisor that runs, as the commands talk to it. */
export class ControlClient {
  readonly file: SupervisorFile;
  readonly #clock: Clock;

  private constructor(file: SupervisorFile, clock: Clock) {
    this.file = file;
    this.#clock = clock;
  }

  /** The supervisor of the cluster in a folder; undefined when none runs. UNREACHABLE when it does not answer. */
  static async find(folder: string, clock: Clock): Promise<ControlClient | undefined> {
    const file = await readSupervisorFile(folder);
    if (file === undefined) return undefined;
    const client = new ControlClient(file, clock);
    try {
      await client.status();
      return client;
    } catch (error) {
      // A supervisor listens for as long as it lives: nobody, or a stranger, on its port means that it is gone.
      if (hasCode(error, 'UNREACHABLE') && systemCode(error.cause) === 'ECONNREFUSED') return undefined;
      if (hasCode(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  status(): Promise<SupervisorStatus> {
    const what = `the supervisor (pid ${this.file.pid})`;
    return withDeadline(this.#clock, what, statusTimeoutMs, async (signal) => {
      const response = await this.#ask('GET', '/status', signal);
      return JSON.parse(await textOf(response)) as SupervisorStatus;
    });
  }

  /** Starts what is missing and waits until the cluster serves; rejects with the supervisor's error. */
  async startMissing(timeoutMs: number, signal: AbortSignal): Promise<SupervisorStatus> {
    const response = await this.#ask('POST', `/start-missing?timeoutMs=${timeoutMs}`, signal);
    const body: unknown = JSON.parse(await textOf(response));
    if (response.statusCode === 200) return body as SupervisorStatus;
    throw readError(body) ?? new StratumError('INTERNAL', 'the supervisor gave an answer that cannot be read');
  }

  /** Stops the cluster; yields the ids as they stop, and at last those that had to be killed. */
  async *stop(signal: AbortSignal): AsyncGenerator<StopLine, void, undefined> {
    const response = await this.#ask('POST', '/stop', signal);
    for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      yield JSON.parse(line) as StopLine;
    }
  }

  #ask(method: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { port, token } = this.file;
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` };
      const call = request({ host: loopback, port, method, path, headers, signal, agent: false }, (response) => {
        if (response.statusCode !== 401) return resolve(response);
        response.resume();
        // Another program got the port after the supervisor had gone.
        reject(new StratumError('NOT_FOUND', 'another process answers', { kind: 'supervisor', id: String(port) }));
      });
      call.once('error', (error) => reject(signal.aborted ? signal.reason : unreachable(this.file, error)));
      call.end();
    });
  }
}

/** Whether a process of this number runs (and may be signalled by this user). */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // ESRCH: there is none; EPERM: it is another user's, so not ours.
  }
}

function unreachable(file: SupervisorFile, cause: Error): StratumError {
  const endpoint = `${loopback}:${file.port}`;
  return new StratumError(
    'UNREACHABLE',
    `the supervisor (pid ${file.pid}) at ${endpoint}: ${cause.message}`,
    { endpoint },
    {
      hint: `if it hangs, end it with: kill ${file.pid}`,
      cause,
    },
  );
}

async function textOf(response: IncomingMessage): Promise<string> {
  return Buffer.concat(await Array.fromAsync(response as AsyncIterable<Buffer>)).toString('utf8');
}
