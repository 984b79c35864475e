import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What Node itself can do: answers every request with a recorded answer, `createReadStream` piped into the response. A process
 * of its own; /NAME is the file of that name in the folder that it is given, and it tells its parent its port.
 */
const [folder = ''] = process.argv.slice(2);
const server = createServer((request, response) => {
  request.resume();
  request.once('end', () => {
    const file = `${folder}${request.url}`;
    response.setHeader('Content-Type', 'application/x-git-upload-pack-result');
    response.setHeader('Content-Length', statSync(file).size);
    createReadStream(file).pipe(response);
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
// It ends with its parent.
process.once('disconnect', () => process.exit());
