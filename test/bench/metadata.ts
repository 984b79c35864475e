// How many pushes a metadata node takes, and how fast it reads and changes the refs of a large repository, over gRPC.

import { runBundled } from './run-bundled.ts';

process.exitCode = await runBundled('metadata', 'metadata-traffic', 'metadata-process');
