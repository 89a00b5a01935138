import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Terminal } from '../terminal.ts'

/** How long (ms) an app has to end by itself, as Ctrl-C reaches it too; and after it was asked to. */
const [byItselfMs, askedMs] = [1_000, 5_000] as const

/**
 * Starts an app that counts, and returns when it has ended, or its user has had enough.
 *
 * @param folder what it counts goes there
 * @param onError its standard output is not mixed with ours
 * @throws Error where it cannot be started
 */
export async function runCounting(
  command: readonly string[],
  folder: string,
  onError: boolean,
  terminal: Terminal,
): Promise<void> {
  const [program = '', ...args] = command
  const env = { ...process.env, FLYROUTE_ADVISE: folder }
  const child = spawn(program, args, { env, stdio: ['inherit', onError ? 2 : 'inherit', 'inherit'] })
  const closed = once(child, 'close').catch((error: Error) => {
    throw new Error(`flyroute advise: ${program} cannot be started: ${error.message}`)
  })
  await Promise.race([closed, terminal.ended()])
  for (const [signal, withinMs] of [
    [undefined, byItselfMs],
    ['SIGTERM', askedMs],
    ['SIGKILL', askedMs],
  ] as const) {
    if (child.exitCode !== null || child.signalCode !== null) return
    if (signal !== undefined) child.kill(signal)
    const waiting = new AbortController()
    await Promise.race([closed, sleep(withinMs, undefined, { signal: waiting.signal }).catch(() => undefined)])
    waiting.abort()
  }
}
