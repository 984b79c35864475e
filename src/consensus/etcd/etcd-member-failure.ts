import { StratumError } from '../../base/errors.ts';

/** A cause that etcd names in its last words, and what to do about it. */
interface KnownCause {
  /** etcd has no codes: its texts are those of 3.4 to 3.6. */
  readonly text: RegExp;
  readonly hint: string;
}

const knownCauses: readonly KnownCause[] = [
  {
    text: /bind: (address already in use|cannot assign requested address)/,
    hint: 'stop what listens there, or choose another address with --etcd-peer-listen or --etcd-client-listen',
  },
  {
    text: /permanently removed from the cluster/,
    hint: 'move its folder away, and "stratum cluster member add" it on a running coordinator',
  },
  {
    text: /has already been bootstrapped/,
    hint: 'its folder was wiped: "stratum cluster member remove", then "member add" on a running coordinator',
  },
  {
    text: /cluster ID mismatch|member count is unequal|unmatched member while checking PeerURLs/,
    hint: 'give all coordinators the same etcd.peers; a folder from another cluster must be moved away',
  },
  { text: /no space left on device/, hint: 'make room on the disk of its folder' },
  { text: /permission denied/, hint: 'make its folder writable and its program executable for this user' },
];

/** The member that ended, and its last words. */
export interface MemberEnd {
  readonly nodeId: string;
  /** How the process ended, in words. */
  readonly how: string;
  /** The end of its output. */
  readonly lines: readonly string[];
  readonly logFile: string;
}

/** ETCD_FAILED for an etcd process that ended, or did not get ready. */
export function memberFailure({ nodeId, how, lines, logFile }: MemberEnd): StratumError<'ETCD_FAILED'> {
  const said = lines.map(spoken);
  const cause = knownCauses.find(({ text }) => said.some((line) => text.test(line)));
  // The line that names the cause, or the last ones.
  const shown = cause === undefined ? said.slice(-3) : said.filter((line) => cause.text.test(line)).slice(-1);
  const message = [`the etcd member ${nodeId} ${how}`, ...shown].join(': ');
  const log = `its log is ${logFile}`;
  return new StratumError('ETCD_FAILED', message, undefined, {
    hint: cause === undefined ? log : `${cause.hint}; ${log}`,
  });
}

/** Whether etcd says that an address (host:port) was taken. */
export function isAddressTaken(lines: readonly string[], address: string): boolean {
  return lines.some((line) => line.includes(`listen tcp ${address}: bind: address already in use`));
}

/** What a line of etcd's log says: message and error of a JSON line, or the line itself. */
function spoken(line: string): string {
  try {
    const content: unknown = JSON.parse(line);
    if (typeof content !== 'object' || content === null) return line;
    const { msg, error }: { readonly msg?: unknown; readonly error?: unknown } = content;
    return [msg, error].filter((part) => typeof part === 'string').join(': ') || line;
  } catch {
    return line; // Not every line is JSON: what etcd prints before it has read its flags is text.
  }
}
