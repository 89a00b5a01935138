import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type HeaderValue, parseReplayFailure, parseReplaySource } from '../src/replay/parse.ts'
import { replayResponse } from '../src/replay/response.ts'
import { processorMs } from './support/processor.ts'

describe('fly-replay-src', () => {
  test.each<[HeaderValue, object | undefined]>([
    [
      'instance=00bb33ff;region=ams;t=1700000000000000;state=captured_write',
      { instance: '00bb33ff', region: 'ams', t: 1_700_000_000_000_000, state: 'captured_write' },
    ],
    [
      'instance=00bb33ff;region=ams;t=1700000000000000',
      { instance: '00bb33ff', region: 'ams', t: 1_700_000_000_000_000 },
    ],
    ['state=a=b==', { state: 'a=b==' }],
    ['state="quoted"', { state: 'quoted' }],
    [' instance = a ; region = b ', { instance: 'a', region: 'b' }],
    ['Region=ams', { region: 'ams' }],
    ['region=ams;;;', { region: 'ams' }],
    ['region=ams;future_field=1', { region: 'ams' }],
    ['region=ams;region=ord', { region: 'ord' }],
    [['region=forged', 'region=ams'], { region: 'ams' }],
    ['region=;state=', undefined],
    ['region', undefined],
    ['t=soon', undefined],
    ['t=-1', undefined],
    ['t=99999999999999999999', undefined],
    ['t=9007199254740993', undefined], // not a safe integer
    ['', undefined],
    ['   ', undefined],
    [null, undefined],
    [undefined, undefined],
    [[], undefined],
    ['__proto__=x;constructor=y;toString=z', undefined],
    [`state=${'a'.repeat(9_000)}`, undefined],
    ['=;=;==', undefined],
  ])('%j is %j', (header, expected) => {
    expect(parseReplaySource(header)).toEqual(expected)
  })

  test('a forged field is a field like any other, and touches no prototype', () => {
    const source = parseReplaySource('__proto__=polluted;region=ams;hasOwnProperty=x')
    expect(Object.keys(source ?? {})).toEqual(['region'])
    expect(Object.getPrototypeOf(source)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('fly-replay-failed', () => {
  test.each<[HeaderValue, object | undefined]>([
    [
      'instance=00bb33ff;app=target-app;region=iad;replay_source=11aa44ee;reason=timeout;elapsed_ms=10000',
      {
        instance: '00bb33ff',
        app: 'target-app',
        region: 'iad',
        replaySource: '11aa44ee',
        reason: 'timeout',
        elapsedMs: 10_000,
      },
    ],
    ['reason=retries_exhausted', { reason: 'retries_exhausted' }],
    ['reason=no_candidate;elapsed_ms=0', { reason: 'no_candidate', elapsedMs: 0 }],
    ['reason=something_new', { reason: 'something_new' }],
    ['elapsed_ms=1.5', {}],
    // What cannot be read is still a fallback, which must not be replayed again.
    ['garbage', {}],
    [`reason=${'x'.repeat(9_000)}`, {}],
    [['', 'reason=timeout'], { reason: 'timeout' }],
    ['', undefined],
    ['  ', undefined],
    [null, undefined],
    [undefined, undefined],
    [[], undefined],
  ])('%j is %j', (header, expected) => {
    expect(parseReplayFailure(header)).toEqual(expected)
  })
})

test('whatever is in the headers, nothing is thrown, and only the documented fields come back', () => {
  const fields = ['instance', 'app', 'region', 'replaySource', 'reason', 'elapsedMs', 't', 'state']
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc
      .array(
        fc.tuple(
          fc.oneof(fc.constantFrom('instance', 'region', 't', 'state', 'reason', '__proto__'), fc.string()),
          fc.string(),
        ),
      )
      .map((pairs) => pairs.map((pair) => pair.join('=')).join(';')),
  )
  fc.assert(
    fc.property(fc.oneof(texts, fc.array(texts), fc.anything()), (header) => {
      for (const parsed of [parseReplaySource(header as HeaderValue), parseReplayFailure(header as HeaderValue)]) {
        for (const [key, value] of Object.entries(parsed ?? {})) {
          if (!fields.includes(key) || !['string', 'number'].includes(typeof value)) return false
        }
      }
      return true
    }),
  )
})

test('a header of any length is read in bounded time', () => {
  const parse = (): void => {
    for (const filler of [';', '=', 'a=b;', '"', ' ', 'state="']) {
      const text = filler.repeat(4_000_000 / filler.length)
      parseReplaySource(text)
      parseReplayFailure(text)
      parseReplaySource(text.slice(0, 8_192))
    }
  }
  expect(processorMs(parse)).toBeLessThan(1_000)
})

test('every state that goes out comes back, as the proxy hands it on', () => {
  const state = fc.stringMatching(/^[!-~]([ -~]{0,60}[!-~])?$/)
  fc.assert(
    fc.property(state, fc.nat(), (text, t) => {
      let answer: ReturnType<typeof replayResponse>
      try {
        answer = replayResponse({ region: 'ord' }, { state: text })
      } catch {
        return /[;,"'`\\]/.test(text)
      }
      const sent = /state=(.*)$/.exec(answer.headers['fly-replay'] ?? '')?.[1]
      const source = parseReplaySource(`instance=a;region=ams;t=${t};state=${sent}`)
      return source?.state === text && source.t === t && source.region === 'ams'
    }),
  )
})
