import { connect, type Socket } from 'node:net';
import type { FetchAnswer, FetchJob, FetchOutcome } from './clone-fetches.ts';

/**
 * The client of the clone benchmark, a process of its own: asks over kept connections, and reads and discards the answers
 * with as little work as can be, since server and client share the machine's cores.
 */
const readBytes = 1 << 20;

/** What every answer with a pack ends with. */
const flush = '0000';

process.on('message', (job: FetchJob) => {
  run(job).then(
    (outcome) => process.send?.(outcome),
    (error: unknown) =>
      process.send?.({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
// It ends with its parent.
process.once('disconnect', () => process.exit());

async function run(job: FetchJob): Promise<FetchOutcome> {
  const before = process.cpuUsage();
  const startMs = performance.now();
  const answers: FetchAnswer[] = [];
  let asked = 0;
  const work = async () => {
    const connection = await Connection.open(job.port);
    while (asked < job.requests || performance.now() - startMs < job.durationMs) {
      const body = job.bodies[asked % job.bodies.length] ?? '';
      asked += 1;
      const beganMs = performance.now();
      const { bytes, firstMs } = await connection.ask(job.path, Buffer.from(body, 'base64'));
      answers.push({ bytes, firstByteMs: firstMs - beganMs, ms: performance.now() - beganMs });
    }
    connection.end();
  };
  await Promise.all(Array.from({ length: job.connections }, work));
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(before);
  return { answers, elapsedMs, processorMs: (user + system) / 1_000 };
}

/** One kept connection, one request at a time. */
class Connection {
  readonly #socket: Socket;
  #read = new Answer();
  #done: { resolve: (answer: { bytes: number; firstMs: number }) => void; reject: (error: Error) => void } | undefined;

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const connection = new Connection(port, () => resolve(connection), reject);
    });
  }

  private constructor(port: number, opened: () => void, refused: (error: Error) => void) {
    const buffer = Buffer.allocUnsafe(readBytes);
    const onread = { buffer, callback: (count: number) => this.#take(buffer.subarray(0, count)) };
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread }, opened);
    const fail = (error: Error) => {
      refused(error);
      this.#done?.reject(error);
    };
    this.#socket.once('error', fail);
    this.#socket.once('close', () => fail(new Error('the server closed the connection')));
  }

  ask(path: string, body: Buffer): Promise<{ bytes: number; firstMs: number }> {
    this.#read = new Answer();
    const head = [
      `POST ${path} HTTP/1.1`,
      'Host: 127.0.0.1',
      'User-Agent: git/2.39.5',
      'Accept-Encoding: identity',
      'Content-Type: application/x-git-upload-pack-request',
      'Accept: application/x-git-upload-pack-result',
      'Git-Protocol: version=2',
      `Content-Length: ${body.length}`,
    ];
    return new Promise((resolve, reject) => {
      this.#done = { resolve, reject };
      this.#socket.write(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
    });
  }

  end(): void {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): boolean {
    try {
      if (this.#read.take(chunk)) this.#done?.resolve(this.#read);
    } catch (error) {
      this.#done?.reject(error instanceof Error ? error : new Error(String(error)));
      this.#socket.destroy();
    }
    return true;
  }
}

/** Reads one HTTP answer and keeps nothing of its body but the last bytes. */
class Answer {
  bytes = 0;
  firstMs = 0;
  #head = '';
  /** Undefined until the head is whole. */
  #framing: 'length' | 'chunked' | undefined;
  /** Bytes left of the body, or of the chunk. */
  #left = 0;
  /** The line of a chunk's size as far as it has come; undefined within a chunk. */
  #line: string | undefined;
  #last = '';

  /** Gives true when the answer is whole. */
  take(piece: Buffer): boolean {
    if (this.firstMs === 0) this.firstMs = performance.now();
    const rest = this.#framing === undefined ? this.#takeHead(piece) : piece;
    if (this.#framing === undefined) return false;
    if (this.#framing === 'chunked') return this.#takeChunks(rest);
    this.#content(rest);
    this.#left -= rest.length;
    return this.#left <= 0 && this.#isWhole();
  }

  #takeHead(piece: Buffer): Buffer {
    const had = this.#head.length;
    this.#head += piece.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return Buffer.alloc(0);
    const head = this.#head.slice(0, end);
    if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(this.#head.slice(0, 1_000));
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    this.#framing = length === undefined ? 'chunked' : 'length';
    if (length === undefined && !/^transfer-encoding: *chunked/im.test(head)) throw new Error(`no length: ${head}`);
    this.#left = Number(length ?? 0);
    this.#line = '';
    return piece.subarray(end + 4 - had);
  }

  #takeChunks(piece: Buffer): boolean {
    let at = 0;
    while (at < piece.length) {
      if (this.#line === undefined) {
        const count = Math.min(this.#left, piece.length - at);
        this.#content(piece.subarray(at, at + count));
        this.#left -= count;
        at += count;
        if (this.#left === 0) this.#line = '';
        continue;
      }
      const end = piece.indexOf(10, at);
      this.#line += piece.toString('latin1', at, end < 0 ? piece.length : end);
      if (end < 0) return false;
      at = end + 1;
      const line = this.#line.trim();
      this.#line = '';
      // The line that ends a chunk's content is empty, and so is the last one of all.
      if (line === '') {
        if (this.#left < 0) return this.#isWhole();
        continue;
      }
      const size = Number.parseInt(line, 16);
      if (size > 0) this.#line = undefined;
      this.#left = size > 0 ? size : -1;
    }
    return false;
  }

  #content(piece: Buffer): void {
    this.bytes += piece.length;
    if (piece.length > 0) this.#last = (this.#last + piece.toString('latin1', Math.max(0, piece.length - 4))).slice(-4);
  }

  #isWhole(): boolean {
    if (this.#last !== flush)
      throw new Error(`the answer of ${this.bytes} bytes ends with ${JSON.stringify(this.#last)}`);
    return true;
  }
}
