import { StratumError } from '../base/errors.ts';
import { type ObjectFormat, parseObjectFormat } from './object-id.ts';
import { encodePkt, flushPkt, type Pkt, pktText } from './pkt-line.ts';

/** A command of protocol v2 that is served. */
export type V2Command = (typeof v2Commands)[number];

const v2Commands = ['ls-refs', 'fetch', 'object-info', 'bundle-uri'] as const;

/** A request of protocol v2. */
export interface V2Request {
  readonly command: V2Command;
  /** sha1 when the client does not say. */
  readonly objectFormat: ObjectFormat;
  /** "git/2.39.5" and the like; empty when the client does not say. */
  readonly agent: string;
  readonly serverOptions: readonly string[];
  readonly args: readonly string[];
}

/** What a repository has to say of itself to clients of protocol v2. */
export interface V2Advertisement {
  /** "stratum/<version>". */
  readonly agent: string;
  readonly objectFormat: ObjectFormat;
  /** There is a bundle to begin a clone with; `bundle-uri` is offered only then, as it costs the client a request. */
  readonly hasBundle?: boolean;
}

/** The capability advertisement of protocol v2, which stands for the refs of v0. */
export function advertiseV2(options: V2Advertisement): Buffer {
  const lines = [
    'version 2',
    `agent=${options.agent}`,
    'ls-refs=unborn',
    'fetch=shallow wait-for-done filter ref-in-want',
    'server-option',
    `object-format=${options.objectFormat}`,
    // With what it tells, which clients before git 2.56 neither need nor mind.
    'object-info=size',
    ...(options.hasBundle === true ? ['bundle-uri'] : []),
  ];
  return Buffer.concat([...lines.map((line) => encodePkt(`${line}\n`)), flushPkt]);
}

/**
 * One request of protocol v2; undefined when the client has nothing to ask (an empty body or a
 * flush alone). PROTOCOL_ERROR with git's words for a malformed one.
 */
export function parseV2Request(pkts: Iterable<Pkt>): V2Request | undefined {
  const header = new V2Header();
  const rest = pkts[Symbol.iterator]();
  for (let next = rest.next(); next.done !== true; next = rest.next()) {
    const pkt = next.value;
    if (pkt.kind === 'flush') return header.empty ? undefined : header.request([]);
    if (pkt.kind === 'delim') return header.request(argsOf(rest));
    if (pkt.kind === 'response-end') throw protocolError('unexpected response-end packet');
    header.add(pktText(pkt.payload));
  }
  if (header.empty) return undefined;
  throw protocolError('the request ends before its flush');
}

function argsOf(rest: Iterator<Pkt>): string[] {
  const args: string[] = [];
  for (let next = rest.next(); next.done !== true; next = rest.next()) {
    const pkt = next.value;
    if (pkt.kind === 'flush') return args;
    if (pkt.kind !== 'data') throw protocolError('expected flush after arguments');
    args.push(pktText(pkt.payload));
  }
  throw protocolError('the request ends before its flush');
}

/** The part of a request before its arguments: the command and the client's capabilities. */
class V2Header {
  #command: V2Command | undefined;
  #objectFormat: ObjectFormat = 'sha1';
  #agent = '';
  readonly #serverOptions: string[] = [];
  empty = true;

  add(line: string): void {
    this.empty = false;
    const at = line.indexOf('=');
    const key = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? undefined : line.slice(at + 1);
    if (key === 'command' && value !== undefined) this.#setCommand(value);
    else if (key === 'agent') this.#agent = value ?? '';
    else if (key === 'server-option' && value !== undefined) this.#serverOptions.push(value);
    else if (key === 'object-format') this.#objectFormat = formatOf(value);
    else if (key !== 'session-id') throw protocolError(`unknown capability '${shorten(line)}'`);
  }

  request(args: readonly string[]): V2Request {
    if (this.#command === undefined) throw protocolError('no command requested');
    return {
      command: this.#command,
      objectFormat: this.#objectFormat,
      agent: this.#agent,
      serverOptions: this.#serverOptions,
      args,
    };
  }

  #setCommand(name: string): void {
    if (this.#command !== undefined) {
      throw protocolError(`command '${shorten(name)}' requested after already requesting command '${this.#command}'`);
    }
    const command = v2Commands.find((known) => known === name);
    if (command === undefined) throw protocolError(`invalid command '${shorten(name)}'`);
    this.#command = command;
  }
}

function formatOf(value: string | undefined): ObjectFormat {
  if (value === undefined) throw protocolError('object-format capability requires an argument');
  return parseObjectFormat(value);
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function protocolError(message: string): StratumError<'PROTOCOL_ERROR'> {
  return new StratumError('PROTOCOL_ERROR', message);
}
