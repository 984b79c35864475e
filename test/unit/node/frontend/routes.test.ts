import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, startFixture } from './frontend-fixture.ts';
import { head, post, rawRequest } from './raw-http.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
  await fixture.metadata.createRepo({ name: 'owner/name', objectFormat: 1, head: '' });
});
afterEach(() => fixture.stop());

async function request(...parts: (string | Buffer)[]) {
  const answer = await rawRequest(fixture.frontend.url, ...parts);
  return { ...answer, text: answer.body.toString() };
}

describe('a path', () => {
  it.each([
    ['/owner/name.git/info/refs?service=git-upload-pack', 200],
    ['/owner/name/info/refs?service=git-receive-pack', 200],
    ['/o/../etc/info/refs?service=git-upload-pack', 400],
    ['/o/%2e%2e/info/refs?service=git-upload-pack', 400],
    ['/o%2fn/x/info/refs?service=git-upload-pack', 400],
    ['/o/n%00/info/refs?service=git-upload-pack', 400],
    ['/o/n%zz/info/refs?service=git-upload-pack', 400],
    [`/o/${'x'.repeat(5000)}/info/refs?service=git-upload-pack`, 400],
    ['/name/info/refs?service=git-upload-pack', 400],
    ['/o/none/info/refs?service=git-upload-pack', 404],
    ['/owner/name.git/info/refs?service=git-teleport', 400],
    ['/owner/name.git/info/refs', 403],
    ['/owner/name.git/HEAD', 403],
    ['/owner/name.git/objects/info/packs', 403],
    ['/owner/name.git', 404],
    ['/', 404],
    ['/favicon.ico', 404],
  ])('%s is answered with %i and text', async (path, status) => {
    const answer = await request(head('GET', path));
    expect(answer.status).toBe(status);
    if (status !== 200) expect(answer.text).toMatch(/^stratum: .+/);
    expect(answer.headers['content-type']).toMatch(status === 200 ? /^application\/x-git/ : /^text\/plain/);
  });

  it('says why the dumb protocol is refused', async () => {
    expect((await request(head('GET', '/owner/name.git/info/refs'))).text).toContain('smart HTTP');
  });

  it('longer than HTTP headers may be is refused and the process stays up', async () => {
    expect([400, 431]).toContain((await request(head('GET', `/${'x'.repeat(100_000)}`))).status);
    expect((await request(head('GET', '/healthz'))).status).toBe(200);
  });
});

describe('a method and a content type', () => {
  it.each([
    ['POST', '/owner/name.git/info/refs?service=git-upload-pack', 'GET, HEAD'],
    ['GET', '/owner/name.git/git-upload-pack', 'POST'],
    ['DELETE', '/owner/name.git/git-receive-pack', 'POST'],
  ])('%s %s is not allowed', async (method, path, allowed) => {
    const answer = await request(head(method, path, { 'Content-Length': 0 }));
    expect(answer).toMatchObject({ status: 405, headers: { allow: allowed } });
  });

  it.each(['git-upload-pack', 'git-receive-pack'])('a %s of another content type is 415', async (service) => {
    const wrong = await request(post(`/owner/name.git/${service}`, '0000', { 'Content-Type': 'text/plain' }));
    expect(wrong).toMatchObject({ status: 415, text: expect.stringContaining(`application/x-${service}-request`) });
    const none = head('POST', `/owner/name.git/${service}`, { 'Content-Length': 4 });
    expect(await request(none, '0000')).toMatchObject({ status: 415 });
  });

  it('what is no HTTP is refused and the process stays up', async () => {
    expect((await request('nonsense\r\n\r\n')).status).toBe(400);
    expect((await request('\0\0\0\0')).status).toBe(400);
    expect((await request(head('GET', '/healthz'))).status).toBe(200);
  });

  it('HEAD has the status and no body', async () => {
    const answer = await request(head('HEAD', '/owner/name.git/info/refs?service=git-upload-pack'));
    expect(answer).toMatchObject({ status: 200, text: '' });
  });
});
