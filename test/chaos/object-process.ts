import { flushCompileCache } from 'node:module';
import { loadNodeConfig } from '../../src/node/node-config.ts';
import { runNode } from '../../src/node/start.ts';

// A process of the cluster without the command line before it: it has loaded everything before it is told its turn, by the
// path of its configuration, so that a restart takes no longer than the work of starting.
const [, , role] = process.argv;
if (role === 'object') await import('../../src/node/object/object-node.ts');
process.once('message', (file) => {
  runNode(loadNodeConfig({ file: String(file) }), 'chaos').then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
// What is compiled is kept for the next process: it is killed before it would do so by itself.
flushCompileCache();
process.once('disconnect', () => process.exit(0));
process.send?.('loaded');
