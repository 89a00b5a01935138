import { spawn } from 'node:child_process'
import { bin, root } from './ground.mjs'

let current

// Children end first, then this process does, having looked at what they left. Ctrl-C in a terminal reaches them by itself
// (one process group); a signal to this process alone is passed on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) current?.kill(signal)
  })
}

/** What all scripts and their children share: no telemetry, and no colours where they would not be seen. */
export function setUpEnvironment() {
  process.env.TURBO_TELEMETRY_DISABLED = '1'
  if (!process.stdout.isTTY && !process.env.FORCE_COLOR) process.env.NO_COLOR = '1'
}

/**
 * Runs a command in the top folder, on this process's own input and output (one stream for both outputs keeps the order
 * of lines). Says whether it went well.
 */
export function run(command, args) {
  return end(spawn(command, args, { cwd: root, stdio: ['inherit', 1, 1] }))
}

/** Ends what `run` runs now, without asking. */
export const killCurrent = () => current?.kill('SIGKILL')

/** Builds all packages, and speaks only if that fails. Says whether it went well. */
export async function build() {
  const turbo = spawn(bin('turbo'), ['run', 'build', '--output-logs=errors-only'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [turbo.stdout, turbo.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const built = await end(turbo)
  if (!built) console.log(`${output.trim()}\n\nThe build failed.`)
  return built
}

function end(child) {
  current = child
  return new Promise((resolve) => {
    child.once('error', (error) => {
      console.log(`${child.spawnfile} could not be started: ${error.message}`)
      resolve(false)
    })
    child.once('close', (code) => resolve(code === 0))
  })
}
