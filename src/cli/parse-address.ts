import { StratumError } from '../base/errors.ts';

/** Checks "host:port" (an IPv6 host in brackets); INVALID_ARGUMENT names `field`. */
export function parseAddress(text: string, field: string): string {
  const [, port] = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text) ?? [];
  if (port !== undefined && Number(port) > 0 && Number(port) <= 65_535) return text;
  const reason = `"${text}" is not an address`;
  const expected = 'host:port, such as 127.0.0.1:7480';
  throw new StratumError(
    'INVALID_ARGUMENT',
    `${field}: ${reason}`,
    { field, reason, expected },
    {
      hint: `expected ${expected}`,
    },
  );
}
