import { createHash } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { encodePkt, flushPkt } from '../../src/git/pkt-line.ts';

/** A `fetch` of protocol v2 with arguments as they are given. */
export function v2Fetch(args: readonly string[], objectFormat: 'sha1' | 'sha256' = 'sha1'): Buffer {
  const head = ['command=fetch', 'agent=git/2.39.5', `object-format=${objectFormat}`];
  return Buffer.concat([
    ...head.map((line) => encodePkt(line)),
    Buffer.from('0001'),
    ...args.map((line) => encodePkt(`${line}\n`)),
    flushPkt,
  ]);
}

/** The request of `git clone`, shallow when it has a depth, as git 2.39 sends it. */
export function cloneRequest(want: string, depth?: number): Buffer {
  const args = ['thin-pack', 'no-progress', 'include-tag', 'ofs-delta'];
  if (depth !== undefined) args.push(`deepen ${depth}`);
  return v2Fetch([...args, `want ${want}`, `want ${want}`, 'done'], want.length === 64 ? 'sha256' : 'sha1');
}

/** The request of a full clone in protocol 0, with capabilities such as side-band-64k. */
export function oldCloneRequest(want: string, ...capabilities: readonly string[]): Buffer {
  return Buffer.concat([encodePkt(`want ${[want, ...capabilities].join(' ')}\n`), flushPkt, encodePkt('done\n')]);
}

/** Sends a request of `git upload-pack` to a repository's URL; resolves when the answer begins, of which nothing is read yet. */
export function openFetch(url: string, body: Buffer, version = 2): Promise<IncomingMessage> {
  const headers = {
    'Content-Type': 'application/x-git-upload-pack-request',
    'Content-Length': body.length,
    'Git-Protocol': `version=${version}`,
  };
  return new Promise((resolve, reject) => {
    request(`${url}/git-upload-pack`, { method: 'POST', headers, agent: false }, resolve).on('error', reject).end(body);
  });
}

/** The whole body of an answer; rejects when it breaks off. */
export async function wholeBody(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** One whole answer with status 200. */
export async function rawFetch(url: string, body: Buffer): Promise<Buffer> {
  const answer = await openFetch(url, body);
  const content = await wholeBody(answer);
  if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode} ${content.toString('utf8', 0, 500)}`);
  return content;
}

/** The objects of the pack in an answer; throws for one that is not whole. */
export function packedObjects(answer: Buffer, hash: 'sha1' | 'sha256'): number {
  const parts: Buffer[] = [];
  let isPack = false;
  for (let at = 0; at < answer.length; ) {
    const size = Number.parseInt(answer.toString('latin1', at, at + 4), 16);
    const line = answer.subarray(at + 4, at + Math.max(4, size));
    at += Math.max(4, size);
    if (isPack && line[0] === 1) parts.push(line.subarray(1));
    if (isPack && line[0] === 3) throw new Error(`git says: ${line.toString('utf8', 1)}`);
    if (line.toString('latin1') === 'packfile\n') isPack = true;
  }
  return objectsOfPack(Buffer.concat(parts), hash);
}

/** The objects of a pack; throws for one that is not whole. */
export function objectsOfPack(pack: Buffer, hash: 'sha1' | 'sha256'): number {
  const hashBytes = hash === 'sha1' ? 20 : 32;
  const content = pack.subarray(0, -hashBytes);
  const isRight = createHash(hash).update(content).digest().equals(pack.subarray(-hashBytes));
  if (pack.toString('latin1', 0, 4) !== 'PACK' || !isRight) {
    throw new Error(`no whole pack: ${pack.length} bytes, ${JSON.stringify(pack.toString('latin1', 0, 100))}`);
  }
  return pack.readUInt32BE(8);
}
