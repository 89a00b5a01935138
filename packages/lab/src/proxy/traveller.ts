import type { Agent, IncomingMessage } from 'node:http'
import type { Hop } from '../journal.ts'
import type { Candidate } from './candidates.ts'
import type { Client } from './client.ts'
import type { ReplayCache } from './replay-cache.ts'
import type { RequestBody } from './request-body.ts'

/** What one edge has at hand for its requests. */
export interface EdgeContext<M extends Candidate = Candidate> {
  readonly region: string
  readonly app: string
  readonly cache: ReplayCache
  machines(): readonly M[]
  agent(machine: M): Agent
  roundTrip(region: string): number
}

/** A request that is looking for its answer. */
export interface Traveller<M extends Candidate> {
  readonly edge: EdgeContext<M>
  readonly request: IncomingMessage
  readonly body: RequestBody
  readonly client: Client
  readonly id: string
  readonly hops: Hop[]
}
