import type { Clock } from '../../../base/clock.ts';
import { explain, StratumError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { type Random, randomHex } from '../../../base/random.ts';
import type { MetadataApi } from '../../../client/metadata-api.ts';
import type { Repo } from '../../../rpc/gen/stratum/v1/metadata.ts';

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

/**
 * Runs work under the lease of a repository's maintenance, which is renewed meanwhile and given back afterwards.
 * VERSION_CONFLICT when another frontend has it. It saves double work and nothing hangs on it: when it is lost, the work
 * goes on, and the compare-and-swap of the pack list decides.
 */
export async function withMaintenanceLease<T>(
  repo: Repo,
  options: MaintenanceLeaseOptions,
  modules: MaintenanceLeaseModules,
  work: () => Promise<T>,
): Promise<T> {
  const { clock, log, metadata } = modules;
  const holder = `${options.holder}/${randomHex(modules.random, 8)}`;
  const request = { repo: repo.name, repoId: repo.id, holder };
  const call = { timeoutMs: options.metadataTimeoutMs };
  const acquire = () => metadata.acquireMaintenance({ ...request, ttlMs: BigInt(options.ttlMs) }, call);
  const answer = await acquire();
  if (!answer.granted) throw isHeld(repo, answer.holder, Number(answer.expiresAtMs));
  const warn = (reason: string) => log.warn({ repo: repo.name, reason }, 'the lease of the maintenance is not renewed');
  const renewal = clock.every(options.ttlMs / renewalsPerTtl, () => {
    acquire().then(
      ({ granted, holder: other }) => {
        if (!granted) warn(`${other} has it`);
      },
      (error: unknown) => warn(explain(error)),
    );
  });
  try {
    return await work();
  } finally {
    renewal.cancel();
    // It ends by itself; the work is done whether or not this succeeds.
    await metadata.releaseMaintenance(request, call).catch((error: unknown) => {
      log.debug({ repo: repo.name, reason: explain(error) }, 'the lease of the maintenance was not given back');
    });
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
