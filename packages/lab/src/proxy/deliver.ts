import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Candidate, choose } from './candidates.ts'
import { type Answered, type Exchange, exchange } from './exchange.ts'
import { endToEnd, toldByProxy, transformed, withHeaders } from './headers.ts'
import type { Failure, Leg } from './leg.ts'
import { limits } from './limits.ts'
import { ProxyError } from './proxy-error.ts'
import { asksForReplay } from './read-instruction.ts'
import type { Traveller } from './traveller.ts'

/** How a leg ended. */
export type Arrival<M> = { readonly kind: 'arrived'; readonly machine: M; readonly exchange: Answered } | Failure<M>

/**
 * Tries the Machines of a leg in their order, some times over, until one accepts.
 * @throws ProxyError where the request may have been executed and there is no answer
 */
export async function deliver<M extends Candidate>(traveller: Traveller<M>, leg: Leg<M>): Promise<Arrival<M>> {
  const { edge, client } = traveller
  const startedAt = performance.now()
  const elapsed = (): number => performance.now() - startedAt
  const timeoutMs = leg.timeoutMs ?? limits.connectMs
  let last: M | undefined
  for (let round = 0; round < limits.rounds; round += 1) {
    if (round > 0) await sleep(Math.min(limits.pauseMs, Math.max(0, timeoutMs - elapsed())))
    const machines = choose(edge.machines(), leg.target, (region) => edge.roundTrip(region))
    if (machines.length === 0 && last === undefined)
      return { kind: 'failed', reason: 'no_candidate', milliseconds: elapsed() }
    for (const machine of machines) {
      last = machine
      const remaining = timeoutMs - elapsed()
      const result = remaining > 0 ? await visit(traveller, leg, machine, remaining) : ({ kind: 'timeout' } as const)
      if (client.signal.aborted) throw new ProxyError('client_aborted')
      if (result.kind === 'timeout') return { kind: 'failed', reason: 'timeout', machine, milliseconds: elapsed() }
      if (result.kind === 'lost') throw new ProxyError('lost')
      if (result.kind !== 'refused') return { kind: 'arrived', machine, exchange: result }
    }
  }
  return { kind: 'failed', reason: 'retries_exhausted', machine: last, milliseconds: elapsed() }
}

async function visit<M extends Candidate>(
  traveller: Traveller<M>,
  leg: Leg<M>,
  machine: M,
  timeoutMs: number,
): Promise<Exchange> {
  const { edge, request, body, client, id, hops } = traveller
  const startedAt = performance.now()
  const isUpgrade = request.headers.upgrade !== undefined
  const { preferInstance } = leg.target
  const headers = withHeaders(transformed(endToEnd(request.rawHeaders), leg.transform), {
    ...toldByProxy(request, edge.region, id),
    ...leg.headers,
    // "set containing the ID of the instance that could not be reached"
    'fly-preferred-instance-unavailable': preferInstance === machine.id ? undefined : preferInstance,
    connection: isUpgrade ? 'Upgrade' : undefined,
    upgrade: isUpgrade ? request.headers.upgrade : undefined,
  })
  const result = await exchange({
    agent: edge.agent(machine),
    method: request.method ?? 'GET',
    path: leg.transform?.path ?? request.url ?? '/',
    headers,
    body,
    timeoutMs,
    signal: client.signal,
  })
  const answer = 'answer' in result ? result.answer : undefined
  const why = answer && whyOf(answer)
  hops.push({
    kind: leg.kind,
    app: machine.app,
    region: machine.region,
    machine: machine.id,
    replays: answer !== undefined && asksForReplay(answer.headers),
    milliseconds: performance.now() - startedAt,
    ...(answer?.statusCode === undefined ? { failure: result.kind } : { status: answer.statusCode }),
    ...(why === undefined ? {} : { why }),
  })
  return result
}

/** What the app says about its answer: a header made for that, or the state of a replay. */
function whyOf({ headers }: IncomingMessage): string | undefined {
  const debug = headers['flyroute-debug']
  return debug === undefined
    ? /(?:^|;)\s*state="?([^";]+)/.exec(String(headers['fly-replay'] ?? ''))?.[1]
    : String(debug)
}
