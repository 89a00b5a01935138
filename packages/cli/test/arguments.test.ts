import { expect, test } from '@jest/globals'
import { parseLabArguments } from '../src/lab/arguments.ts'
import { main } from '../src/main.ts'
import { UsageError } from '../src/terminal.ts'

const parse = (line: string): ReturnType<typeof parseLabArguments> => parseLabArguments(line.split(' '), '/project')

test('the command is what stands behind --, with options of its own', () => {
  expect(parse('-- node server.js --port 3 -- x').options).toEqual({
    regions: ['ord', 'ams', 'gru'],
    command: ['node', 'server.js', '--port', '3', '--', 'x'],
    cwd: '/project',
  })
})

test('all options are read', () => {
  const line =
    '--regions ams,ord --primary ord --setup migrate --database mysql --replicas ams --machines 2 --rtt ord-ams=95,ord-gru=130.5 --port=8000 --quiet -- node x'
  expect(parse(line)).toEqual({
    help: false,
    quiet: true,
    options: {
      regions: ['ams', 'ord'],
      primaryRegion: 'ord',
      setup: 'migrate',
      database: 'mysql',
      replicas: ['ams'],
      machinesPerRegion: 2,
      rtt: { 'ord-ams': 95, 'ord-gru': 130.5 },
      port: 8000,
      command: ['node', 'x'],
      cwd: '/project',
    },
  })
})

test('regions without a replica are named', () => {
  expect(parse('--no-replica gru,ams -- x').options).toMatchObject({ databases: { gru: 'none', ams: 'none' } })
})

test('kept data have a folder of their own for each project', () => {
  const folder = parse('--keep -- x').options.keepData
  expect(folder).toMatch(/flyroute\/lab\/[0-9a-f]{12}$/)
  expect(parseLabArguments(['--keep', '--', 'x'], '/other').options.keepData).not.toBe(folder)
})

test.each([
  ['node server.js', /put the command after --, as in: flyroute lab -- node server.js/],
  ['--quiet', /say how to start the app/],
  ['--quiet --', /say how to start the app/],
  ['--region ord -- x', /there is no option --region/],
  ['--toString -- x', /there is no option --toString/],
  ['--regions= -- x', /--regions needs a value/],
  ['--port eighty -- x', /--port is a whole number, not eighty/],
  ['--keep=yes -- x', /--keep takes no value/],
  ['--rtt ord-ams -- x', /--rtt is written ord-ams=95, in milliseconds, not ord-ams/],
])('%s is refused', (line, message) => {
  expect(() => parse(line)).toThrow(UsageError)
  expect(() => parse(line)).toThrow(message)
})

test('all problems are listed at once', () => {
  expect(() => parse('--colour --port x --rtt y')).toThrow(/--colour[^]*say how[^]*--rtt[^]*--port/)
})

test.each<[string[], number, RegExp]>([
  [[], 0, /flyroute lab --regions/],
  [['help', 'lab'], 0, /--setup/],
  [['lab', '--help'], 0, /--setup/],
  [['lob'], 2, /There is no command "lob"/],
  [['lab', '--regions', 'Amsterdam', '--', 'x'], 2, /"Amsterdam" is not a code/],
  [['lab', '--regions', 'ord', '--database', 'none', '--', 'sh', '-c', 'exit 3'], 1, /ended with 3 before it listened/],
])('flyroute %j ends with %i', async (args, code, printed) => {
  let text = ''
  const print = (line: string): void => void (text += `${line}\n`)
  expect(await main(args, { print, complain: print, ended: async () => new Promise(() => {}) })).toBe(code)
  expect(text).toMatch(printed)
})
