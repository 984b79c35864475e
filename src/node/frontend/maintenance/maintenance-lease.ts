import type { Clock } from '../../../base/clock.ts';
import { explain, StratumError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { type Random, randomHex } from '../../../base/random.ts';
import type { MetadataApi, MetadataCallOptions } from '../../../client/metadata-api.ts';
import type { Repo } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { lingeringSignal } from './lingering-signal.ts';

/** Values of the lease. */
export interface MaintenanceLeaseOptions {
  /** The node that works, as others see it. */
  readonly holder: string;
  /** For how long others wait for a frontend that has died, in milliseconds. */
  readonly ttlMs: number;
  /** Milliseconds for one call of the metadata service. */
  readonly metadataTimeoutMs: number;
}

/** What the lease works with. */
export interface MaintenanceLeaseModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metadata: MetadataApi;
}

/** It is renewed so often in its time that one lost renewal does not matter. */
const renewalsPerTtl = 3;

/** When the frontend stops, the lease is still given back if metadata answers at once; it ends by itself otherwise. */
const stopGraceMs = 500;

/**
 * Runs work under the lease of a repository's maintenance, which is renewed meanwhile and given back afterwards.
 * VERSION_CONFLICT when another frontend has it. It saves double work and nothing hangs on it: when it is lost, the work
 * goes on, and the compare-and-swap of the pack list decides. The signal breaks off what is asked of metadata, not the
 * work.
 */
export async function withMaintenanceLease<T>(
  repo: Repo,
  options: MaintenanceLeaseOptions,
  modules: MaintenanceLeaseModules,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { clock, log, metadata } = modules;
  const holder = `${options.holder}/${randomHex(modules.random, 8)}`;
  const request = { repo: repo.name, repoId: repo.id, holder };
  const acquire = (call: MetadataCallOptions) =>
    metadata.acquireMaintenance({ ...request, ttlMs: BigInt(options.ttlMs) }, call);
  const answer = await acquire({ timeoutMs: options.metadataTimeoutMs, signal });
  if (!answer.granted) throw isHeld(repo, answer.holder, Number(answer.expiresAtMs));
  const warn = (reason: string) => log.warn({ repo: repo.name, reason }, 'the lease of the maintenance is not renewed');
  const lingering = lingeringSignal(signal, { graceMs: stopGraceMs }, modules);
  const intervalMs = options.ttlMs / renewalsPerTtl;
  const renew = async () => {
    // It has ended when the next one is due.
    const timeoutMs = Math.min(options.metadataTimeoutMs, intervalMs / 2);
    try {
      const { granted, holder: other } = await acquire({ timeoutMs, signal: lingering.signal });
      if (!granted) warn(`${other} has it`);
    } catch (error) {
      warn(explain(error));
    }
  };
  let renewed: Promise<unknown> = Promise.resolve();
  const renewal = clock.every(intervalMs, () => {
    renewed = Promise.all([renewed, renew()]);
  });
  try {
    return await work();
  } finally {
    renewal.cancel();
    // A renewal that came after the release would keep the others away.
    await renewed;
    // It ends by itself; the work is done whether or not this succeeds.
    const call = { timeoutMs: options.metadataTimeoutMs, signal: lingering.signal };
    await metadata.releaseMaintenance(request, call).catch((error: unknown) => {
      log.debug({ repo: repo.name, reason: explain(error) }, 'the lease of the maintenance was not given back');
    });
    lingering.end();
  }
}

function isHeld(repo: Repo, holder: string, expiresAtMs: number): StratumError<'VERSION_CONFLICT'> {
  const until = new Date(expiresAtMs).toISOString();
  return new StratumError(
    'VERSION_CONFLICT',
    `repository ${repo.name} is maintained by ${holder} until ${until} at the latest`,
    { what: `maintenance of repository ${repo.name}`, expected: 'free', current: holder },
    { hint: 'try again when it has ended' },
  );
}
