import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Runs a program to its end. Throws with what it printed when it fails, unless `tolerant`. */
export async function run(
  program: string,
  args: readonly string[],
  { uid, gid, input = '', tolerant = false }: { uid?: number; gid?: number; input?: string; tolerant?: boolean } = {},
): Promise<void> {
  const identity = uid === undefined || gid === undefined ? {} : { uid, gid }
  const child = spawn(program, args, { ...identity, cwd: '/', stdio: 'pipe' })
  // It may end before it has read all: then its exit code says why.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  if (code !== 0 && !tolerant) throw new Error(`${program} ended with ${signal ?? code}:\n${output.slice(-2_000)}`)
}
