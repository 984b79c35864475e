// What a thousand nodes cost one leader: its processor time and store writes at rest, and how soon all see a change; beside etcd itself.

import { runBundled } from './run-bundled.ts';

process.exitCode = await runBundled('coordinator', 'coordinator-traffic');
