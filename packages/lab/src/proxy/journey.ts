import type { IncomingMessage } from 'node:http'
import type { Candidate } from './candidates.ts'
import { deliver } from './deliver.ts'
import type { Answered } from './exchange.ts'
import type { Instruction } from './instruction.ts'
import { afterFailure, firstLeg, type Leg, replayLeg } from './leg.ts'
import { limits } from './limits.ts'
import { misunderstood, ProxyError } from './proxy-error.ts'
import { asksForReplay, isReplayJson, readInstruction } from './read-instruction.ts'
import type { Traveller } from './traveller.ts'

/**
 * Takes a request from Machine to Machine until one of them answers it.
 * @throws ProxyError where the proxy has to
 */
export async function travel<M extends Candidate>(traveller: Traveller<M>): Promise<void> {
  let leg = firstLeg(traveller)
  for (let replays = 0; ; ) {
    const arrival = await deliver(traveller, leg)
    if (arrival.kind === 'failed') {
      leg = afterFailure(traveller, leg, arrival)
      continue
    }
    const { exchange, machine } = arrival
    if (exchange.kind === 'upgrade' || !asksForReplay(exchange.answer.headers)) return traveller.client.answer(exchange)
    const instruction = await readReplay(exchange)
    replays += 1
    await checkLimits(traveller, leg, replays)
    remember(traveller, instruction, machine)
    leg = replayLeg(instruction, machine)
  }
}

async function readReplay({ answer, discard }: Extract<Answered, { kind: 'answer' }>): Promise<Instruction> {
  try {
    return readInstruction(answer.headers, isReplayJson(answer.headers) ? await readText(answer) : '')
  } finally {
    discard()
  }
}

async function checkLimits<M extends Candidate>({ body }: Traveller<M>, leg: Leg<M>, replays: number): Promise<void> {
  // "Fallback requests cannot themselves issue `fly-replay` responses."
  if (leg.kind === 'fallback') throw new ProxyError('replay_of_fallback')
  if (replays > limits.replays) throw new ProxyError('too_many_replays')
  // "Requests larger than 1MB cannot be replayed"
  if (!(await body.complete())) throw new ProxyError(body.exceedsLimit ? 'body_too_large' : 'client_aborted')
}

/** Does what the replay says about the cache. */
function remember<M extends Candidate>({ edge, request }: Traveller<M>, instruction: Instruction, { app }: M): void {
  const { cache } = instruction
  const host = request.headers.host ?? ''
  const path = request.url ?? '/'
  if (cache === 'invalidate') edge.cache.invalidate(host, path)
  else if (cache && !edge.cache.store(cache, app, instruction, host, path)) {
    throw misunderstood(`the pattern ${cache.prefix} does not match the request`)
  }
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > limits.instructionBytes) throw misunderstood('its JSON is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
