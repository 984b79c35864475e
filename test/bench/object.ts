// What a client writes to three object nodes and reads back, at level QUORUM and with fsync: small blobs and large ones, beside an etcd of three members.

import { runBundled } from './run-bundled.ts';

process.exitCode = await runBundled('object', 'object-traffic', 'object-process');
