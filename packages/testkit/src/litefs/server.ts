// The process that plays LiteFS for all nodes of a cluster: it moves what the primary commits to the replicas, and keeps
// the files that tell an app who is who. Ends with its parent.
import { watch } from 'node:fs'
import { MountedNode, type Snapshot } from './node.ts'
import { answerPositions } from './positions.ts'
import type { Command, NodeSettings } from './protocol.ts'

/** How often (ms) the primary is looked at where the system does not tell of changes, and a busy replica again. */
const lookMs = 10
const retryMs = 1

interface Follower {
  readonly node: MountedNode
  readonly queue: { snapshot: Snapshot; due: number }[]
  settings: NodeSettings
  timer: NodeJS.Timeout | undefined
}

const followers = new Map<string, Follower>()
let primary: string | undefined
let sent = -1
let endPositions: (() => Promise<void>) | undefined

/** Looks whether the primary has committed something, and puts it on its way. */
function look(): void {
  const source = primary === undefined ? undefined : followers.get(primary)?.node
  if (source === undefined || source.txid === sent) return
  const snapshot = source.snapshot()
  if (snapshot === undefined) return void setTimeout(look, retryMs)
  sent = snapshot.txid
  for (const [name, follower] of followers) if (name !== primary) send(follower, snapshot)
}

function send(follower: Follower, snapshot: Snapshot): void {
  follower.queue.push({ snapshot, due: Date.now() + follower.settings.lagMs })
  apply(follower)
}

/** Applies what is due, one after the other. */
function apply(follower: Follower): void {
  clearTimeout(follower.timer)
  const { node, queue, settings } = follower
  for (;;) {
    const [next] = queue
    if (next === undefined || settings.isPaused) return
    const wait = next.due - Date.now()
    if (wait > 0 || !node.apply(next.snapshot)) {
      follower.timer = setTimeout(() => apply(follower), Math.max(wait, retryMs))
      return
    }
    queue.shift()
  }
}

/** From now on this node is the primary, or nobody is; the others hear of it. */
async function elect(name: string | undefined): Promise<void> {
  await endPositions?.()
  endPositions = undefined
  primary = name
  sent = -1
  for (const [other, { node, queue }] of followers) {
    queue.length = 0
    node.namePrimary(undefined)
    if (other === name) node.becomePrimary()
    else node.becomeReplica()
  }
  const elected = name === undefined ? undefined : followers.get(name)
  if (elected === undefined) return
  endPositions = await answerPositions(elected.node)
  nameEverywhere(elected.settings.host)
  look()
}

function nameEverywhere(host: string): void {
  for (const [name, { node }] of followers) if (name !== primary) node.namePrimary(host)
}

async function run(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'mount': {
      for (const [name, { dir, ...settings }] of Object.entries(command.nodes)) {
        const node = new MountedNode(dir, command.database)
        followers.set(name, { node, queue: [], settings, timer: undefined })
        watch(dir, look)
      }
      setInterval(look, lookMs)
      return
    }
    case 'elect':
      return elect(command.name)
    case 'settings': {
      const follower = followers.get(command.name)
      if (follower === undefined) throw new Error(`There is no node ${command.name}`)
      follower.settings = { ...follower.settings, ...command.settings }
      if (command.name === primary) nameEverywhere(follower.settings.host)
      return apply(follower)
    }
    case 'positions':
      look()
      return Object.fromEntries([...followers].map(([name, { node }]) => [name, node.txid]))
  }
}

process.on('message', (message: { id: number; command: Command }) => {
  run(message.command).then(
    (result) => process.send?.({ id: message.id, result }),
    (error: unknown) => process.send?.({ id: message.id, error: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
