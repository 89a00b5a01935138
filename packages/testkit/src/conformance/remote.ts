import type { ReplayPolicyOptions } from '@flyroute/core'
import type { Subject } from './adapter.ts'
import { App, type Work } from './app.ts'
import { type Context, home } from './context.ts'
import { Ocean } from './ocean.ts'

/** A region without a replica, and how far it is from the primary's (ms, there and back): wider than a busy machine is slow. */
export const remote = 'gru'
export const roundTripMs = 200

/** An app in that region and in the primary's. */
export interface Remote extends AsyncDisposable {
  readonly app: App
  readonly far: Subject
  readonly ocean: Ocean
}

/** @param connections how many are open, as in an app that has run for a while */
export async function openRemote(
  context: Context,
  options: Omit<ReplayPolicyOptions, 'databases'> = {},
  connections = 2,
): Promise<Remote> {
  const ocean = await Ocean.to(context.primary.port, roundTripMs)
  const env = { FLY_REGION: remote, PRIMARY_REGION: home, DATABASE_URL: ocean.url(context.primary.url) }
  const [near, far] = await Promise.all([context.openApart(home), context.openApart(remote, { env })])
  // Some drivers lend the first one twice while another one is still being made: until none waits for that any more.
  for (let tookMs = connections === 0 ? 0 : Number.POSITIVE_INFINITY; tookMs > 1.8 * roundTripMs; ) {
    const begun = performance.now()
    await Promise.all(Array.from({ length: connections }, () => far.query('select 1')))
    tookMs = performance.now() - begun
  }
  const app = new App({ [home]: near, [remote]: far }, options)
  const dispose = async (): Promise<void> => {
    // What uses it ends first: some drivers do not end behind a connection that was cut.
    await Promise.all([near.end(), far.end()])
    await ocean[Symbol.asyncDispose]()
  }
  return { app, far, ocean, [Symbol.asyncDispose]: dispose }
}

export const read: Work = async (subject) => subject.query('select 1')

export const page: Work = async (subject) => {
  for (let count = 0; count < 5; count++) await subject.query('select 1')
}
