import * as Flags from '@oclif/core/flags';
import { StratumError } from '../../base/errors.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { balanceListing } from '../../cli/listings/balance-listing.ts';
import { readHeartbeats } from '../../cli/read-heartbeats.ts';
import { ringBalance } from '../../topology/ring-balance.ts';

/** `stratum ring balance` */
export default class RingBalance extends ClusterCommand {
  static override id = 'ring:balance';
  static override summary = 'Show how evenly the ring shares the blobs, beside what each node stores';
  static override description =
    'The ratio is the share of the ring over what the node’s weight asks for. Exit code: 0, or 5 when the highest ratio is over --max-imbalance. With -o json the key "balance" has that ratio (maxOverMean) and the standard deviation.';
  static override examples = [
    'stratum ring balance',
    'stratum ring balance --max-imbalance 1.1',
    'stratum ring balance --field balance.maxOverMean',
  ];
  static override flags = {
    'max-imbalance': Flags.string({
      description: 'End with exit code 5 when a ratio is over this; 1 is perfect.',
      helpValue: '<ratio>',
    }),
  };

  override async run(): Promise<number> {
    const { flags } = await this.parse(RingBalance);
    const ratioMax = flags['max-imbalance'] === undefined ? undefined : parseRatio(flags['max-imbalance']);
    const { snapshot, read } = await this.withCluster(flags, async (cluster) => ({
      snapshot: await cluster.snapshot(),
      read: await readHeartbeats(cluster, this.io.interrupted),
    }));
    const balance = ringBalance(snapshot.topology.ring);
    await this.print(balanceListing(snapshot, balance, read));
    const { maxOverMean, standardDeviation, members } = balance;
    if (this.isForPeople && members.length > 0) {
      await this.say(
        `most loaded over mean ${maxOverMean.toFixed(3)}, standard deviation ${standardDeviation.toFixed(3)}`,
      );
    }
    return ratioMax !== undefined && maxOverMean > ratioMax ? unbalancedExitCode : 0;
  }
}

/** The contract's code of "degraded". */
const unbalancedExitCode = 5;

function parseRatio(text: string): number {
  const ratio = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && ratio >= 1) return ratio;
  const details = { field: '--max-imbalance', reason: `"${text}"`, expected: 'a number from 1, for example 1.1' };
  throw new StratumError('INVALID_ARGUMENT', `--max-imbalance: "${text}" is not a ratio`, details, {
    hint: `expected ${details.expected}`,
  });
}
