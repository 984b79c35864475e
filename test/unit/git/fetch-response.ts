import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ByteReader } from '../../../src/git/byte-reader.ts';
import { pktText, readPkt } from '../../../src/git/pkt-line.ts';

/** A response to `fetch`, taken apart. */
export interface FetchResponse {
  /** Lines of each section but the pack, by the section's name. */
  readonly sections: ReadonlyMap<string, ReadonlySet<string>>;
  /** Undefined when there is no such section. */
  readonly pack: Buffer | undefined;
  /** What an ERR line or the error band says. */
  readonly error: string | undefined;
}

/** Takes a response apart; sections that are no list of git's documentation are an error of the test. */
export async function readFetchResponse(bytes: Buffer): Promise<FetchResponse> {
  const reader = new ByteReader(
    (async function* () {
      yield bytes;
    })(),
  );
  const sections = new Map<string, Set<string>>();
  const pack: Buffer[] = [];
  let section = '';
  let error: string | undefined;
  for (let pkt = await readPkt(reader); pkt !== undefined; pkt = await readPkt(reader)) {
    if (pkt.kind !== 'data') section = '';
    else if (section === 'packfile') {
      if (pkt.payload[0] === 1) pack.push(pkt.payload.subarray(1));
      if (pkt.payload[0] === 3) error = pkt.payload.toString('utf8', 1);
    } else if (pkt.payload.subarray(0, 4).toString() === 'ERR ') error = pktText(pkt.payload).slice(4);
    else if (section === '') {
      section = pktText(pkt.payload);
      sections.set(section, new Set());
    } else sections.get(section)?.add(pktText(pkt.payload));
  }
  const hasPack = sections.delete('packfile');
  return { sections, pack: hasPack ? Buffer.concat(pack) : undefined, error };
}

/**
 * The ids of the objects that a pack holds, a thin one too: what it leaves out is looked for in `gitDir`.
 * `folder` is a place for scratch.
 */
export function objectsInPack(pack: Buffer, gitDir: string, folder: string): ReadonlySet<string> {
  const count = pack.readUInt32BE(8);
  if (count === 0) return new Set();
  const target = join(folder, 'completed.pack');
  for (const path of [target, target.replace(/pack$/, 'idx'), target.replace(/pack$/, 'rev')]) {
    if (existsSync(path)) rmSync(path);
  }
  const environment = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
  // It reads the repository's objects and writes beside: the bases are added at the end of the file.
  const indexing = ['-C', gitDir, 'index-pack', '--stdin', '--fix-thin', target];
  execFileSync('git', indexing, { env: environment, input: pack, stdio: ['pipe', 'ignore', 'pipe'] });
  const listing = execFileSync('git', ['-C', gitDir, 'verify-pack', '-v', target], { env: environment });
  const entries = listing
    .toString()
    .split('\n')
    .map((line) => /^([0-9a-f]{40,64}) (?:commit|tree|blob|tag) +\d+ \d+ (\d+)/.exec(line))
    .filter((match) => match !== null)
    .map(([, id = '', offset]) => ({ id, offset: Number(offset) }));
  return new Set(
    entries
      .sort((one, other) => one.offset - other.offset)
      .slice(0, count)
      .map(({ id }) => id),
  );
}
