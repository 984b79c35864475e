import * as Flags from '@oclif/core/flags';
import { formatTime } from '../../base/units.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import type { LeaderEvent } from '../../cli/follow-leader.ts';
import { write } from '../../cli/io.ts';
import { parseScope } from '../../cli/listings/leader-listing.ts';
import { toJson } from '../../cli/output/json.ts';
import { readLeader } from '../../cli/read-leader.ts';

/** `stratum leader watch` */
export default class LeaderWatch extends ClusterCommand {
  static override id = 'leader:watch';
  static override summary = 'Print a line for the present leader and for each change of it';
  static override description =
    'On a terminal: plain lines. Elsewhere, and with -o json: one JSON object a line with type SNAPSHOT, MODIFIED or ERROR. An empty leaderId says that nobody leads. Ctrl-C ends it.';
  static override examples = ['stratum leader watch', 'stratum leader watch --scope partition:7 -o jsonl'];
  static override flags = {
    scope: Flags.string({
      description: 'Whose leader: coordinator, consensus or partition:N.',
      helpValue: '<scope>',
      default: 'coordinator',
    }),
  };

  override async run(): Promise<undefined> {
    const { flags } = await this.parse(LeaderWatch);
    const scope = parseScope(flags.scope);
    const { followLeader } = await import('../../cli/follow-leader.ts');
    const lineOf = this.isForPeople && this.io.stdoutIsTerminal ? plainLine : jsonLines(flags.scope);
    await this.withCluster(flags, async (cluster) => {
      const options = { signal: this.io.interrupted };
      for await (const event of followLeader(() => readLeader(cluster, scope), options, this.modules)) {
        await write(this.io.stdout, `${lineOf(event, formatTime(this.modules.clock.nowMs()))}\n`);
      }
    });
    this.io.interrupted.throwIfAborted();
    return undefined;
  }
}

function plainLine(event: LeaderEvent, at: string): string {
  switch (event.kind) {
    case 'leader': {
      const { leaderId, address, term } = event.leader;
      return `${at}  ${leaderId}  term ${term}  ${address}`.trimEnd();
    }
    case 'none':
      return `${at}  no leader: ${event.error.message}`;
    case 'lost':
      return `${at}  nobody answers: ${event.error.message}`;
  }
}

/** The lines of one watch; the first leader, or lack of one, is its SNAPSHOT. */
function jsonLines(scope: string): (event: LeaderEvent, at: string) => string {
  let type = 'SNAPSHOT';
  let version = 0n;
  let term = 0n;
  return (event, at) => {
    if (event.kind === 'lost') {
      const { code, message } = event.error;
      return toJson({ type: 'ERROR', version, at, code, message });
    }
    if (event.kind === 'leader') {
      version = event.listing.source?.version ?? version;
      term = event.leader.term;
    }
    const none = { scope, leaderId: '', address: '', term, detail: event.kind === 'none' ? event.error.message : '' };
    const line = { type, version, at, kind: 'Leader', object: event.kind === 'leader' ? event.leader : none };
    type = 'MODIFIED';
    return toJson(line);
  };
}
