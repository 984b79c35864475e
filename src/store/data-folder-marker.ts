/** The file that makes a folder a data folder. */
export const markerFileName = 'stratum.json';

/** The format of a data folder that this version reads and writes. */
export const markerFormat = 1;

/** Content of the marker file. */
export interface FolderMarker {
  readonly format: typeof markerFormat;
  readonly nodeId: string;
  readonly diskId: string;
  /** Milliseconds since the Unix epoch. */
  readonly createdAtMs: number;
  /** Absent until the node has joined a cluster. */
  readonly clusterId?: string;
}

/** Reads a marker; `problem` says for people why it is not one that this version understands. */
export function parseMarker(text: string): FolderMarker | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: `its ${markerFileName} is not JSON` }; // The parser's message would quote a stranger's file.
  }
  if (typeof value !== 'object' || value === null) return { problem: `its ${markerFileName} is not an object` };
  const { format, nodeId, diskId, createdAtMs, clusterId } = value as Record<string, unknown>;
  if (format !== markerFormat) {
    return {
      problem: `its ${markerFileName} has format ${JSON.stringify(format)}, this version knows ${markerFormat}`,
    };
  }
  if (typeof nodeId !== 'string' || typeof diskId !== 'string' || typeof createdAtMs !== 'number') {
    return { problem: `its ${markerFileName} lacks nodeId, diskId or createdAtMs` };
  }
  const marker = { format: markerFormat, nodeId, diskId, createdAtMs } as const;
  return typeof clusterId === 'string' ? { ...marker, clusterId } : marker;
}
