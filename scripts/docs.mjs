// `npm run docs`: makes the tables of docs/ from those of the code. A test holds that they are current.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorCodes } from '../src/base/error-codes.ts';
import { flagOf, settings, variableOf } from '../src/node/settings.ts';
import { metricTable } from '../src/telemetry/metrics-table.ts';

const exitCodeMeanings = {
  0: 'success, the condition holds, or it was so already',
  1: 'the operation failed',
  2: 'wrong usage',
  3: 'not found',
  4: 'not authenticated or not allowed',
  5: 'degraded: quorum holds, redundancy is reduced',
  6: 'no quorum, or data is missing',
  7: 'could not be determined: unreachable',
  8: 'conflict: version or epoch changed, lock held',
  9: 'refused by a safety check, or confirmation missing',
  10: 'partial: some targets failed',
  11: 'differences found (only with `--exit-code`)',
  124: 'the wait timed out; what was waited for goes on',
  130: 'interrupted (Ctrl-C, or the caller went away)',
  143: 'terminated (SIGTERM)',
};

/** The files that are made from the code: path below the project, content. */
export function generatedDocs() {
  return {
    'docs/errors.md': errors(),
    'docs/exit-codes.md': exitCodes(),
    'docs/configuration.md': configuration(),
    'docs/metrics.md': metrics(),
  };
}

function errors() {
  const rows = Object.entries(errorCodes).map(([code, row]) => [
    `\`${code}\``,
    row.summary,
    row.grpc,
    String(row.exit),
    row.retryable ? 'yes' : 'no',
  ]);
  return page(
    'Errors',
    'src/base/error-codes.ts',
    'Every error has one of these codes, on the wire (`grpc-status-details-bin`) as in the output of `-o json`. ' +
      '"Retry" says that the same call may succeed later without anybody changing anything.',
    table(['code', 'meaning', 'gRPC status', 'exit code', 'retry'], rows),
  );
}

function exitCodes() {
  const rows = Object.entries(exitCodeMeanings).map(([exit, meaning]) => [exit, meaning, codesWith(Number(exit))]);
  return page(
    'Exit codes',
    'src/base/error-codes.ts',
    'What a `stratum` command says by its exit code, and the errors ([errors.md](errors.md)) that end with it.',
    table(['exit code', 'meaning', 'errors'], rows),
  );
}

function codesWith(exit) {
  const codes = Object.keys(errorCodes).filter((code) => errorCodes[code].exit === exit);
  return codes.map((code) => `\`${code}\``).join(', ');
}

function configuration() {
  const rows = settings.map((setting) => [
    `\`${setting.path}\``,
    `\`--${flagOf(setting.path)}\``,
    `\`${variableOf(setting.path)}\``,
    setting.kind,
    setting.default === undefined ? '' : `\`${JSON.stringify(setting.default)}\``,
    setting.description,
  ]);
  return page(
    'Configuration of a node',
    'src/node/settings.ts',
    'A setting is a key of the YAML file that `--config` names, an environment variable, or a flag of ' +
      '`stratum node start`; a flag wins over a variable, a variable over the file. Names that end in `Ms` are ' +
      'milliseconds, in `Bytes…` bytes.',
    table(['key', 'flag', 'variable', 'kind', 'default', 'meaning'], rows),
  );
}

function metrics() {
  const rows = Object.entries(metricTable).map(([name, { type, labels, buckets = [], help }]) => [
    `\`${name}\``,
    type,
    labels.map((label) => `\`${label}\``).join(', '),
    buckets.join(' '),
    help,
  ]);
  return page(
    'Metrics',
    'src/telemetry/metrics-table.ts',
    'A node serves its metrics at `/metrics` of the address in `metricsListen`, in the text format of Prometheus: those ' +
      'of these that its roles have something to say of, and `process_*` and `nodejs_*` of prom-client. Nothing listens, and ' +
      'nothing is counted between nodes, while the setting is empty. The series of a node end when it leaves the topology.\n\n' +
      'Traces: with `OTEL_EXPORTER_OTLP_ENDPOINT` in its environment a process sends a span for each call to an object node, ' +
      'and for each that it serves, to that collector (OTLP over HTTP, JSON); without it nothing of it is loaded. The service ' +
      'is `stratum`, or what `OTEL_SERVICE_NAME` says, and each process an instance of it by its node id. A large blob’s ' +
      'request carries `traceparent`, so that the node’s span is below the caller’s. Small blobs of many callers share a ' +
      'stream: their calls are spans of the caller alone.',
    table(['metric', 'type', 'labels', 'buckets', 'meaning'], rows),
  );
}

function page(title, source, text, body) {
  return `# ${title}\n\nMade from \`${source}\` by \`npm run docs\`.\n\n${text}\n\n${body}`;
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  for (const [path, content] of Object.entries(generatedDocs())) writeFileSync(join(root, path), content);
}
