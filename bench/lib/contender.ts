// One contender in a process of its own: what `compareApart` starts. It is told what to open and how long to work, and says how
// that went.
import { slice } from './slice.ts'

/** A contender, ready for work. */
export interface Opened {
  /** Does a piece of work once, by the name of the work. */
  run(work: string): Promise<unknown>
  /** What all of it happens in: a request that does many things. Default: nothing. */
  around?: (<T>(work: () => T) => T) | undefined
  end(): Promise<unknown>
}

/** What the module of a bench exports: opens the contender of that name. */
export type Open<Settings> = (contender: string, settings: Settings) => Opened | Promise<Opened>

/** What is asked of the process. */
export type Order =
  | { readonly open: { readonly module: string; readonly contender: string; readonly settings: unknown } }
  | { readonly work: string; readonly clients: number; readonly sliceMs: number }
  | 'end'

let opened: Opened | undefined

async function obey(order: Order): Promise<unknown> {
  if (order === 'end') return opened?.end()
  if ('open' in order) {
    const { module, contender, settings } = order.open
    const { open } = (await import(module)) as { open: Open<unknown> }
    opened = await open(contender, settings)
    return
  }
  const { run, around } = opened as Opened
  return slice({ run: () => run(order.work), around }, order.clients, order.sliceMs)
}

process.on('message', (order: Order) => {
  obey(order).then(
    (done) => {
      process.send?.({ done })
      if (order === 'end') process.disconnect()
    },
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
