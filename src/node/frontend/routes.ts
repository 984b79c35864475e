import { StratumError } from '../../base/errors.ts';
import { type GitService, isGitService, parseRepositoryPath } from '../../git/repository-path.ts';
import { type BundleFile, type BundlePath, parseBundlePath } from './bundle-file.ts';
import type { Exchange } from './exchange.ts';
import type { Health } from './health.ts';
import { answerText } from './http-errors.ts';
import type { InfoRefs } from './info-refs.ts';
import type { ReceivePack } from './receive-pack.ts';
import type { UploadPack } from './upload-pack.ts';

/** Who serves what. */
export interface RouteModules {
  readonly health: Health;
  readonly infoRefs: InfoRefs;
  readonly uploadPack: UploadPack;
  readonly receivePack: ReceivePack;
  readonly bundleFile: BundleFile;
}

const dumbText =
  'stratum: the dumb HTTP protocol is not served\nhint: Use a git client with smart HTTP (git 1.6.6 or later).';

/**
 * Sends a request where it belongs by its raw path: repository names have slashes and any depth,
 * and an escaped one must not be unescaped before it is judged.
 */
export async function route(exchange: Exchange, modules: RouteModules): Promise<void> {
  const { request, response } = exchange;
  const [rawPath = '', query = ''] = splitOnce(request.url ?? '', '?');
  if (rawPath === '/healthz') return modules.health.serve(response);
  const bundle = parseBundlePath(rawPath);
  if (bundle !== undefined) return await serveBundle(exchange, bundle, modules);
  const path = parseRepositoryPath(rawPath);
  if (path === undefined)
    return answerText(response, 404, 'stratum: not found\nhint: Clone http://<host>/<owner>/<name>.git');
  if (path.kind === 'dumb') return answerText(response, 403, dumbText);
  const allowed = path.kind === 'info-refs' ? ['GET', 'HEAD'] : ['POST'];
  if (!allowed.includes(request.method ?? '')) return refuseMethod(exchange, allowed);
  if (path.kind === 'info-refs') {
    exchange.kind = 'advertise';
    return await advertise(exchange, path.repo, query, modules);
  }
  if (!hasContentType(exchange, path.service)) {
    return answerText(response, 415, `stratum: expected Content-Type application/x-${path.service}-request`);
  }
  exchange.kind = path.service === 'git-upload-pack' ? 'fetch' : 'push';
  if (path.service === 'git-upload-pack') await modules.uploadPack.serve(exchange, path.repo);
  else await modules.receivePack.serve(exchange, path.repo);
}

async function serveBundle(exchange: Exchange, path: BundlePath, { bundleFile }: RouteModules): Promise<void> {
  exchange.kind = 'bundle';
  if (['GET', 'HEAD'].includes(exchange.request.method ?? '')) return await bundleFile.serve(exchange, path);
  refuseMethod(exchange, ['GET', 'HEAD']);
}

function refuseMethod({ request, response }: Exchange, allowed: readonly string[]): void {
  response.setHeader('Allow', allowed.join(', '));
  answerText(response, 405, `stratum: ${request.method} is not allowed here`);
}

async function advertise(exchange: Exchange, repo: string, query: string, modules: RouteModules): Promise<void> {
  const service = new URLSearchParams(query).get('service') ?? undefined;
  if (service === undefined) return answerText(exchange.response, 403, dumbText);
  if (isGitService(service)) return await modules.infoRefs.serve(exchange, repo, service);
  const details = { field: 'service', reason: 'unknown', expected: 'git-upload-pack or git-receive-pack' };
  throw new StratumError('INVALID_ARGUMENT', `unknown service '${service.slice(0, 50)}'`, details);
}

function hasContentType(exchange: Exchange, service: GitService): boolean {
  const type = (exchange.request.headers['content-type'] ?? '').split(';')[0];
  return type?.trim().toLowerCase() === `application/x-${service}-request`;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
