// Who is still running when a run is over? Every process inherits its parent's environment, so a mark in it is found again in
// all descendants, also in those that have a new session and init as their parent. (Linux: elsewhere nothing is looked at.)
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const VARIABLE = 'FLYROUTE_RUN'

/** Marks this process's environment, which all children take over, and returns the mark. */
export function markRun() {
  // A run inside a marked run keeps the outer mark in front, so that both find it.
  const mark = `${process.pid}-${Date.now().toString(36)}`
  process.env[VARIABLE] = [process.env[VARIABLE], mark].filter(Boolean).join(':')
  return mark
}

/**
 * Looks for processes, other than this one, that carry the mark and are still there after `graceMs` (default 2000): the time
 * a server takes that has been told to stop. Names and ends them. Says whether there was none.
 */
export async function endLeftovers(mark, graceMs = 2000) {
  const found = await untilGone(mark, graceMs)
  if (found.length === 0) return true
  console.log('\nStill running, and ended now. Something starts a process and does not end it:')
  for (const { pid, command } of found) console.log(`  ${pid}  ${command}`)
  for (const { pid } of found) send(pid, 'SIGTERM')
  for (const { pid } of await untilGone(mark, graceMs)) send(pid, 'SIGKILL')
  return false
}

async function untilGone(mark, graceMs) {
  const deadline = Date.now() + graceMs
  let found = marked(mark)
  while (found.length > 0 && Date.now() < deadline) {
    await sleep(50)
    found = marked(mark)
  }
  return found
}

function send(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch {} // it has just ended by itself
}

function marked(mark) {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
        const marks = environment.find((entry) => entry.startsWith(`${VARIABLE}=`))?.slice(VARIABLE.length + 1)
        if (!marks?.split(':').includes(mark)) return []
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
          .replace(/[\0\s]+/g, ' ')
          .trim()
        return [{ pid: Number(pid), command: command.length > 150 ? `${command.slice(0, 150)}…` : command }]
      } catch {
        return [] // it ended while we looked, or belongs to somebody else
      }
    })
}
