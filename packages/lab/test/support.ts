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
  // Starting a cluster takes a second, and many on a machine that is busy.
  await eventually(`${name} has printed a line`, () => output.includes('\n') || child.exitCode !== null, 40_000).catch(
    (error: unknown) => {
      child.kill('SIGKILL')
      throw error
    },
  )
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

/** What the fixture `app.mjs` says of a request. */
export interface Told {
  app: string
  region: string
  machine: string
  connection: number
  method: string
  url: string
  headers: Record<string, string | undefined>
  bytes: number
  body: string
}

/** The command that starts the fixture. */
export const fixtureApp: readonly string[] = [process.execPath, join(import.meta.dirname, 'fixtures', 'app.mjs')]

/** Tells the fixture what to answer: in a region, or `on-fallback`. */
export function answer(
  where: string,
  what: { status?: number; headers: Record<string, string>; body?: string; late?: boolean },
): Record<string, string> {
  return { [where === 'on-fallback' ? 'x-on-fallback' : `x-in-${where}`]: JSON.stringify(what) }
}

/** Tells the fixture in a region to ask for a replay. */
export function replay(where: string, header: string): Record<string, string> {
  return answer(where, { headers: { 'fly-replay': header } })
}
