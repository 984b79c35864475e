import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePkt } from '../../../../src/git/pkt-line.ts';
import { WantedRefsSink } from '../../../../src/node/frontend/wanted-refs-sink.ts';

const section = Buffer.from('SECTION');
const shallow = Buffer.concat([
  encodePkt('shallow-info\n'),
  encodePkt(`shallow ${'a'.repeat(40)}`),
  Buffer.from('0001'),
]);
const pack = Buffer.concat([encodePkt('packfile\n'), encodePkt('\x01PACK 000dpackfile\n'), Buffer.from('0000')]);
const acknowledgments = Buffer.concat([encodePkt('acknowledgments\n'), encodePkt('NAK\n'), Buffer.from('0000')]);

/** What arrives of a response that comes in pieces of these sizes. */
async function sent(response: Buffer, sizes: readonly number[]) {
  const chunks: Buffer[] = [];
  const begun: (number | undefined)[] = [];
  const sink = new WantedRefsSink(
    { begin: (size) => void begun.push(size), write: async (chunk) => void chunks.push(chunk) },
    section,
  );
  sink.begin();
  let at = 0;
  for (const size of sizes) {
    await sink.write(response.subarray(at, at + size));
    at += size;
  }
  await sink.write(response.subarray(at));
  await sink.end();
  return { body: Buffer.concat(chunks).toString('latin1'), begun };
}

describe('WantedRefsSink', () => {
  it.each([
    { what: 'a response with a pack', response: pack, expected: Buffer.concat([section, pack]) },
    {
      what: 'a shallow one after what is shallow',
      response: Buffer.concat([shallow, pack]),
      expected: Buffer.concat([shallow, section, pack]),
    },
    { what: 'one that only negotiates not at all', response: acknowledgments, expected: acknowledgments },
    { what: 'an error not at all', response: encodePkt('ERR no'), expected: encodePkt('ERR no') },
  ])('tells the refs in $what, in whichever pieces it comes', async ({ response, expected }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 20 }), async (sizes) => {
        expect(await sent(response, sizes)).toEqual({ body: expected.toString('latin1'), begun: [undefined] });
      }),
      { numRuns: 50 },
    );
  });

  it('finds the pack behind any number of lines, and holds back no more than one of them', async () => {
    const line = encodePkt(`shallow ${'a'.repeat(40)}`);
    const lines = Buffer.concat(Array.from({ length: 30_000 }, () => line));
    const expected = Buffer.concat([lines, section, pack]);
    expect((await sent(Buffer.concat([lines, pack]), [100_003])).body).toBe(expected.toString('latin1'));
  });
});
