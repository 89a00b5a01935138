import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

// An app and its database are on machines of their own. On one machine, they take turns on the same cores as the kernel
// pleases, and what one of them gains or loses by that is more than what is to be measured.

const cores = availableParallelism()

/** Has this process, and the servers that it starts from now on, leave the first core to the contenders. */
export function leaveFirstCore(): void {
  if (keepTo(`1-${cores - 1}`, process.pid)) return
  console.log(
    '(Contenders and servers share the cores here: without `taskset`, chance has more to do with the figures.)',
  )
}

/** Keeps a contender to the first core. */
export function giveFirstCore(pid: number): void {
  keepTo('0', pid)
}

/** @returns whether it is possible here */
function keepTo(list: string, pid: number): boolean {
  if (cores < 2) return false
  try {
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', list, String(pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
