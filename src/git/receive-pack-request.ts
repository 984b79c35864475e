import { StratumError } from '../base/errors.ts';
import type { ByteReader } from './byte-reader.ts';
import { isObjectId, isZeroId, type ObjectFormat, parseObjectFormat } from './object-id.ts';
import { pktText, readPkt } from './pkt-line.ts';

/** One wanted change of one ref, as the client sent it. */
export interface PushCommand {
  /** All zeros for "must not exist". */
  readonly oldId: string;
  /** All zeros to delete. */
  readonly newId: string;
  /** Not checked yet; bytes that are no UTF-8 have become U+FFFD. */
  readonly name: string;
}

/** What precedes the pack in a push. */
export interface ReceivePackRequest {
  readonly commands: readonly PushCommand[];
  readonly objectFormat: ObjectFormat;
  /** report-status-v2 wins over report-status. */
  readonly report: 'none' | 'v1' | 'v2';
  readonly sideband: boolean;
  readonly atomic: boolean;
  readonly quiet: boolean;
  readonly agent: string;
  readonly pushOptions: readonly string[];
  /** Commits at which the client's own history was cut off. */
  readonly shallowIds: readonly string[];
  /** Whether a pack follows: not when there are only deletions. */
  readonly hasPack: boolean;
}

/** Ref commands of one push: what the metadata node takes in one operation. */
export const pushCommandsMax = 100_000;

/** Push options of one push, each at most a pkt-line. */
export const pushOptionsMax = 1_000;

/** Shallow lines of one push. */
export const shallowLinesMax = 100_000;

/**
 * Reads a push up to its pack, which is then the rest of the reader. A body that is empty or a flush
 * alone (a client's probe) has no commands. PROTOCOL_ERROR when it is malformed, TOO_LARGE
 * above the limits, UNIMPLEMENTED for a signed push.
 */
export async function readReceivePackRequest(reader: ByteReader): Promise<ReceivePackRequest> {
  const head = new CommandList();
  for (;;) {
    const pkt = await readPkt(reader);
    if (pkt === undefined && head.empty) break;
    if (pkt === undefined) throw protocolError('the push ends before the flush after its commands');
    if (pkt.kind === 'flush') break;
    if (pkt.kind !== 'data') throw protocolError(`unexpected ${pkt.kind} packet among the commands`);
    head.add(pkt.payload);
  }
  const pushOptions = head.capabilities.has('push-options') ? await readPushOptions(reader) : [];
  return head.request(pushOptions);
}

async function readPushOptions(reader: ByteReader): Promise<string[]> {
  const options: string[] = [];
  for (;;) {
    const pkt = await readPkt(reader);
    if (pkt === undefined) throw protocolError('the push ends before the flush after its push options');
    if (pkt.kind === 'flush') return options;
    if (pkt.kind !== 'data') throw protocolError(`unexpected ${pkt.kind} packet among the push options`);
    if (options.length === pushOptionsMax) throw tooMany('push options', pushOptionsMax);
    options.push(pktText(pkt.payload));
  }
}

class CommandList {
  readonly #commands: PushCommand[] = [];
  readonly #shallowIds: string[] = [];
  #objectFormat: ObjectFormat = 'sha1';
  capabilities: ReadonlyMap<string, string> = new Map();

  get empty(): boolean {
    return this.#commands.length === 0 && this.#shallowIds.length === 0;
  }

  add(payload: Buffer): void {
    const nul = payload.indexOf(0);
    const text = pktText(nul < 0 ? payload : payload.subarray(0, nul));
    if (text.startsWith('shallow ')) {
      if (this.#shallowIds.length === shallowLinesMax) throw tooMany('shallow lines', shallowLinesMax);
      this.#shallowIds.push(text.slice('shallow '.length));
      return;
    }
    if (text === 'push-cert' || text.startsWith('push-cert ')) {
      throw new StratumError('UNIMPLEMENTED', 'signed pushes are not accepted', undefined, {
        hint: 'Push without --signed.',
      });
    }
    // Capabilities stand behind the first command alone, as in git's receive-pack.
    if (this.#commands.length === 0 && nul >= 0) this.#setCapabilities(pktText(payload.subarray(nul + 1)));
    if (this.#commands.length === pushCommandsMax) throw tooMany('ref commands', pushCommandsMax);
    this.#commands.push(this.#parseCommand(text));
  }

  request(pushOptions: readonly string[]): ReceivePackRequest {
    const has = (name: string) => this.capabilities.has(name);
    const wrongShallow = this.#shallowIds.find((id) => !isObjectId(id, this.#objectFormat));
    if (wrongShallow !== undefined) throw protocolError(`expected shallow sha, got '${wrongShallow.slice(0, 100)}'`);
    return {
      commands: this.#commands,
      objectFormat: this.#objectFormat,
      report: has('report-status-v2') ? 'v2' : has('report-status') ? 'v1' : 'none',
      sideband: has('side-band-64k'),
      atomic: has('atomic'),
      quiet: has('quiet'),
      agent: this.capabilities.get('agent') ?? '',
      pushOptions,
      shallowIds: this.#shallowIds,
      hasPack: this.#commands.some((command) => !isZeroId(command.newId)),
    };
  }

  #setCapabilities(text: string): void {
    const pairs = text.split(' ').filter((word) => word !== '');
    this.capabilities = new Map(
      pairs.map((word) => {
        const at = word.indexOf('=');
        return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
      }),
    );
    const format = this.capabilities.get('object-format');
    if (format !== undefined) this.#objectFormat = parseObjectFormat(format);
  }

  #parseCommand(text: string): PushCommand {
    const [oldId = '', newId = ''] = text.split(' ', 2);
    const name = text.slice(oldId.length + newId.length + 2);
    if (isObjectId(oldId, this.#objectFormat) && isObjectId(newId, this.#objectFormat) && name !== '') {
      return { oldId, newId, name };
    }
    throw protocolError(`expected old/new/ref, got '${text.slice(0, 300)}'`);
  }
}

function tooMany(what: string, limit: number): StratumError<'TOO_LARGE'> {
  return new StratumError('TOO_LARGE', `the push has more than ${limit} ${what}`, { what, limit: BigInt(limit) });
}

function protocolError(message: string): StratumError<'PROTOCOL_ERROR'> {
  return new StratumError('PROTOCOL_ERROR', `protocol error: ${message}`);
}
