import { encodePkt, flushPkt, pktPayloadBytesMax } from './pkt-line.ts';
import { encodeSideband } from './sideband.ts';

/** The fate of one ref command. */
export interface PushResult {
  readonly name: string;
  /** Undefined when the ref was changed; the words for the pusher otherwise. */
  readonly error: string | undefined;
}

/** The fate of a push. */
export interface PushReport {
  /** "ok", or why the pack was not taken. */
  readonly unpack: string;
  /** In the order of the commands. */
  readonly results: readonly PushResult[];
}

/**
 * A report-status. The lines of report-status-v2 are the same as long as no ref was rewritten on
 * the way ("option" lines), which Stratum never does.
 */
export function encodeReportStatus(report: PushReport): Buffer {
  const lines = [encodeLine(`unpack ${report.unpack}`)];
  for (const { name, error } of report.results) {
    lines.push(encodeLine(error === undefined ? `ok ${name}` : `ng ${name} ${error}`));
  }
  return Buffer.concat([...lines, flushPkt]);
}

/** The whole answer to a push: the report by itself, or in band 1 with the flush that ends the bands. */
export function encodePushAnswer(report: PushReport, sideband: boolean): Buffer {
  const status = encodeReportStatus(report);
  return sideband ? Buffer.concat([encodeSideband(1, status), flushPkt]) : status;
}

/** A message is one line: a newline in it would cut the report. */
function encodeLine(text: string): Buffer {
  const oneLine = Buffer.from(text.replaceAll(/[\r\n\0]+/g, ' '));
  return encodePkt(Buffer.concat([oneLine.subarray(0, pktPayloadBytesMax - 1), Buffer.from('\n')]));
}
