import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../../src/cli/parse-address.ts';

describe('parseAddress', () => {
  it.each(['127.0.0.1:7480', 'host-1.example:1', '[::1]:65535'])('takes %s', (text) => {
    expect(parseAddress(text, '--coordinator')).toBe(text);
  });

  it.each(['', 'host', ':1', 'host:', 'host:0', 'host:65536', 'http://host:1', 'a b:1', '::1:7480'])(
    'refuses %j',
    (text) => {
      expect(() => parseAddress(text, '--coordinator')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );
});
