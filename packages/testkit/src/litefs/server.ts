// The process that plays LiteFS for all nodes of a cluster: it moves what the primary commits to the replicas, and keeps
// the files that tell an app who is who. Ends with its parent.
import { watch } from 'node:fs'
import { Mount } from './mount.ts'
import { MountedDatabase, type Snapshot } from './mounted-database.ts'
import { answerPositions } from './positions.ts'
import type { Command, NodeSettings } from './protocol.ts'

/** How often (ms) the primary is looked at where the system does not tell of changes, and a busy replica again. */
const lookMs = 10
const retryMs = 1

/** A database on one node, and what is on its way to it. */
interface Copy {
  readonly database: MountedDatabase
  readonly queue: { snapshot: Snapshot; due: number }[]
  timer: NodeJS.Timeout | undefined
}

interface Node {
  readonly mount: Mount
  /** By file name. */
  readonly copies: ReadonlyMap<string, Copy>
  settings: NodeSettings
}

const nodes = new Map<string, Node>()
let primary: string | undefined
/** By database the last transaction that was put on its way. */
const sent = new Map<string, number>()
let endPositions: (() => Promise<void>)[] = []

/** Looks whether the primary has committed something, and puts it on its way. */
function look(): void {
  const source = primary === undefined ? undefined : nodes.get(primary)
  for (const [name, { database }] of source?.copies ?? []) lookAt(name, database)
}

function lookAt(name: string, database: MountedDatabase): void {
  if (database.txid === sent.get(name)) return
  const snapshot = database.snapshot()
  if (snapshot === undefined) return void setTimeout(look, retryMs)
  sent.set(name, snapshot.txid)
  for (const [other, node] of nodes) if (other !== primary) send(node, name, snapshot)
}

function send({ copies, settings }: Node, name: string, snapshot: Snapshot): void {
  const copy = copies.get(name) as Copy
  copy.queue.push({ snapshot, due: Date.now() + settings.lagMs })
  apply(copy, settings)
}

/** Applies what is due, one after the other. */
function apply(copy: Copy, settings: NodeSettings): void {
  clearTimeout(copy.timer)
  for (;;) {
    const [next] = copy.queue
    if (next === undefined || settings.isPaused) return
    const wait = next.due - Date.now()
    if (wait > 0 || !copy.database.apply(next.snapshot)) {
      copy.timer = setTimeout(() => apply(copy, settings), Math.max(wait, retryMs))
      return
    }
    copy.queue.shift()
  }
}

/** From now on this node is the primary, or none is; the others hear of it. */
async function elect(name: string | undefined): Promise<void> {
  for (const end of endPositions) await end()
  endPositions = []
  primary = name
  sent.clear()
  for (const [other, { mount, copies }] of nodes) {
    mount.namePrimary(undefined)
    for (const { database, queue } of copies.values()) {
      queue.length = 0
      if (other === name) database.becomePrimary()
      else database.becomeReplica()
    }
  }
  const elected = name === undefined ? undefined : nodes.get(name)
  if (elected === undefined) return
  for (const { database } of elected.copies.values()) endPositions.push(await answerPositions(database))
  nameEverywhere(elected.settings.host)
  look()
}

function nameEverywhere(host: string): void {
  for (const [name, { mount }] of nodes) if (name !== primary) mount.namePrimary(host)
}

async function run(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'mount': {
      for (const [name, { dir, ...settings }] of Object.entries(command.nodes)) {
        const copies = command.databases.map((file): [string, Copy] => [
          file,
          { database: new MountedDatabase(dir, file), queue: [], timer: undefined },
        ])
        nodes.set(name, { mount: new Mount(dir), copies: new Map(copies), settings })
        watch(dir, look)
      }
      setInterval(look, lookMs)
      return
    }
    case 'elect':
      return elect(command.name)
    case 'settings': {
      const node = nodes.get(command.name)
      if (node === undefined) throw new Error(`There is no node ${command.name}`)
      node.settings = { ...node.settings, ...command.settings }
      if (command.name === primary) nameEverywhere(node.settings.host)
      for (const copy of node.copies.values()) apply(copy, node.settings)
      return
    }
    case 'query': {
      const [copy] = nodes.get(command.name)?.copies.values() ?? []
      return copy?.database.query(command.sql)
    }
    case 'positions':
      look()
      return Object.fromEntries(
        [...nodes].map(([name, { copies }]) => [name, [...copies.values()].map(({ database }) => database.txid)]),
      )
  }
}

process.on('message', (message: { id: number; command: Command }) => {
  run(message.command).then(
    (result) => process.send?.({ id: message.id, result }),
    (error: unknown) => process.send?.({ id: message.id, error: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
