import { describe, expect, it } from 'vitest';
import { isPlainFilter } from '../../../src/git/fetch-filter.ts';

const id = 'a1'.repeat(20);

describe('isPlainFilter', () => {
  it.each([
    'blob:none',
    'blob:limit=0',
    'blob:limit=1048576',
    'blob:limit=10k',
    'tree:0',
    'tree:3',
    'object:type=commit',
    'object:type=blob',
    `sparse:oid=${id}`,
    'combine:blob:none+tree:3',
    'combine:tree:1',
    'combine:blob%3anone+tree%3A2',
  ])('knows %s', (filter) => {
    expect(isPlainFilter(filter, 'sha1')).toBe(true);
  });

  it.each([
    '',
    'blob:nothing',
    'blob:limit=',
    'blob:limit=-1',
    'blob:limit=0x10',
    'blob:limit=9999999999999999999',
    'tree:',
    'tree:-1',
    'tree:99999999999',
    'object:type=branch',
    'sparse:path=.gitignore',
    'sparse:oid=main:filter',
    'sparse:oid=HEAD',
    `sparse:oid=${id.toUpperCase()}`,
    `sparse:oid=${id}00`,
    'combine:',
    'combine:blob:none+',
    'combine:blob:none+sparse:oid=main',
    'combine:blob:none+sparse:oid%3dmain',
    'combine:combine:blob:none',
    'blob:none\nblob:none',
    'auto',
  ])('leaves %j to git', (filter) => {
    expect(isPlainFilter(filter, 'sha1')).toBe(false);
  });

  it('asks for ids of the length of the format', () => {
    expect(isPlainFilter(`sparse:oid=${id}`, 'sha256')).toBe(false);
    expect(isPlainFilter(`sparse:oid=${'0f'.repeat(32)}`, 'sha256')).toBe(true);
  });
});
