import { StratumError } from '../../../../src/base/errors.ts';
import type { MetadataNodeModules } from '../../../../src/node/metadata/metadata-node.ts';

const unreachable = (endpoint: string) => new StratumError('UNREACHABLE', 'nobody else is here', { endpoint });

/** What a metadata node sees of the others where there are none. */
export const loneNode: Pick<MetadataNodeModules, 'peers' | 'authority' | 'names'> = {
  peers: { peer: () => undefined },
  authority: {
    changePartition: () => Promise.reject(unreachable('coordinator')),
    reportSilent: () => undefined,
  },
  names: {
    reserveName: () => Promise.reject(unreachable('another node')),
    releaseName: () => Promise.reject(unreachable('another node')),
    confirmName: () => Promise.reject(unreachable('another node')),
  },
};
