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
    ['the lightest and the heaviest weight', { weight: 10_000 }],
  ])('accepts %s', (_, changes) => {
    expect(() => validateRegistration(sampleRegistration(changes))).not.toThrow();
  });

  it.each<[string, Partial<NodeRegistration>, string]>([
    ['an empty id', { id: '' }, 'node.id'],
    ['an id with a slash', { id: 'a/b' }, 'node.id'],
    ['an id of 129 characters', { id: 'n'.repeat(129) }, 'node.id'],
    ['an id with a line end', { id: 'node\n' }, 'node.id'],
    ['generation 0', { generationId: 0n }, 'node.generation_id'],
    ['no role', { roles: [] }, 'node.roles'],
    ['a role twice', { roles: ['object', 'object'] }, 'node.roles'],
    ['an unknown role', { roles: ['observer'] as unknown as NodeRegistration['roles'] }, 'node.roles'],
    ['an address without a port', { address: '127.0.0.1' }, 'node.address'],
    ['port 0', { address: '127.0.0.1:0' }, 'node.address'],
    ['port 65536', { address: '127.0.0.1:65536' }, 'node.address'],
    ['an address with a path', { address: 'host:1/x' }, 'node.address'],
    ['an empty host', { address: ':7480' }, 'node.address'],
    ['a URL that is none', { httpUrl: 'here' }, 'node.http_url'],
    ['a URL of another scheme', { httpUrl: 'file:///etc/passwd' }, 'node.http_url'],
    ['33 labels', { labels: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, ''])) }, 'node.labels'],
    ['a label with a capital', { labels: { Zone: 'a' } }, 'node.labels'],
    ['a label value of 64 characters', { labels: { zone: 'z'.repeat(64) } }, 'node.labels.zone'],
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
