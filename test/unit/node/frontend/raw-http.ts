import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** An answer as it came over the socket. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Whether the body came whole, by its own length or its last chunk. */
  readonly whole: boolean;
}

export function openSocket(baseUrl: string): Socket {
  const { hostname, port } = new URL(baseUrl);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  return socket;
}

/** Sends bytes as they are and reads until the connection closes. */
export async function rawRequest(baseUrl: string, ...parts: readonly (string | Buffer)[]): Promise<RawAnswer> {
  const socket = openSocket(baseUrl);
  for (const part of parts) socket.write(part);
  return readAnswer(socket);
}

/** Reads one answer off a socket that its server closes. */
export async function readAnswer(socket: Socket): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return parseAnswer(Buffer.concat(chunks));
}

/** The lines of a request head; the connection closes after the answer. */
export function head(method: string, path: string, headers: Readonly<Record<string, string | number>> = {}): string {
  const all = { Host: 'test', Connection: 'close', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A POST of a Git service with a whole body. */
export function post(
  path: string,
  body: Buffer | string,
  headers: Readonly<Record<string, string | number>> = {},
): Buffer {
  const bytes = Buffer.from(body);
  const service = path.slice(path.lastIndexOf('/') + 1);
  const all = { 'Content-Type': `application/x-${service}-request`, 'Content-Length': bytes.length, ...headers };
  return Buffer.concat([Buffer.from(head('POST', path, all)), bytes]);
}

function parseAnswer(bytes: Buffer): RawAnswer {
  const split = bytes.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, Math.max(0, split)).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  if (split < 0) return { status: 0, headers, body: Buffer.alloc(0), whole: false };
  const rest = bytes.subarray(split + 4);
  const status = Number(statusLine.split(' ')[1] ?? 0);
  if (headers['transfer-encoding'] === 'chunked') return { status, headers, ...unchunk(rest) };
  const length = Number(headers['content-length'] ?? rest.length);
  return { status, headers, body: rest.subarray(0, length), whole: rest.length >= length };
}

function unchunk(bytes: Buffer): { body: Buffer; whole: boolean } {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return { body: Buffer.concat(parts), whole: false };
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (size === 0) return { body: Buffer.concat(parts), whole: true };
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
