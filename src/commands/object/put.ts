import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StratumError } from '../../base/errors.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { reportError } from '../../cli/error-report.ts';
import { FailureTally } from '../../cli/failure-tally.ts';
import { storedListing } from '../../cli/listings/stored-listing.ts';
import { ReplicaPlacer } from '../../cli/locate/replica.ts';
import { consistencyLevels, parseLevel } from '../../cli/parse-level.ts';
import type { StoredFile } from '../../cli/put-files.ts';
import { readLines } from '../../cli/read-lines.ts';

/** Files that are hashed and sent at once: small ones then share messages and fsyncs. */
const filesAtOnceMax = 16;

/** `stratum object put` */
export default class ObjectPut extends ClusterCommand {
  static override id = 'object:put';
  static override summary = 'Store files as blobs, and print their ids';
  static override description =
    'With fewer copies than the blob has nodes it is stored all the same when the level was reached: the exit code is 0, the result says degraded, and the nodes without it are named with their errors. Of several files one that fails does not stop the others; the exit code is then 10.';
  static override examples = [
    'stratum object put backup.tar',
    'tar c src | stratum object put - --field oid',
    'stratum object put *.pack --level all',
    "find . -name '*.pack' | stratum object put --stdin -o jsonl",
  ];
  static override args = {
    file: Args.string({ description: 'the files; - for the content of stdin', multiple: true, ignoreStdin: true }),
  };
  static override flags = {
    level: Flags.string({
      description: 'How many replicas must have it on disk.',
      options: consistencyLevels,
      default: 'quorum',
    }),
    stdin: Flags.boolean({ description: 'Read the names of the files from stdin, one a line.' }),
    'dry-run': Flags.boolean({ description: 'Print the id and its nodes, and store nothing.' }),
  };

  readonly #failures = new FailureTally();
  #stored = 0;

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(ObjectPut);
    const files = args.file ?? [];
    checkFiles(files, flags.stdin);
    const level = parseLevel(flags.level);
    await this.withCluster(flags, async (cluster) => {
      const { topology, source } = await cluster.snapshot();
      const placer = new ReplicaPlacer(topology);
      if (!flags['dry-run']) await this.announceChange(flags, cluster);
      const objects = flags['dry-run'] ? undefined : await cluster.objects();
      const { putFile } = await import('../../cli/put-files.ts');
      const put = (file: string) => putFile(file, level, { io: this.io, placer, objects });
      const groups = flags.stdin ? this.#listedFiles() : once(files);
      await this.printStream(storedListing(this.#putAll(groups, put, !flags.stdin && files.length === 1), source));
    });
    return this.#failures.exitCode(this.#stored) ?? 0;
  }

  /** A name is taken as it stands: it may have a "#", spaces, or a carriage return. */
  async *#listedFiles(): AsyncGenerator<readonly string[]> {
    for await (const lines of readLines(this.io.stdin, this.io.interrupted)) {
      yield lines.map(({ text }) => text).filter((text) => text !== '');
    }
  }

  async *#putAll(
    groups: AsyncIterable<readonly string[]>,
    put: (file: string) => Promise<StoredFile>,
    isOnly: boolean,
  ): AsyncGenerator<readonly StoredFile[]> {
    for await (const files of groups) {
      for (let at = 0; at < files.length; at += filesAtOnceMax) {
        const outcomes = await Promise.allSettled(files.slice(at, at + filesAtOnceMax).map(put));
        const stored: StoredFile[] = [];
        for (const outcome of outcomes) {
          if (outcome.status === 'fulfilled') stored.push(outcome.value);
          else await this.#fail(outcome.reason, isOnly);
        }
        this.#stored += stored.length;
        if (stored.length > 0) yield stored;
        for (const each of stored) await this.#warn(each);
      }
    }
  }

  async #fail(error: unknown, isOnly: boolean): Promise<void> {
    this.io.interrupted.throwIfAborted();
    if (isOnly) throw error;
    this.#failures.add(error);
    await this.say(reportError(error, { json: !this.isForPeople, debug: false }).trimEnd());
  }

  async #warn({ file, replicas }: StoredFile): Promise<void> {
    for (const { nodeId, error } of replicas) {
      if (error !== '') await this.say(`warning: ${file}: ${nodeId} does not have it: ${error}`);
    }
  }
}

function checkFiles(files: readonly string[], fromStdin: boolean): void {
  const refuse = (message: string, hint: string) => {
    throw new StratumError('USAGE', message, undefined, { hint });
  };
  if (fromStdin && files.length > 0) refuse('give files or --stdin, not both', 'leave one of them out');
  if (!fromStdin && files.length === 0) refuse('missing argument FILE', 'give a file, - for stdin, or --stdin');
  if (files.filter((file) => file === '-').length > 1) refuse('stdin can be read once', 'give - once');
}

async function* once<T>(item: T): AsyncGenerator<T> {
  yield item;
}
