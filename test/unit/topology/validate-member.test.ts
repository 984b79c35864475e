import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/base/errors.ts';
import { validateMemberId, validatePeerAddress } from '../../../src/topology/validate-member.ts';

const isRefused = (error: unknown) => hasCode(error, 'INVALID_ARGUMENT');

describe('a member of the consensus engine', () => {
  it.each(['c1', '127.0.0.1:2380', 'host.example:1', '[::1]:65535'])('may be named by %s', (id) => {
    expect(() => validateMemberId(id, 'node_id')).not.toThrow();
  });

  it.each(['', 'a b', 'c1\n', 'host:', 'host:0', 'host:65536', 'http://host:1', 'a'.repeat(129)])(
    'may not be named by "%s"',
    (id) => {
      expect(() => validateMemberId(id, 'node_id')).toThrow(expect.toSatisfy(isRefused));
    },
  );

  it.each(['c1', 'host:0', 'user@host:1', 'host:1/path', '[zz]:1'])('is not reached at "%s"', (address) => {
    expect(() => validatePeerAddress(address, 'peer_address')).toThrow(expect.toSatisfy(isRefused));
  });
});
