import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readlink, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A temporary folder and the processes that live in it. Both are gone when this process is, however it ends. */
export interface Workspace extends AsyncDisposable {
  /** The folder; its owner writes there, others may pass through to what is theirs. */
  readonly path: string
  /** Makes a child process part of the workspace: it, its process group and its descendants die with it. */
  adopt(child: ChildProcess): void
  /** Kills what lives here and removes the folder. */
  dispose(): Promise<void>
}

const prefix = 'flyroute-lab-'

/**
 * Opens a workspace under the system's temporary folder, after removing those whose owners are dead.
 *
 * A shell sits beside this process and reads from a pipe. The pipe ends when the workspace is disposed of, and just as well
 * when this process exits, crashes or is killed with SIGKILL: one way to the grave for every case. Were the shell killed too,
 * the next workspace does its work.
 */
export async function openWorkspace(): Promise<Workspace> {
  await sweep()
  const path = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-${await processNamespace()}-`))
  await chmod(path, 0o711)
  await mkdir(join(path, '.pids'))
  return new GuardedWorkspace(path)
}

class GuardedWorkspace implements Workspace {
  readonly path: string
  readonly #guard: ChildProcess

  constructor(path: string) {
    this.path = path
    this.#guard = guard(path, 'pipe')
    this.#guard.unref()
    // The pipe of a child is a socket at run time: it must not keep an otherwise finished process alive.
    ;(this.#guard.stdin as unknown as { unref(): void }).unref()
    this.#guard.stdin?.on('error', () => {})
  }

  adopt(child: ChildProcess): void {
    if (child.pid === undefined) return
    this.#guard.stdin?.write(`adopt ${child.pid}\n`)
    child.once('exit', () => this.#guard.stdin?.write(`release ${child.pid}\n`))
  }

  async dispose(): Promise<void> {
    if (this.#guard.exitCode !== null || this.#guard.signalCode !== null) return
    const exit = once(this.#guard, 'exit')
    this.#guard.ref()
    this.#guard.stdin?.end()
    await exit
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}

/** Removes the workspaces of processes that no longer exist. */
async function sweep(): Promise<void> {
  const namespace = await processNamespace()
  const stale: string[] = []
  for (const name of await readdir(tmpdir())) {
    const [pid, place] = name.startsWith(prefix) ? name.slice(prefix.length).split('-') : []
    if (place !== namespace || isAlive(Number(pid))) continue
    const path = join(tmpdir(), name)
    const owner = await stat(path).catch(() => undefined)
    if (owner?.uid === process.getuid?.()) stale.push(path)
  }
  await Promise.all(stale.map(async (path) => once(guard(path, 'ignore'), 'exit')))
}

/** Containers may share a temporary folder but not their processes' numbers: a process that is dead here may live in another container. */
async function processNamespace(): Promise<string> {
  const link = await readlink('/proc/self/ns/pid').catch(() => '')
  return /\d+/.exec(link)?.[0] ?? '0'
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function guard(path: string, input: 'pipe' | 'ignore'): ChildProcess {
  // A session of its own, out of reach of the terminal's Ctrl-C.
  return spawn('sh', ['-c', guardScript, 'flyroute-guard', path], {
    stdio: [input, 'ignore', 'ignore'],
    detached: true,
  })
}

// A number of a process may belong to another one by now, so each is kept with its time of birth. Processes are stopped before
// they are killed, lest they fork in between. A killed Postgres leaves a segment of shared memory, named in line 7 of its pid file.
const guardScript = `
home=$1
birth() {
  if [ -d /proc/self ]; then sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20; else ps -o lstart= -p "$1"; fi
}
children() {
  if [ -d /proc/self ]; then cat "/proc/$1/task/"*/children; else pgrep -P "$1"; fi
}
tree() {
  kill -STOP "$1"
  echo "$1"
  for child in $(children "$1"); do tree "$child"; done
}
gone() {
  if [ -d /proc/self ]; then
    state=$(sed 's/.*) //' "/proc/$1/stat" | cut -c1)
    [ -z "$state" ] || [ "$state" = Z ]
  else ! kill -0 "$1"; fi
}
while read -r verb pid; do
  case $verb in
    adopt) birth "$pid" >"$home/.pids/$pid" ;;
    release) rm -f "$home/.pids/$pid" ;;
  esac
done
for file in "$home"/.pids/*; do
  [ -e "$file" ] || continue
  pid=\${file##*/}
  [ "$(birth "$pid")" = "$(cat "$file")" ] || continue
  tree=$(tree "$pid")
  kill -KILL -- "-$pid"
  kill -KILL $tree
  for pid in $tree; do
    tries=0
    until gone "$pid" || [ $((tries += 1)) -gt 200 ]; do sleep 0.01; done
  done
done
for file in "$home"/*/postmaster.pid; do
  [ -e "$file" ] && ipcrm -m $(sed -n '7s/^ *[0-9]* *//p' "$file")
done
while [ -e "$home" ]; do
  rm -rf "$home" || sleep 0.05
done
`
