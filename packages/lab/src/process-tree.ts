import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** How long (ms) a process may take to stand still: it may be in the middle of writing to its disk. */
const stopMs = 5_000

/**
 * Sends a signal to a process and all its descendants, the process first. A stopped tree must be signalled as one: a database
 * whose parent process alone is stopped goes on answering on the connections it has. When this returns from a SIGSTOP, they
 * stand still.
 */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  const isStop = signal === 'SIGSTOP'
  // One that is killed has no children any more, and one that is stopped gets no more of them.
  const before = isStop ? [] : childrenOf(pid)
  send(pid, signal)
  if (isStop) awaitStop(pid)
  for (const child of isStop ? childrenOf(pid) : before) signalTree(child, signal)
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A process is told to stop, and its threads run on until each of them is told: a server may answer once more. */
function awaitStop(pid: number): void {
  const giveUpAt = Date.now() + stopMs
  while (statesOf(pid).some((state) => !/^[TtZX]/.test(state)) && Date.now() < giveUpAt) pause()
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
}

/** What the threads of a process are doing, as letters: `T` where they are stopped. Of a process that is gone, none. */
function statesOf(pid: number): string[] {
  try {
    if (process.platform !== 'linux') {
      return [execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).trim()]
    }
    return readdirSync(`/proc/${pid}/task`).map((thread) => stateOf(`/proc/${pid}/task/${thread}`))
  } catch {
    return []
  }
}

function stateOf(thread: string): string {
  try {
    // After the name of the program, which may have anything in it.
    return readFileSync(`${thread}/stat`, 'utf8').split(') ').at(-1) ?? ''
  } catch {
    return 'X' // it has ended
  }
}

function childrenOf(pid: number): number[] {
  try {
    return listChildren(pid).split(/\s+/).filter(Boolean).map(Number)
  } catch {
    return [] // gone already, or without children (pgrep then exits with 1)
  }
}

function listChildren(pid: number): string {
  if (process.platform !== 'linux') return execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')).join(' ')
}
