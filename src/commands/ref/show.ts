import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StratumError } from '../../base/errors.ts';
import { IdsCommand } from '../../cli/ids-command.ts';
import type { RefDetail } from '../../cli/listings/ref-listing.ts';
import { parseRef } from '../../cli/ref-names.ts';
import type { RefReader } from '../../cli/ref-reader.ts';
import { parseRepoName } from '../../git/repo-name.ts';

/** `stratum ref show` */
export default class RefShow extends IdsCommand {
  static override id = 'ref:show';
  static override summary = 'Show what refs point at, and what changed them last';
  static override description =
    'Names may be short, as git takes them: "v1" is refs/tags/v1, or else refs/heads/v1. HEAD is the branch that it points at. Exit code: 3 when there is no such ref, 10 when some of many are not there.';
  static override examples = [
    'stratum ref show team/app main',
    'stratum ref show team/app HEAD --field objectId',
    'stratum ref show team/app refs/heads/main v1.0 -o json',
  ];
  static override args = {
    repo: Args.string({ description: 'name of the repository', required: true, ignoreStdin: true }),
    ref: Args.string({ description: 'the ref, in full or short', multiple: true, ignoreStdin: true }),
  };
  static override flags = {
    stdin: Flags.boolean({ description: 'Read refs from stdin, one a line.' }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(RefShow);
    const repo = parseRepoName(args.repo);
    const isOnly = args.ref?.length === 1;
    const names = this.ids(args.ref, flags.stdin, parseRef);
    const [{ RefReader }, { refDetails }] = await Promise.all([
      import('../../cli/ref-reader.ts'),
      import('../../cli/listings/ref-listing.ts'),
    ]);
    let count = 0;
    await this.withCluster(flags, async (cluster) => {
      const reader = new RefReader({ repo }, { metadata: await cluster.metadata() });
      const { source } = await cluster.snapshot();
      const counted = this.#details(names, reader, isOnly, (found) => {
        count += found;
      });
      await this.printStream(refDetails(counted, source));
    });
    return this.failures.exitCode(count) ?? 0;
  }

  async *#details(
    names: AsyncIterable<readonly string[]>,
    reader: RefReader,
    isOnly: boolean,
    onFound: (count: number) => void,
  ): AsyncGenerator<readonly RefDetail[]> {
    for await (const group of names) {
      const details: RefDetail[] = [];
      for (const found of await reader.details(group)) {
        if (!(found instanceof StratumError)) details.push(found);
        else if (isOnly) throw found;
        else await this.fail(found);
      }
      onFound(details.length);
      yield details;
    }
  }
}
