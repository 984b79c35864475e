import * as Flags from '@oclif/core/flags';

/** Flags that say which local cluster is meant. */
export const clusterFlags = {
  name: Flags.string({ description: 'Name of the cluster and of its context.', helpValue: '<name>' }),
  'data-dir': Flags.string({
    description: 'Folder of everything that the cluster keeps (STRATUM_DATA_DIR).',
    helpValue: '<folder>',
  }),
};
