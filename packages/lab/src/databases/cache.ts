import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where this machine keeps what was fetched or prepared once: `~/.cache/flyroute`, or `/var/cache/flyroute` for root. */
export function cacheFolder(): string {
  // root's own folders are closed to `nobody`, as whom its Postgres runs.
  if (process.getuid?.() === 0) return '/var/cache/flyroute'
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'flyroute')
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'flyroute')
}

/**
 * Returns the folder `name` of the cache, after building it where it is missing. It is either there and complete or not there
 * at all; processes that want it at the same time wait for the one that builds it.
 *
 * @param build fills the folder it is given; when it throws, nothing is kept
 */
export async function cached(
  name: string,
  build: (draft: string) => Promise<void>,
  folder: string = cacheFolder(),
): Promise<string> {
  const target = join(folder, name)
  if (await exists(target)) return target
  await mkdir(folder, { recursive: true })
  const unlock = await lock(join(folder, `.${name}.lock`))
  try {
    if (!(await exists(target))) await buildOnce(target, `.${name}-draft-`, build)
    return target
  } finally {
    unlock()
  }
}

async function buildOnce(target: string, prefix: string, build: (draft: string) => Promise<void>): Promise<void> {
  const folder = join(target, '..')
  // The process that holds the lock is the only builder: other drafts were left by a crash.
  const left = (await readdir(folder)).filter((name) => name.startsWith(prefix))
  await Promise.all(left.map((name) => rm(join(folder, name), { recursive: true, force: true })))
  const draft = await mkdtemp(join(folder, prefix))
  try {
    await build(draft)
    await rename(draft, target)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw error
  }
}

/** The kernel keeps the lock for a process that ends with our pipe: a crash of ours, too, sets it free. */
async function lock(path: string): Promise<() => void> {
  const holder = spawn('flock', [path, 'sh', '-c', 'echo locked; cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'exit').then(() => Promise.reject(new Error(`The lock ${path} could not be taken.`))),
  ])
  return () => holder.stdin.end()
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
