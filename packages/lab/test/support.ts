import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Repeats a check until it holds. */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const giveUpAt = Date.now() + timeoutMs
  while (!(await check())) {
    if (Date.now() > giveUpAt) throw new Error(`After ${timeoutMs} ms still not: ${what}`)
    await sleep(10)
  }
}

/** Runs a fixture in a Node process of its own; resolves with its first line of output. */
export async function runFixture(
  name: string,
  ...args: string[]
): Promise<{ child: ChildProcess & { pid: number }; line: string }> {
  const file = join(import.meta.dirname, 'fixtures', name)
  const child = spawn(process.execPath, ['--conditions=@flyroute/source', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await eventually(`${name} has printed a line`, () => output.includes('\n') || child.exitCode !== null)
  return { child: child as ChildProcess & { pid: number }, line: output.split('\n', 1)[0] ?? '' }
}

/** Whether somebody listens on a port of 127.0.0.1. */
export async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
    socket.once('connect', () => socket.destroy())
  })
}

/** The command lines of all processes that mention `text`. */
export function processesWith(text: string): string[] {
  const list = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' })
  return list.split('\n').filter((line) => line.includes(text))
}
