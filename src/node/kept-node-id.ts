import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../base/errors.ts';
import { markerFileName, parseMarker } from '../store/data-folder-marker.ts';

/** The name of the node that a data folder belongs to; undefined when it belongs to none, or cannot be read: opening it says why. */
export async function keptNodeId(dataDir: string): Promise<string | undefined> {
  try {
    const marker = parseMarker(await readFile(join(dataDir, markerFileName), 'utf8'));
    return 'problem' in marker ? undefined : marker.nodeId;
  } catch (error) {
    if (systemCode(error) !== undefined) return undefined;
    throw error;
  }
}
