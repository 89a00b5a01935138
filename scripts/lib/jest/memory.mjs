// Where jest's workers and all that they start keep temporary files: in memory, where there is plenty. Tests make and remove the
// data of a hundred servers, a thousand files each, which takes a file system on a disk more processor time than all that
// the servers do.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { publicPackages, readManifest } from '../ground.mjs'

const memory = '/dev/shm'
const gigabyte = 2 ** 30
/** @type {{ folder: string, before: Record<string, string | undefined>, compiling: import('node:child_process').ChildProcess } | undefined} */
let opened

/** Jest's `globalSetup`, which runs before any worker is started. */
export function openMemory() {
  if (!hasPlenty()) return
  for (const name of readdirSync(memory)) if (isLeft(name)) rmSync(join(memory, name), { recursive: true, force: true })
  const folder = mkdtempSync(join(memory, `${prefix()}${process.pid}-`))
  // Postgres is another user where this one is root.
  chmodSync(folder, 0o711)
  const { TMPDIR, NODE_COMPILE_CACHE } = process.env
  // Programs that tests start load the same sources again and again: their types are taken out once.
  Object.assign(process.env, { TMPDIR: folder, NODE_COMPILE_CACHE: join(folder, 'compiled') })
  opened = { folder, before: { TMPDIR, NODE_COMPILE_CACHE }, compiling: compileSources() }
}

/** A program that is ended by a signal leaves nothing compiled, and most are. This one loads all, and ends by itself. */
function compileSources() {
  const sources = publicPackages().flatMap((folder) =>
    Object.values(readManifest(folder).exports).flatMap((entry) => {
      const source = entry['@flyroute/source']
      return source === undefined ? [] : [`import(${JSON.stringify(join(folder, source))})`]
    }),
  )
  const load = `await Promise.allSettled([${sources.join()}]); process.exit()`
  const options = ['--conditions=@flyroute/source', '--input-type=module', '--eval', load]
  return spawn(process.execPath, options, { stdio: 'ignore' })
}

/** Jest's `globalTeardown`. */
export async function closeMemory() {
  if (opened === undefined) return
  const { folder, before, compiling } = opened
  opened = undefined
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  if (compiling.kill('SIGKILL')) await once(compiling, 'exit')
  rmSync(folder, { recursive: true, force: true })
}

/** Containers may share the memory, but not the numbers of their processes. */
function prefix() {
  // Short: sockets have paths of some hundred characters at most.
  return `fly-${/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]}-`
}

/** Containers often have 64 MB there. */
function hasPlenty() {
  try {
    const { bavail, bsize } = statfsSync(memory)
    const [, available] = /^MemAvailable: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
    return bavail * bsize > 4 * gigabyte && Number(available) * 1024 > 6 * gigabyte
  } catch {
    return false
  }
}

/** A run that was killed has left its folder. */
function isLeft(name) {
  const [, owner] = new RegExp(`^${prefix()}(\\d+)-`).exec(name) ?? []
  if (owner === undefined) return false
  try {
    process.kill(Number(owner), 0)
    return false
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH'
  }
}
