import { type FSWatcher, watch } from 'node:fs'

/**
 * How often (ms) the files are looked at where no statement asks. FUSE does not tell the system of what comes from another machine,
 * so on LiteFS a watch hears of nothing; elsewhere it is quicker.
 */
const lookMs = 1_000

interface Watch {
  readonly followers: Set<() => void>
  readonly end: () => void
}

/** One for each mount, however often its databases are opened. */
const watches: Map<string, Watch> = new Map()

/**
 * Calls `look` when the primary of a mount may have changed.
 *
 * @returns ends it
 */
export function follow(dir: string, look: () => void): () => void {
  const known = watches.get(dir) ?? begin(dir)
  known.followers.add(look)
  return () => {
    known.followers.delete(look)
    if (known.followers.size > 0 || watches.get(dir) !== known) return
    watches.delete(dir)
    known.end()
  }
}

function begin(dir: string): Watch {
  const followers: Set<() => void> = new Set()
  const lookAll = (): void => {
    for (const look of followers) look()
  }
  const watcher = open(dir, lookAll)
  const timer = setInterval(lookAll, lookMs)
  timer.unref()
  const end = (): void => {
    clearInterval(timer)
    watcher?.close()
  }
  const begun = { followers, end }
  watches.set(dir, begun)
  return begun
}

/** Not every file system can be watched: the timer remains. */
function open(dir: string, look: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(dir, { persistent: false }, (_, file) => {
      if (file === '.primary') look()
    })
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined
  }
}
