// How many ref updates and reads three metadata nodes take, next to an etcd of three members, and how long a failover lasts.

import { runBundled } from './run-bundled.ts';

process.exitCode = await runBundled('metadata', 'metadata-traffic');
