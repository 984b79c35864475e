import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BundleFile, parseBundlePath } from '../../../../src/node/frontend/bundle-file.ts';
import { Exchange } from '../../../../src/node/frontend/exchange.ts';
import { answerError } from '../../../../src/node/frontend/http-errors.ts';
import { commit, gitOk, makeWork } from './frontend-fixture.ts';
import { repoName, type SampleMaintenance, sampleMaintenance } from './maintenance/sample-maintenance.ts';

let sample: SampleMaintenance;
let server: Server;
let work: string;
let requests: string[];
const signal = new AbortController().signal;

async function bundleUrl(): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const pack = (await sample.listed()).find(({ bundleHeaderOid }) => bundleHeaderOid !== undefined);
  return `http://127.0.0.1:${port}/${repoName}.git/bundles/${pack?.name}.bundle`;
}

async function get(headers: Record<string, string> = {}, method = 'GET') {
  const response = await fetch(await bundleUrl(), { headers, method });
  const body = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, body };
}

describe('a bundle', () => {
  beforeEach(async () => {
    sample = await sampleMaintenance();
    work = await makeWork(sample.folder, 3);
    await gitOk(work, ['tag', 'v1']);
    await sample.push(work, { 'refs/heads/main': 'main', 'refs/tags/v1': 'v1' });
    const repacker = await sample.repackerIn('f1');
    await repacker.run({ name: repoName, full: true }, () => undefined, signal);
    await repacker.settled();
    const cache = await sample.cacheIn('f2');
    const { objects, metadata } = sample;
    const bundles = new BundleFile({ metadataTimeoutMs: 5_000 }, { metadata: metadata.api, objects, cache });
    requests = [];
    server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      const path = parseBundlePath(request.url ?? '');
      if (path === undefined) {
        response.writeHead(404).end();
        return;
      }
      bundles.serve(new Exchange(request, response, signal), path).catch((error) => answerError(response, error));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
    sample.stop();
  });

  it('is what git verifies, with all refs of the repack', async () => {
    const { status, headers, body } = await get();
    expect(status).toBe(200);
    expect(headers.get('content-length')).toBe(String(body.length));
    const file = join(sample.folder, 'a.bundle');
    writeFileSync(file, body);
    await gitOk(work, ['bundle', 'verify', '-q', file]);
    const tip = await gitOk(work, ['rev-parse', 'main']);
    expect(await gitOk(work, ['bundle', 'list-heads', file])).toBe(
      `${tip} HEAD\n${tip} refs/heads/main\n${tip} refs/tags/v1`,
    );
  });

  it('saves a clone most of its fetch', async () => {
    const origin = join(sample.folder, 'origin.git');
    await gitOk(sample.folder, ['clone', '-q', '--bare', work, origin]);
    await commit(work, 'later.txt', 'after the repack');
    await gitOk(work, ['push', '-q', origin, 'main']);
    const clone = join(sample.folder, 'clone');
    await gitOk(sample.folder, ['clone', '-q', `--bundle-uri=${await bundleUrl()}`, `file://${origin}`, clone]);
    expect(requests).toContain(`GET ${new URL(await bundleUrl()).pathname}`);
    expect(await gitOk(clone, ['rev-parse', 'HEAD'])).toBe(await gitOk(work, ['rev-parse', 'HEAD']));
    expect(await gitOk(clone, ['for-each-ref', '--format=%(refname)', 'refs/bundles'])).toBe('refs/bundles/main');
    await gitOk(clone, ['fsck', '--full', '--strict']);
  });

  it('has a tag by which a client that has it need not load it again', async () => {
    const { headers } = await get();
    const etag = headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[0-9a-f]{40}-[0-9a-f]{16}"$/);
    const { status, body } = await get({ 'if-none-match': etag });
    expect({ status, bytes: body.length }).toEqual({ status: 304, bytes: 0 });
  });

  it('is answered to HEAD without its content', async () => {
    const { status, headers, body } = await get({}, 'HEAD');
    expect(status).toBe(200);
    expect(Number(headers.get('content-length'))).toBeGreaterThan(0);
    expect(body).toHaveLength(0);
  });

  it('is sent in part, across the end of its header, at its beginning and at its end', async () => {
    const { body: whole, headers: all } = await get();
    const headerEnd = whole.indexOf('PACK');
    for (const [from, to] of [
      [0, 3],
      [headerEnd - 5, headerEnd + 5],
      [headerEnd + 2, whole.length - 1],
    ] as const) {
      const { status, headers, body } = await get({ range: `bytes=${from}-${to}`, 'if-range': all.get('etag') ?? '' });
      expect(status).toBe(206);
      expect(headers.get('content-range')).toBe(`bytes ${from}-${to}/${whole.length}`);
      expect(body.equals(whole.subarray(from, to + 1))).toBe(true);
    }
    expect(await get({ range: `bytes=${whole.length}-` })).toMatchObject({ status: 416 });
    expect(await get({ range: 'bytes=0-3', 'if-range': '"another"' })).toMatchObject({ status: 200 });
  });

  it('is not found when its pack is no longer listed, or has no header', async () => {
    const url = await bundleUrl();
    await sample.push(work, { 'refs/heads/main': await commit(work, 'b.txt', 'b') });
    const plain = (await sample.listed()).find((pack) => pack.bundleHeaderOid === undefined);
    const other = url.replace(/[0-9a-f]{40}/, plain?.name ?? '');
    expect((await fetch(other)).status).toBe(404);
    expect((await fetch(url.replace(/[0-9a-f]{40}/, 'a'.repeat(40)))).status).toBe(404);
    expect((await fetch(url.replace('team/app', 'team/none'))).status).toBe(404);
    expect((await fetch(url)).status).toBe(200);
  });
});

describe('the path of a bundle', () => {
  const name = 'a'.repeat(40);
  it.each([
    [`/team/app.git/bundles/${name}.bundle`, { repo: 'team/app', packName: name }],
    [`/team/deep/app/bundles/${name}.bundle`, { repo: 'team/deep/app', packName: name }],
    [`/team/app.git/bundles/${'b'.repeat(64)}.bundle`, { repo: 'team/app', packName: 'b'.repeat(64) }],
    [`/team/app.git/bundles/${name}.pack`, undefined],
    [`/team/app.git/bundles/${name.slice(1)}.bundle`, undefined],
    [`/team/app.git/${name}.bundle`, undefined],
    ['/team/app.git/info/refs', undefined],
  ])('%s', (path, expected) => {
    expect(parseBundlePath(path)).toEqual(expected);
  });

  it.each([`/../app.git/bundles/${name}.bundle`, `/team/a%2fb.git/bundles/${name}.bundle`])('refuses %s', (path) => {
    expect(() => parseBundlePath(path)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
