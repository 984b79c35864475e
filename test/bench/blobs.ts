// How fast one large blob goes into one object node and into three, and out again, and the processor time and memory that takes.

import { runBundled } from './run-bundled.ts';

process.exitCode = await runBundled('blobs', 'blob-traffic', 'object-process');
