import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { signalTree } from '../src/process-tree.ts'
import { eventually } from './support.ts'

const onLinux = process.platform === 'linux' ? test : test.skip

// Three threads at work, and a child.
const program = `
  const { Worker } = require('node:worker_threads')
  for (let i = 0; i < 3; i++) new Worker('for (;;);', { eval: true })
  const child = require('node:child_process').spawn(process.execPath, ['-e', 'for (;;);'])
  console.log(child.pid)
  setInterval(() => undefined, 1)`

onLinux('a tree that was stopped stands still at once, all of its threads, and dies whole', async () => {
  const parent = spawn(process.execPath, ['-e', program])
  const [line] = await once(parent.stdout, 'data')
  const pids = [parent.pid as number, Number(line)]
  try {
    for (let round = 0; round < 50; round++) {
      signalTree(pids[0] as number, 'SIGSTOP')
      expect(new Set(pids.flatMap(statesOf))).toEqual(new Set(['T']))
      signalTree(pids[0] as number, 'SIGCONT')
    }
  } finally {
    signalTree(pids[0] as number, 'SIGKILL')
  }
  await once(parent, 'exit')
  await eventually('the child has ended', () => !isAlive(pids[1] as number))
})

function statesOf(pid: number): (string | undefined)[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').split(') ').at(-1)?.charAt(0),
  )
}

function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.startsWith('Z') === false
  } catch {
    return false
  }
}
