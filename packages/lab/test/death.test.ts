import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, test } from '@jest/globals'
import { startLab } from '../src/index.ts'
import { answers, eventually, fixtureApp, processesWith, runFixture } from './support.ts'

const workspacesOf = (pid: number | undefined): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`flyroute-lab-${pid}-`))

test.each([
  ['is killed', 'postgres', 'stays', 'SIGKILL'],
  ['is interrupted', 'none', 'stays', 'SIGINT'],
  ['ends', 'none', 'ends', undefined],
  ['crashes', 'none', 'crashes', undefined],
] as const)('apps and databases die with a parent that %s', async (_, database, fate, signal) => {
  const { child, line } = await runFixture('lab-owner.ts', database, fate)
  const ports = JSON.parse(line) as number[]
  expect(ports).toHaveLength(database === 'none' ? 2 : 3)
  if (signal) child.kill(signal)
  await eventually('the parent is dead', () => child.exitCode !== null || child.signalCode !== null)
  await eventually('its workspaces are gone', () => workspacesOf(child.pid).length === 0)
  await eventually('nobody answers', async () => !(await Promise.all(ports.map(answers))).includes(true))
})

test('a disposed lab leaves no process, no file and no port', async () => {
  const lab = await startLab({
    regions: ['ord'],
    command: ['sh', '-c', `${fixtureApp.join(' ')} & wait`],
    database: 'none',
  })
  const { port, pid } = lab.machine('ord')
  const edge = Number(new URL(lab.url('ord')).port)
  await lab.fetch('ord', '/')
  await lab.dispose()
  await lab.dispose()
  // Eventually: a test in another process may have been given the port meanwhile.
  const ports = [port, edge]
  await eventually('nobody answers', async () => !(await Promise.all(ports.map(answers))).includes(true))
  expect(processesWith(`flyroute-lab-${process.pid}-`)).toEqual([])
  expect(workspacesOf(process.pid)).toEqual([])
  expect(() => process.kill(pid ?? 0, 0)).toThrow('ESRCH')
})

test('a killed app is dead with all that it started', async () => {
  await using lab = await startLab({
    regions: ['ord'],
    command: ['sh', '-c', `${fixtureApp.join(' ')} & wait`],
    database: 'none',
  })
  const { port } = lab.machine('ord')
  await lab.kill('ord')
  expect(await answers(port)).toBe(false)
  await lab.restart('ord')
  expect(await answers(port)).toBe(true)
})
