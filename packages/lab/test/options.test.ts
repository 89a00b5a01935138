import { expect, test } from '@jest/globals'
import { startLab } from '../src/index.ts'
import { type LabOptions, resolveOptions } from '../src/options.ts'
import { fixtureApp } from './support.ts'

const good: LabOptions = { regions: ['ord', 'ams', 'gru'], command: ['node', 'server.js'] }

test('what is not said has a default', () => {
  expect(resolveOptions(good)).toMatchObject({
    primaryRegion: 'ord',
    replicas: ['ams', 'gru'],
    database: 'postgres',
    appName: 'app',
    machinesPerRegion: 1,
    setup: [],
  })
  expect(resolveOptions({ ...good, primaryRegion: 'gru', setup: 'npm run migrate' })).toMatchObject({
    replicas: ['ord', 'ams'],
    setup: ['sh', '-c', 'npm run migrate'],
  })
  expect(resolveOptions({ ...good, databases: { gru: 'none' } }).replicas).toEqual(['ams'])
  expect(resolveOptions({ ...good, databases: { gru: 'primary', ams: 'none' } })).toMatchObject({
    primaryRegion: 'gru',
    replicas: ['ord'],
  })
})

test.each<[Partial<LabOptions>, RegExp]>([
  [{ regions: [] }, /regions: give one at least/],
  [{ regions: ['ord', 'Amsterdam'] }, /regions: "Amsterdam" is not a code/],
  [{ regions: ['ord', 'ord'] }, /regions: one of them is listed twice/],
  [{ primaryRegion: 'syd' }, /syd is not among the regions ord, ams, gru/],
  [{ replicas: ['ord'] }, /replicas: the primary itself is in ord/],
  [{ replicas: ['syd'] }, /syd is not among the regions/],
  [{ databases: { syd: 'none' } }, /syd is not among the regions/],
  [{ databases: { gru: 'nothing' as 'none' } }, /databases: gru has primary, replica or none, not nothing/],
  [{ databases: { ord: 'none' } }, /databases: the primary is in ord, and nowhere else/],
  [{ databases: { ams: 'primary' }, primaryRegion: 'ord' }, /databases: the primary is in ord, and nowhere else/],
  [{ databases: {}, replicas: [] }, /databases: give it or replicas, not both/],
  [{ output: 'inherit' as never }, /output: a function of a line/],
  [{ otherApps: { worker: { command: ['x'], regions: ['syd'] } } }, /syd is not among the regions/],
  [{ command: [] }, /command: say how to start the app/],
  [{ database: 'oracle' as 'none' }, /database: oracle is none of postgres, mariadb, mysql, none/],
  [{ machinesPerRegion: 0 }, /machinesPerRegion: a whole number from 1/],
  [{ port: 65_535 }, /port: a whole number/],
  [{ rtt: { 'ord/ams': 1 } }, /rtt: write/],
  [{ regions: ['ord', 'xyz'] }, /rtt: the distance from ord to xyz is not known, so give "ord-xyz"/],
])('%j is refused', (wrong, message) => {
  expect(() => resolveOptions({ ...good, ...wrong })).toThrow(message)
})

test('all problems come at once, as a TypeError', async () => {
  const wrong = { regions: ['ord'], primaryRegion: 'ams', command: [], database: 'none' } as const
  await expect(startLab(wrong)).rejects.toThrow(TypeError)
  await expect(startLab(wrong)).rejects.toThrow(/^The lab cannot start:\n- ams is not among .*\n- command: /)
})

test.each<[string, Partial<LabOptions>, RegExp]>([
  [
    'an app that ends',
    { command: ['sh', '-c', 'echo no luck; exit 3'] },
    /^app in ord .* ended with 3 before it listened:\nno luck/,
  ],
  [
    'a program that is not there',
    { command: ['no-such-program'] },
    /ended with .* before it listened:\nspawn no-such-program ENOENT/,
  ],
  [
    'an app that does not listen',
    { command: ['sleep', '60'], readyTimeoutMs: 200 },
    /does not listen on PORT=\d+ after 200 ms, and printed nothing/,
  ],
  ['a setup that fails', { command: fixtureApp, setup: 'echo broken >&2; exit 1' }, /^setup .* ended with 1:\nbroken/],
])('%s is an error with its last lines', async (_, wrong, message) => {
  await expect(startLab({ regions: ['ord'], command: [], database: 'none', ...wrong })).rejects.toThrow(message)
})
