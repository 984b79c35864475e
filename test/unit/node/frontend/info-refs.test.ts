import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, gitOk, makeWork, startFixture } from './frontend-fixture.ts';
import { head, rawRequest } from './raw-http.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.stop());

async function ask(service: string, version: string, repo = 'owner/name') {
  const path = `/${repo}.git/info/refs?service=${service}`;
  const answer = await rawRequest(fixture.frontend.url, head('GET', path, { 'Git-Protocol': version }));
  return { ...answer, text: answer.body.toString() };
}

describe('info/refs', () => {
  it('advertises capabilities of version 2 without refs and without a service line', async () => {
    await fixture.metadata.createRepo({ name: 'owner/name', objectFormat: 2, head: '' });
    const answer = await ask('git-upload-pack', 'version=2');
    expect(answer.text).toMatch(/^000eversion 2\n.*agent=stratum\/test\n/);
    expect(answer.text).toContain('object-format=sha256');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/x-git-upload-pack-advertisement',
      'cache-control': 'no-cache, max-age=0, must-revalidate',
      pragma: 'no-cache',
    });
  });

  it.each([
    ['version=0', /^001e# service=git-upload-pack\n0000[0-9a-f]{4}[0-9a-f]{40} HEAD\0/],
    ['version=1', /^001e# service=git-upload-pack\n0000000eversion 1\n/],
    ['', /^001e# service=git-upload-pack\n0000/],
    ['version=9', /^001e# service=git-upload-pack\n0000[0-9a-f]{4}[0-9a-f]{40} HEAD\0/],
  ])('with Git-Protocol %j advertises refs', async (version, expected) => {
    const work = await makeWork(fixture.folder);
    await gitOk(work, ['push', '-q', fixture.url(), 'main']);
    expect((await ask('git-upload-pack', version)).text).toMatch(expected);
  });

  it('answers a pusher that asks for version 2 with version 0', async () => {
    await fixture.metadata.createRepo({ name: 'owner/name', objectFormat: 1, head: '' });
    expect((await ask('git-receive-pack', 'version=2')).text).toMatch(
      /^001f# service=git-receive-pack\n0000[0-9a-f]{4}0{40} capabilities/,
    );
  });

  it('asks the metadata primary once, which sends refs only when they have changed', async () => {
    const work = await makeWork(fixture.folder);
    await gitOk(work, ['push', '-q', fixture.url(), 'main']);
    const first = await ask('git-upload-pack', '');
    Object.assign(fixture.metadata, { calls: [], refsAnswered: [] });
    expect((await ask('git-upload-pack', '')).body).toEqual(first.body);
    expect(fixture.metadata.calls).toEqual(['getRefs']);
    expect(fixture.metadata.refsAnswered).toEqual([0]);
    await gitOk(work, ['push', '-q', fixture.url(), 'main:refs/heads/next']);
    const later = await ask('git-upload-pack', '');
    expect(later.text.replace(/[0-9a-f]{44} refs\/heads\/next\n/, '')).toBe(first.text);
    expect(later.text).toContain('refs/heads/next');
  });

  it('lets a push to a missing repository begin only where pushes create', async () => {
    expect(await ask('git-receive-pack', '')).toMatchObject({ status: 200 });
    expect(await ask('git-upload-pack', '')).toMatchObject({ status: 404 });
    await fixture.restart({ createOnPush: false });
    expect(await ask('git-receive-pack', '')).toMatchObject({ status: 404 });
    expect(fixture.metadata.repos.size).toBe(0);
  });
});
