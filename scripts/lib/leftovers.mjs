// Who is still running when a run is over? Every process inherits its parent's environment, so a mark in it is found again in
// all descendants, also in those that have a new session and init as their parent. Database servers may start with an empty
// environment: they are known by the folder of the lab that started them, which has its owner's process id in its name.
// (Linux: elsewhere nothing is looked at.)
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const VARIABLE = 'FLYROUTE_RUN'

/** Marks this process's environment, which all children take over. Returns what `endLeftovers` wants to know. */
export function markRun() {
  // A run inside a marked run keeps the outer mark, so that both find it.
  const mark = `${process.pid}-${Date.now().toString(36)}`
  process.env[VARIABLE] = [process.env[VARIABLE], mark].filter(Boolean).join(':')
  const before = new Set(processes().map(({ pid }) => pid))
  return { mark, before }
}

/**
 * Looks for processes of the run, other than this one, that are still there after `graceMs` (default 2000): the time a
 * server takes that has been told to stop. Names and ends them. Says whether there was none.
 */
export async function endLeftovers(run, graceMs = 2000) {
  const found = await untilGone(run, graceMs)
  if (found.length === 0) return true
  console.log('\nStill running, and ended now. Something starts a process and does not end it:')
  for (const { pid, command } of found) console.log(`  ${pid}  ${command.slice(0, 150)}`)
  for (const { pid } of found) send(pid, 'SIGTERM')
  for (const { pid } of await untilGone(run, graceMs)) send(pid, 'SIGKILL')
  return false
}

async function untilGone(run, graceMs) {
  const deadline = Date.now() + graceMs
  let found = left(run)
  while (found.length > 0 && Date.now() < deadline) {
    await sleep(50)
    found = left(run)
  }
  return found
}

function left({ mark, before }) {
  const running = processes()
  const alive = new Set(running.map(({ pid }) => pid))
  return running.filter(({ pid, marks, command }) => {
    if (pid === process.pid) return false
    if (marks.includes(mark)) return true
    const owner = /\/flyroute-lab-(\d+)-/.exec(command)?.[1]
    return owner !== undefined && !alive.has(Number(owner)) && !before.has(pid)
  })
}

/** All processes that may be read, with their marks and command lines. */
function processes() {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
        const marks = environment.find((entry) => entry.startsWith(`${VARIABLE}=`))?.slice(VARIABLE.length + 1)
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/[\0\s]+/g, ' ')
        return [{ pid: Number(pid), marks: marks?.split(':') ?? [], command: command.trim() }]
      } catch {
        return [] // it ended while we looked, or belongs to another user
      }
    })
}

function send(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch {} // it has just ended by itself
}
