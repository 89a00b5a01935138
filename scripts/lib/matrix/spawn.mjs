import { spawn } from 'node:child_process'

const running = new Set()

/** Ends what runs now. */
export function killAll() {
  for (const child of running) child.kill('SIGKILL')
}

/**
 * Runs a command without a word, and resolves with its exit code and what it said.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, timeoutMs?: number }} options
 * @returns {Promise<{ code: number | null, output: string }>}
 */
export function spawnAndListen(command, args, { cwd, env = process.env, timeoutMs }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    running.add(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.once('error', (error) => resolve({ code: null, output: `${command} could not be started: ${error.message}` }))
    child.once('close', (code, signal) => {
      running.delete(child)
      if (signal) output += `\n${command} was ended by ${signal}`
      resolve({ code, output: output.trim() })
    })
  })
}

/** The same, where it has to go well. */
export async function spawnQuietly(command, args, options) {
  const { code, output } = await spawnAndListen(command, args, options)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}\n${output}`)
  return output
}
