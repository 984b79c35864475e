import { StratumError } from '../base/errors.ts';
import type { ByteReader } from './byte-reader.ts';

/** Longest pkt-line in bytes, its four length digits included (gitprotocol-common: 65520). */
export const pktBytesMax = 65_520;

/** Longest payload of a pkt-line in bytes. */
export const pktPayloadBytesMax = pktBytesMax - 4;

/** "0000": the end of a message. */
export const flushPkt = Buffer.from('0000');

/** "0001": the end of a section (protocol v2). */
export const delimPkt = Buffer.from('0001');

/** "0002": the end of a response on a stateless connection (protocol v2). */
export const responseEndPkt = Buffer.from('0002');

/** A pkt-line as it was read. */
export type Pkt =
  | { readonly kind: 'data'; readonly payload: Buffer }
  | { readonly kind: 'flush' }
  | { readonly kind: 'delim' }
  | { readonly kind: 'response-end' };

/** The four digits before a payload of so many bytes; TOO_LARGE when no pkt-line holds it. */
export function pktPrefix(payloadBytes: number): string {
  if (payloadBytes > pktPayloadBytesMax) {
    const details = { what: 'pkt-line', limit: BigInt(pktPayloadBytesMax), actual: BigInt(payloadBytes) };
    throw new StratumError('TOO_LARGE', `a pkt-line of ${payloadBytes} bytes is over ${pktPayloadBytesMax}`, details);
  }
  const known = prefixes[payloadBytes];
  if (known !== undefined) return known;
  const prefix = (4 + payloadBytes).toString(16).padStart(4, '0');
  prefixes[payloadBytes] = prefix;
  return prefix;
}

/** By payload bytes: to write a number in hex takes longer than all the rest of a short line. */
const prefixes: string[] = [];

/** One data pkt-line. */
export function encodePkt(payload: string | Uint8Array): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const prefix = pktPrefix(bytes.length);
  const line = Buffer.allocUnsafe(4 + bytes.length);
  line.write(prefix, 0, 'latin1');
  line.set(bytes, 4);
  return line;
}

/** The pkt-line that makes a client print "remote error: <message>" and stop. */
export function encodeErrorPkt(message: string): Buffer {
  const bytes = Buffer.from(`ERR ${message}`);
  return encodePkt(bytes.subarray(0, pktPayloadBytesMax));
}

/** The next pkt-line; undefined when the stream ends before one. PROTOCOL_ERROR names the byte where it went wrong. */
export async function readPkt(reader: ByteReader): Promise<Pkt | undefined> {
  const { offset } = reader;
  const digits = await reader.read(4);
  if (digits === undefined) return undefined;
  const length = parseLength(digits, offset);
  const special = specialPkts[length];
  if (special !== undefined) return special;
  const payload = await reader.read(length - 4);
  if (payload === undefined) throw malformed(offset, `announces ${length} bytes and the stream ends`);
  return { kind: 'data', payload };
}

/** Lines of one body: the wants and haves of 600,000 refs, and what goes with them. */
const pktsMax = 700_000;

/** The pkt-lines of a body that is in memory; PROTOCOL_ERROR names the byte where it went wrong, TOO_LARGE for too many. */
export function* readPkts(body: Buffer): Generator<Pkt, void, undefined> {
  for (let at = 0, count = 1; at < body.length; count += 1) {
    if (count > pktsMax) {
      throw new StratumError('TOO_LARGE', `the request has more than ${pktsMax} lines`, {
        what: 'lines of a request',
        limit: BigInt(pktsMax),
      });
    }
    if (at + 4 > body.length) throw malformed(at, 'ends within its length');
    const length = parseLength(body.subarray(at, at + 4), at);
    if (at + length > body.length) throw malformed(at, `announces ${length} bytes and the stream ends`);
    yield specialPkts[length] ?? { kind: 'data', payload: body.subarray(at + 4, at + length) };
    at += Math.max(length, 4);
  }
}

/** What lengths mean that leave no room for a payload. */
const specialPkts: readonly (Pkt | undefined)[] = [
  { kind: 'flush' },
  { kind: 'delim' },
  { kind: 'response-end' },
  undefined,
  { kind: 'data', payload: Buffer.alloc(0) },
];

/** The text of a data pkt-line without its newline; bytes that are no UTF-8 become U+FFFD. */
export function pktText(payload: Buffer): string {
  const end = payload.at(-1) === 0x0a ? payload.length - 1 : payload.length;
  return payload.toString('utf8', 0, end);
}

function parseLength(digits: Buffer, offset: number): number {
  const text = digits.toString('latin1');
  if (!/^[0-9a-fA-F]{4}$/.test(text)) throw malformed(offset, `has the length ${JSON.stringify(text)}`);
  const length = Number.parseInt(text, 16);
  if (length === 3) throw malformed(offset, 'has the length 3');
  if (length > pktBytesMax) throw malformed(offset, `has the length ${length}, over ${pktBytesMax}`);
  return length;
}

function malformed(offset: number, what: string): StratumError<'PROTOCOL_ERROR'> {
  return new StratumError('PROTOCOL_ERROR', `malformed pkt-line: the one at byte ${offset} ${what}`);
}
