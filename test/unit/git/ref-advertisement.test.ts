import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EncodedRefs, type RefLines } from '../../../src/git/encoded-refs.ts';
import {
  advertiseForCreation,
  advertiseForReceivePack,
  advertiseForUploadPack,
  encodeServiceHeader,
} from '../../../src/git/ref-advertisement.ts';
import type { RefSnapshot } from '../../../src/git/ref-snapshot.ts';

const agent = 'stratum/test';
const environment = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.org',
};

const encoded =
  ({ refs }: RefSnapshot): RefLines =>
  (shape) =>
    EncodedRefs.encode(refs, shape);

function linesOf(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number.parseInt(bytes.toString('latin1', at, at + 4), 16);
    lines.push(length === 0 ? '(flush)' : bytes.toString('utf8', at + 4, at + length));
    at += Math.max(length, 4);
  }
  return lines;
}

function capabilitiesOf(line: string | undefined): string[] {
  const words = (line ?? '').split('\0')[1]?.trim().split(' ') ?? [];
  return words.filter((word) => !word.startsWith('agent=')).sort();
}

describe('an advertisement, compared with that of real git', () => {
  let folder: string;
  const git = (...args: string[]) => execFileSync('git', ['-C', folder, ...args], { env: environment }).toString();
  let snapshot: RefSnapshot;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'advertisement-'));
    git('init', '-q', '-b', 'main', '.');
    git('commit', '-q', '--allow-empty', '-m', 'one');
    git('tag', '-a', '-m', 'tag', 'v1');
    git('branch', 'other');
    const format = '%(refname) %(objectname) %(*objectname)';
    const refs = git('for-each-ref', `--format=${format}`)
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([name = '', objectId = '', peeledId = '']) => ({ name, objectId, peeledId }));
    snapshot = { objectFormat: 'sha1', head: 'refs/heads/main', refs };
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('has the refs and capabilities of git upload-pack', () => {
    const config = ['-c', 'uploadpack.allowFilter=true', '-c', 'uploadpack.allowAnySHA1InWant=true'];
    const theirs = linesOf(
      Buffer.from(git(...config, 'upload-pack', '--stateless-rpc', '--advertise-refs', '.'), 'utf8'),
    );
    const ours = linesOf(
      Buffer.concat([...advertiseForUploadPack(snapshot, encoded(snapshot), { version: 0, agent })]),
    );
    expect(ours.map((line) => line.split('\0')[0])).toEqual(theirs.map((line) => line.split('\0')[0]));
    expect(capabilitiesOf(ours[0])).toEqual(capabilitiesOf(theirs[0]));
  });

  it('has no HEAD where the branch that it points at does not exist, and still both lines of a first tag', () => {
    const tags = snapshot.refs.filter(({ name }) => name.startsWith('refs/tags/'));
    const unborn = { ...snapshot, head: 'refs/heads/unborn', refs: tags };
    const lines = linesOf(Buffer.concat([...advertiseForUploadPack(unborn, encoded(unborn), { version: 0, agent })]));
    const { objectId, peeledId } = tags[0] ?? {};
    expect(lines.map((line) => line.split('\0')[0])).toEqual([
      `${objectId} refs/tags/v1`,
      `${peeledId} refs/tags/v1^{}\n`,
      '(flush)',
    ]);
    expect(lines[0]).not.toContain('symref=');
  });

  it('has the refs and capabilities of git receive-pack', () => {
    const theirs = linesOf(
      Buffer.from(
        git('-c', 'receive.advertisePushOptions=true', 'receive-pack', '--stateless-rpc', '--advertise-refs', '.git'),
      ),
    );
    const ours = linesOf(
      Buffer.concat([...advertiseForReceivePack(snapshot, encoded(snapshot), { version: 0, agent })]),
    );
    expect(ours.map((line) => line.split('\0')[0])).toEqual(theirs.map((line) => line.split('\0')[0]));
    expect(capabilitiesOf(ours[0])).toEqual(capabilitiesOf(theirs[0]));
  });
});

describe('an advertisement without refs', () => {
  const empty: RefSnapshot = { objectFormat: 'sha256', head: 'refs/heads/main', refs: [] };

  it('carries its capabilities on a line of zeros', () => {
    const [first, last] = linesOf(
      Buffer.concat([...advertiseForUploadPack(empty, encoded(empty), { version: 0, agent })]),
    );
    expect(first).toMatch(/^0{64} capabilities\^\{\}\0.* object-format=sha256 agent=stratum\/test\n$/);
    expect(first).not.toContain('symref=');
    expect(last).toBe('(flush)');
  });

  it('lists both formats where the push decides', () => {
    const [first] = linesOf(Buffer.concat([...advertiseForCreation({ version: 0, agent })]));
    expect(first).toMatch(/^0{40} \.have\0.* object-format=sha1 object-format=sha256 /);
  });

  it('says its version first in protocol v1', () => {
    const lines = linesOf(Buffer.concat([...advertiseForReceivePack(empty, encoded(empty), { version: 1, agent })]));
    expect(lines[0]).toBe('version 1\n');
  });

  it('is preceded by the service over HTTP', () => {
    expect(encodeServiceHeader('git-upload-pack').toString()).toBe('001e# service=git-upload-pack\n0000');
  });
});
