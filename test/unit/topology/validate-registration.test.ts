import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/base/errors.ts';
import { type NodeRegistration, nodeRoles } from '../../../src/topology/topology.ts';
import { validateRegistration } from '../../../src/topology/validate-registration.ts';
import { sampleRegistration } from './sample-cluster.ts';

describe('validateRegistration', () => {
  it.each<[string, Partial<NodeRegistration>]>([
    ['an object node', {}],
    ['a frontend without a disk', { roles: ['frontend'], diskId: '', httpUrl: 'http://127.0.0.1:8480' }],
    ['an id of 128 characters', { id: 'n'.repeat(128) }],
    ['an IPv6 address', { address: '[::1]:7480' }],
    ['a host name and the highest port', { address: 'node-1.example:65535' }],
    ['every role', { roles: nodeRoles }],
    ['labels', { labels: { zone: 'a', 'topology/rack': '7' } }],
    ['the lightest weight', { weight: 1 }],
    ['the heaviest weight', { weight: 10_000 }],
    ['a name with an underscore, as containers have', { address: 'stratum_node-1:80' }],
    ['a label of 63 characters', { labels: { ['l'.repeat(63)]: 'v'.repeat(63) } }],
    ['32 labels', { labels: Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`l${i}`, ''])) }],
    ['the highest generation that can be taken over', { generationId: 2n ** 64n - 2n }],
    ['the largest capacity', { capacityBytes: 2n ** 53n - 1n }],
    ['a URL with a path', { httpUrl: 'https://git.example:8443/base' }],
  ])('accepts %s', (_, changes) => {
    expect(() => validateRegistration(sampleRegistration(changes))).not.toThrow();
  });

  it.each<[string, Partial<NodeRegistration>, string]>([
    ['an empty id', { id: '' }, 'node.id'],
    ['an id with a slash', { id: 'a/b' }, 'node.id'],
    ['an id of 129 characters', { id: 'n'.repeat(129) }, 'node.id'],
    ['an id with a line end', { id: 'node\n' }, 'node.id'],
    ['an id with a NUL', { id: 'a\0' }, 'node.id'],
    ['an id with an escape sequence', { id: '\u001b[2J' }, 'node.id'],
    ['an id of letters with two bytes', { id: 'ä' }, 'node.id'],
    ['generation 0', { generationId: 0n }, 'node.generation_id'],
    ['a negative generation', { generationId: -1n }, 'node.generation_id'],
    ['the last generation, which nobody could take over', { generationId: 2n ** 64n - 1n }, 'node.generation_id'],
    ['a generation of 65 bits', { generationId: 2n ** 64n }, 'node.generation_id'],
    ['no role', { roles: [] }, 'node.roles'],
    ['a role twice', { roles: ['object', 'object'] }, 'node.roles'],
    ['an unknown role', { roles: ['observer'] as unknown as NodeRegistration['roles'] }, 'node.roles'],
    ['an address without a port', { address: '127.0.0.1' }, 'node.address'],
    ['port 0', { address: '127.0.0.1:0' }, 'node.address'],
    ['port 65536', { address: '127.0.0.1:65536' }, 'node.address'],
    ['an address with a path', { address: 'host:1/x' }, 'node.address'],
    ['an empty host', { address: ':7480' }, 'node.address'],
    ['a host of dots', { address: '...:7480' }, 'node.address'],
    ['a host that begins with a hyphen', { address: '-a:7480' }, 'node.address'],
    ['a name over 253 characters', { address: `${'abc.'.repeat(64)}d:7480` }, 'node.address'],
    ['a name with a part over 63 characters', { address: `${'a'.repeat(64)}:7480` }, 'node.address'],
    ['an IPv4 address that is none', { address: '300.1.2.3:7480' }, 'node.address'],
    ['a number for a host', { address: '1234:7480' }, 'node.address'],
    ['an IPv6 address without brackets', { address: '::1:7480' }, 'node.address'],
    ['an IPv6 address that is none', { address: '[::::]:7480' }, 'node.address'],
    ['an IPv6 address with a zone', { address: '[fe80::1%eth0]:7480' }, 'node.address'],
    ['a port with a sign', { address: 'host:+1' }, 'node.address'],
    ['a port of six digits', { address: 'host:000080' }, 'node.address'],
    ['an address with a line end', { address: 'host:80\n' }, 'node.address'],
    ['a URL that is none', { httpUrl: 'here' }, 'node.http_url'],
    ['a URL of another scheme', { httpUrl: 'file:///etc/passwd' }, 'node.http_url'],
    ['a URL without slashes', { httpUrl: 'http:host' }, 'node.http_url'],
    ['a URL without a host', { httpUrl: 'http://' }, 'node.http_url'],
    ['a URL with port 0', { httpUrl: 'http://host:0/' }, 'node.http_url'],
    ['a URL with a password', { httpUrl: 'https://user:secret@host/' }, 'node.http_url'],
    ['a URL with a line end', { httpUrl: 'http://host/\n' }, 'node.http_url'],
    ['an endless URL', { httpUrl: `http://host/${'a'.repeat(256)}` }, 'node.http_url'],
    ['33 labels', { labels: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, ''])) }, 'node.labels'],
    ['a label with a capital', { labels: { Zone: 'a' } }, 'node.labels'],
    ['a label value of 64 characters', { labels: { zone: 'z'.repeat(64) } }, 'node.labels.zone'],
    ['a label without a name', { labels: { '': 'a' } }, 'node.labels'],
    ['a label name of 64 characters', { labels: { ['l'.repeat(64)]: '' } }, 'node.labels'],
    ['a label value with a control character', { labels: { zone: 'a\u009b' } }, 'node.labels.zone'],
    ['a label value with a line separator', { labels: { zone: 'a\u2028b' } }, 'node.labels.zone'],
    ['a disk identity with a control character', { diskId: 'd\r' }, 'node.disk_id'],
    ['a version with a control character', { softwareVersion: '1\t2' }, 'node.software_version'],
    ['no weight', { weight: Number.NaN }, 'node.weight'],
    ['a negative weight', { weight: -1 }, 'node.weight'],
    ['a capacity that no JSON number holds', { capacityBytes: 2n ** 53n }, 'node.capacity_bytes'],
    ['weight 0', { weight: 0 }, 'node.weight'],
    ['weight 10001', { weight: 10_001 }, 'node.weight'],
    ['half a weight', { weight: 1.5 }, 'node.weight'],
    ['an object node without a disk', { diskId: '' }, 'node.disk_id'],
    ['an absurd version', { softwareVersion: 'v'.repeat(257) }, 'node.software_version'],
    ['a negative capacity', { capacityBytes: -1n }, 'node.capacity_bytes'],
  ])('refuses %s and names the field', (_, changes, field) => {
    expect(() => validateRegistration(sampleRegistration(changes))).toThrow(
      expect.toSatisfy((error) => hasCode(error, 'INVALID_ARGUMENT') && error.details.field === field),
    );
  });

  it('does not repeat a password in its message', () => {
    const withPassword = sampleRegistration({ httpUrl: 'https://user:secret@host/' });
    expect(() => validateRegistration(withPassword)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secret') }),
    );
  });

  it('answers any text with acceptance or INVALID_ARGUMENT, in a short message', () => {
    const text = fc.oneof(fc.string({ maxLength: 400 }), fc.string({ unit: 'binary', maxLength: 300 }));
    const anything = fc.record({
      id: text,
      address: text,
      httpUrl: text,
      diskId: text,
      labels: fc.dictionary(text, text),
    });
    fc.assert(
      fc.property(anything, (changes) => {
        try {
          validateRegistration(sampleRegistration(changes));
        } catch (error) {
          if (!hasCode(error, 'INVALID_ARGUMENT')) throw error;
          expect(error.message.length).toBeLessThan(1_000);
        }
      }),
      { numRuns: 300 },
    );
  });
});
