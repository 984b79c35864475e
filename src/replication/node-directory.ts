import type { NodeReader, NodeWriter } from './node-io.ts';

/** A node that takes and gives blobs. */
export interface NodeIo extends NodeWriter, NodeReader {
  readonly nodeId: string;
  readonly endpoint: string;
}

/** How to reach each object node; undefined for one that is not known. */
export interface NodeDirectory {
  writer(nodeId: string): NodeWriter | undefined;
  reader(nodeId: string): NodeReader | undefined;
}

/** The endpoint of a node in the same process. */
export const inProcessEndpoint = 'in-process';
