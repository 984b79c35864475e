import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StratumError } from '../../base/errors.ts';
import { parseOid } from '../../base/oid.ts';
import { IdsCommand } from '../../cli/ids-command.ts';
import { locationListing } from '../../cli/listings/location-listing.ts';
import { type Location, Locator } from '../../cli/locate/locate.ts';
import { questionIdsMax } from '../../cli/locate/replica-survey.ts';
import { tallied, VerdictTally } from '../../cli/locate/verdict.ts';

/** `stratum object stat` */
export default class ObjectStat extends IdsCommand {
  static override id = 'object:stat';
  static override summary = 'Show what each replica says of a blob, without reading it';
  static override description =
    'Exit code: 0 all copies are there, 3 every node says that it has none, 5 fewer than N but enough to write, 6 fewer than W, 7 too few nodes answered to say; 10 when some of several blobs are not found. "object verify" also hashes the copies.';
  static override examples = [
    'stratum object stat 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'stratum object stat $oid --field size',
    'stratum object stat --stdin -o jsonl < oids',
  ];
  static override args = {
    oid: Args.string({ description: 'blob id, 64 hex digits', multiple: true, ignoreStdin: true }),
  };
  static override flags = {
    stdin: Flags.boolean({ description: 'Read ids from stdin, one a line.' }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(ObjectStat);
    const isOnly = args.oid?.length === 1;
    const ids = this.ids(args.oid, flags.stdin, (text) => parseOid(text), questionIdsMax);
    const timeoutMs = (await this.settings(flags)).timeoutMs.value;
    const verdicts = new VerdictTally();
    await this.withCluster(flags, async (cluster) => {
      const snapshot = await cluster.snapshot();
      const options = { ask: 'hold' as const, timeoutMs, signal: this.io.interrupted };
      const locator = new Locator(options, { snapshot, cluster, clock: this.modules.clock });
      const found = tallied(this.#held(ids, locator, isOnly), verdicts);
      await this.printStream(locationListing('Blob', found, snapshot.source));
    });
    return this.failures.exitCode(verdicts.count) ?? verdicts.exitCode;
  }

  async *#held(
    ids: AsyncIterable<readonly string[]>,
    locator: Locator,
    isOnly: boolean,
  ): AsyncGenerator<readonly Location[]> {
    for await (const group of ids) {
      const found = await locator.locateMany(group);
      for (const { oid } of found.filter(isNowhere)) {
        const error = notFound(oid);
        if (isOnly) throw error;
        await this.fail(error);
      }
      yield found.filter((location) => !isNowhere(location));
    }
  }
}

/** Whether nobody ever had it, for all that can be said: a copy that is damaged was stored once. */
function isNowhere({ replicas }: Location): boolean {
  return replicas.every(({ presence }) => presence === 'missing');
}

function notFound(oid: string): StratumError {
  const details = { kind: 'blob', id: oid };
  return new StratumError('BLOB_NOT_FOUND', `no node of its placement holds the blob ${oid}`, details);
}
