import { close, fdatasync, fstat, open, openSync, read, type Stats, writev } from 'node:fs';
import { StratumError } from '../base/errors.ts';

/**
 * An open file with several users. A bare descriptor and not a FileHandle, because it must be possible to open it in
 * one synchronous step. It is closed when its last user has released it and no call uses it any more.
 */
export class EntryFile {
  readonly #descriptor: number;
  #users = 1;
  #calls = 0;
  #isClosed = false;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Opens a file for reading; throws the system's error. */
  static openSync(path: string): EntryFile {
    return new EntryFile(openSync(path, 'r'));
  }

  /** Opens a file for reading; rejects with the system's error. */
  static open(path: string): Promise<EntryFile> {
    return openAs(path, 'r', (descriptor) => new EntryFile(descriptor));
  }

  /** Makes a new file; rejects with the system's error. */
  static create(path: string): Promise<EntryFile> {
    return openAs(path, 'wx+', (descriptor) => new EntryFile(descriptor));
  }

  /** One user more, who must release it; false when it is closed already. */
  share(): boolean {
    if (this.#users === 0) return false;
    this.#users += 1;
    return true;
  }

  /** One user less. */
  release(): void {
    this.#users -= 1;
    this.#closeWhenUnused();
  }

  /** Its size and times. */
  stat(): Promise<Stats> {
    return this.#call((descriptor, done) => fstat(descriptor, done));
  }

  /** Reads from a position; gives how many bytes came, 0 at the end. */
  read(buffer: Buffer, length: number, position: number): Promise<number> {
    return this.#call((descriptor, done) => read(descriptor, buffer, 0, length, position, done));
  }

  /** Writes all bytes of the chunks from a position on. */
  async write(chunks: readonly Buffer[], position: number): Promise<void> {
    let left = [...chunks];
    let at = position;
    while (left.length > 0) {
      const part = left;
      const written = await this.#call<number>((descriptor, done) => writev(descriptor, part, at, done));
      at += written;
      left = restOf(left, written);
    }
  }

  /** Puts the content on disk. */
  async sync(): Promise<void> {
    await this.#call<number>((descriptor, done) => fdatasync(descriptor, (error) => done(error, 0)));
  }

  async #call<T>(start: (descriptor: number, done: (error: Error | null, result: T) => void) => void): Promise<T> {
    if (this.#isClosed) throw new StratumError('INTERNAL', 'a file of the cache was used after its release');
    this.#calls += 1;
    try {
      return await new Promise((resolve, reject) => {
        start(this.#descriptor, (error, result) => {
          if (error === null) resolve(result);
          else reject(error);
        });
      });
    } finally {
      this.#calls -= 1;
      this.#closeWhenUnused();
    }
  }

  #closeWhenUnused(): void {
    if (this.#users > 0 || this.#calls > 0 || this.#isClosed) return;
    this.#isClosed = true;
    close(this.#descriptor, () => undefined); // All that had to be on disk was synced before.
  }
}

function openAs<T>(path: string, flags: string, make: (descriptor: number) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    open(path, flags, 0o644, (error, descriptor) => {
      if (error === null) resolve(make(descriptor));
      else reject(error);
    });
  });
}

function restOf(chunks: readonly Buffer[], writtenBytes: number): Buffer[] {
  let done = writtenBytes;
  for (const [index, chunk] of chunks.entries()) {
    if (done < chunk.length) return [chunk.subarray(done), ...chunks.slice(index + 1)];
    done -= chunk.length;
  }
  return [];
}
