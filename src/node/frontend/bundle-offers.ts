import { LRUCache } from 'lru-cache';
import { MiB } from '../../base/units.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import type { BundleLocation } from '../../git/bundle-uri.ts';
import type { RepositoryRefs } from './ref-reader.ts';

/** Values of the offers. */
export interface BundleOffersOptions {
  /** Milliseconds for one call of the metadata service. */
  readonly metadataTimeoutMs: number;
}

/** What a repository offered when its packs were looked at. */
interface Offer {
  readonly packsGeneration: bigint;
  readonly location: BundleLocation | undefined;
}

/** Repositories of which it is remembered. */
const offersMax = 10_000;

/** A smaller repository is cloned as fast without: the bundle costs the client two requests more. */
const offeredFromBytes = BigInt(MiB);

/** Knows which repositories have a bundle to begin a clone with; the packs are asked for once for each change of their list. */
export class BundleOffers {
  readonly #options: BundleOffersOptions;
  readonly #metadata: MetadataApi;
  readonly #offers = new LRUCache<string, Offer>({ max: offersMax });

  constructor(options: BundleOffersOptions, modules: { readonly metadata: MetadataApi }) {
    this.#options = options;
    this.#metadata = modules.metadata;
  }

  /** The newest bundle of a repository. */
  async of({ repo }: RepositoryRefs): Promise<BundleLocation | undefined> {
    if (repo.packBytes < offeredFromBytes) return undefined;
    const known = this.#offers.get(repo.id);
    if (known?.packsGeneration === repo.packsGeneration) return known.location;
    const { metadataTimeoutMs: timeoutMs } = this.#options;
    const listed = await this.#metadata.getRepo({ name: repo.name, includePacks: true }, { timeoutMs });
    if (listed.repo?.id !== repo.id) return undefined;
    const pack = listed.packs.findLast(({ bundleHeaderOid }) => bundleHeaderOid !== undefined);
    const location =
      pack === undefined
        ? undefined
        : // Relative to the repository: the client knows by which name it reached this frontend.
          { id: pack.name, uri: `bundles/${pack.name}.bundle`, creationToken: pack.addedAtMs };
    this.#offers.set(repo.id, { packsGeneration: listed.repo.packsGeneration, location });
    return location;
  }
}
