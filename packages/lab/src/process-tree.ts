import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Sends a signal to a process and all its descendants, the process first. A stopped tree must be signalled as one: a database
 * whose parent process alone is stopped goes on answering on the connections it has.
 */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  const descendants = childrenOf(pid)
  send(pid, signal)
  for (const child of descendants) signalTree(child, signal)
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
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
