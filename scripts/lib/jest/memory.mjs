// Where jest's workers and all that they start keep temporary files: in memory, where there is plenty. Tests make and remove the
// data of a hundred servers, a thousand files each, which takes a file system on a disk more processor time than all that
// the servers do.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'

const memory = '/dev/shm'
const prefix = 'flyroute-'
const gigabyte = 2 ** 30
let folder

/** Jest's `globalSetup`, which runs before any worker is started. */
export function openMemory() {
  if (!hasPlenty()) return
  for (const name of readdirSync(memory)) if (isLeft(name)) rmSync(join(memory, name), { recursive: true, force: true })
  folder = mkdtempSync(join(memory, `${prefix}${process.pid}-`))
  // Postgres is another user where this one is root.
  chmodSync(folder, 0o711)
  process.env.TMPDIR = folder
  // Programs that tests start load the same sources again and again: their types are taken out once.
  process.env.NODE_COMPILE_CACHE ??= join(folder, 'compiled')
}

/** Jest's `globalTeardown`. */
export function closeMemory() {
  if (folder === undefined) return
  delete process.env.TMPDIR
  rmSync(folder, { recursive: true, force: true })
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
  const [, owner] = new RegExp(`^${prefix}(\\d+)-`).exec(name) ?? []
  if (owner === undefined) return false
  try {
    process.kill(Number(owner), 0)
    return false
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH'
  }
}
