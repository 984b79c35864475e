import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import { GitRunner } from '../../git/git-runner.ts';
import type { ObjectApi } from '../../replication/object-api.ts';
import type { SharedCache } from '../../replication/shared-cache/shared-cache.ts';
import type { StoredEntry } from '../../store/stored-entry.ts';
import { BareRepositoryCache } from './bare-repository-cache.ts';
import { BundleFile } from './bundle-file.ts';
import { BundleOffers } from './bundle-offers.ts';
import { EncodedRefsCache } from './encoded-refs-cache.ts';
import { FetchService } from './fetch-service.ts';
import { FetchTally } from './fetch-tally.ts';
import type { FrontendObserver } from './frontend-metrics.ts';
import { FrontendOperations } from './frontend-operations.ts';
import {
  cachedRefsMax,
  cacheFreeBytesMin,
  contentCheckIntervalMs,
  downloadsMax,
  encodedRefsBytesMax,
  type FrontendOptions,
  metadataTimeoutMs,
  sharedTtlMs,
} from './frontend-options.ts';
import { Health } from './health.ts';
import { InfoRefs } from './info-refs.ts';
import { Maintenance } from './maintenance/maintenance.ts';
import { PackCache } from './pack-cache/pack-cache.ts';
import { PushWarming } from './push-warming.ts';
import { QuarantineFolder } from './quarantine.ts';
import { ReceivePack } from './receive-pack.ts';
import { RefReader } from './ref-reader.ts';
import { ResponseCheck } from './response-check.ts';
import type { RouteModules } from './routes.ts';
import { UploadPack } from './upload-pack.ts';
import { UploadPackRuns } from './upload-pack-runs.ts';

/** What a frontend works with. */
export interface FrontendModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metadata: MetadataApi;
  readonly objects: ObjectApi;
  readonly shared: SharedCache;
  /** Whether the topology is known and allows to serve. */
  readonly ready: () => boolean;
  /** Counts what is asked. */
  readonly observer?: FrontendObserver | undefined;
}

/** The life of the frontend that the parts hang on. */
export interface FrontendLife {
  /** Aborts when the frontend stops. */
  readonly stopping: AbortSignal;
  /** Known from the start on. */
  readonly gitVersion: () => string;
}

/** A frontend's parts, put together. */
export interface FrontendParts {
  readonly git: GitRunner;
  readonly repositories: BareRepositoryCache;
  readonly quarantines: QuarantineFolder;
  readonly packs: PackCache;
  readonly check: ResponseCheck;
  readonly warming: PushWarming;
  readonly maintenance: Maintenance;
  readonly operations: FrontendOperations;
  readonly routes: RouteModules;
}

/** Puts the parts of a frontend together; nothing is started. */
export function buildFrontend(options: FrontendOptions, modules: FrontendModules, life: FrontendLife): FrontendParts {
  const { clock, random, log, metadata, objects, shared, ready } = modules;
  const { createOnPush, receivePackBytesMax, cacheDir } = options;
  const { stopping } = life;
  const tally = new FetchTally({ next: modules.observer });
  const gitPath = options.gitPath === undefined ? {} : { gitPath: options.gitPath };
  const gitBounds = { processesMax: options.gitProcessesMax, queueMax: options.gitQueueMax ?? 256 };
  const git = new GitRunner({ ...gitBounds, ...gitPath }, { clock });
  const refs = new RefReader({ cachedRefsMax, timeoutMs: metadataTimeoutMs }, { clock, metadata });
  const encodedRefs = new EncodedRefsCache({ bytesMax: encodedRefsBytesMax });
  const repositories = new BareRepositoryCache(
    {
      folder: join(cacheDir, 'repositories'),
      bytesMax: options.cache.repositoryBytesMax,
      downloadsMax,
      contentCheckIntervalMs,
      metadataTimeoutMs,
    },
    { clock, log, git, metadata, objects, refs, stopping },
  );
  const quarantines = new QuarantineFolder({ folder: join(cacheDir, 'quarantine') }, { random });
  const runs = new UploadPackRuns(
    { timeoutMs: options.uploadPackTimeoutMs },
    { clock, log, git, cache: repositories, refs },
  );
  const packs = packCache(options, modules, (entry) => fetches.noteStored(entry));
  const check = new ResponseCheck(
    { folder: join(cacheDir, 'check'), timeoutMs: options.uploadPackTimeoutMs },
    { log, git, packs, stopping },
  );
  const fetches: FetchService = new FetchService(
    { gitVersion: life.gitVersion, sharedTtlMs },
    { clock, log, refs, packs, runs, shared, check, repositories, observer: tally, stopping },
  );
  const warming = new PushWarming(
    { enabled: options.cache.warming },
    { clock, log, refs, fetches, observer: tally, stopping },
  );
  const maintenance = new Maintenance(
    { enabled: options.maintenance, holder: options.nodeId, folder: join(cacheDir, 'maintenance') },
    { clock, random, log, git, metadata, objects, repositories, observer: modules.observer, stopping },
  );
  const bundles = new BundleOffers({ metadataTimeoutMs }, { metadata });
  const onPushed = (changed: Parameters<Maintenance['noticePush']>[0]) => {
    refs.expire(changed.repo.name);
    warming.noticePush(changed);
    maintenance.noticePush(changed);
  };
  return {
    git,
    repositories,
    quarantines,
    packs,
    check,
    warming,
    maintenance,
    operations: new FrontendOperations({
      git,
      refs,
      packs,
      fetches,
      warming,
      repositories,
      shared,
      maintenance,
      tally,
    }),
    routes: {
      health: new Health({ ready, stopping }),
      infoRefs: new InfoRefs({ agent: `stratum/${options.version}`, createOnPush }, { refs, encodedRefs, bundles }),
      bundleFile: new BundleFile({ metadataTimeoutMs }, { metadata, objects, cache: repositories }),
      uploadPack: new UploadPack({
        git,
        cache: repositories,
        refs,
        encodedRefs,
        bundles,
        runs,
        fetches,
        warming,
        observer: tally,
      }),
      receivePack: new ReceivePack(
        { createOnPush, receivePackBytesMax },
        { clock, random, log, git, cache: repositories, refs, objects, metadata, quarantines, onPushed },
      ),
    },
  };
}

function packCache(
  { cacheDir, cache }: FrontendOptions,
  { clock, random, log }: FrontendModules,
  stored: (entry: StoredEntry) => void,
): PackCache {
  const options = {
    path: join(cacheDir, 'packs'),
    bytesMax: cache.packBytesMax,
    entryBytesMax: cache.packEntryBytesMax,
    ageMaxMs: cache.packAgeMaxMs,
    memoryBytesMax: cache.packMemoryBytesMax,
    freeBytesMin: cacheFreeBytesMin,
  };
  return new PackCache(options, { clock, random, log, observer: { stored } });
}
