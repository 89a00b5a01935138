import { covers } from '../network/regions.ts'
import type { Instruction } from './instruction.ts'

/** What the proxy knows of a Machine. */
export interface Candidate {
  readonly id: string
  readonly app: string
  readonly region: string
  /** Whether the proxy takes it for a Machine that runs. */
  readonly isListed: boolean
}

/** Which Machines a request may go to. */
export interface Target {
  readonly app: string
  /** Region codes and aliases in order of preference; empty: any. */
  readonly regions: readonly string[]
  readonly instance?: string | undefined
  readonly preferInstance?: string | undefined
  /** A Machine that is left out. */
  readonly except?: string | undefined
}

/**
 * The Machines for a target in the order in which they are tried: the preferred one, then region by region as listed, within
 * each the nearest first. "fly-proxy will choose the nearest instance if no region is specified."
 * @param distance from the edge, in any unit
 */
export function choose<M extends Candidate>(
  machines: readonly M[],
  target: Target,
  distance: (region: string) => number,
): M[] {
  const eligible = machines.filter(({ isListed, app, id }) => isListed && app === target.app && id !== target.except)
  if (target.instance !== undefined) return eligible.filter(({ id }) => id === target.instance)
  const nearestFirst = eligible.toSorted((a, b) => distance(a.region) - distance(b.region))
  const names = target.regions.length > 0 ? target.regions : ['any']
  const preferred = nearestFirst.filter(
    ({ id, region }) => id === target.preferInstance && names.some((name) => covers(name, region)),
  )
  const listed = names.flatMap((name) => nearestFirst.filter(({ region }) => covers(name, region)))
  return [...new Set([...preferred, ...listed])]
}

/** Where a replay goes that a Machine asked for. Without `app` it stays in that Machine's. */
export function targetOf(instruction: Instruction, from: { id: string; app: string }): Target {
  return {
    app: instruction.app ?? from.app,
    regions: instruction.regions,
    instance: instruction.instance,
    preferInstance: instruction.preferInstance,
    // "If `true`, excludes responding Machine from next load-balance"
    except: instruction.elsewhere ? from.id : undefined,
  }
}

/** Where a client's request goes, by its own routing headers ("Alternative Routing Headers"). */
export function targetOfRequest(app: string, headers: Readonly<Record<string, string | string[] | undefined>>): Target {
  const list = (name: string): string[] =>
    String(headers[name] ?? '')
      .split(',')
      .map((code) => code.trim())
      .filter(Boolean)
  const forced = list('fly-force-region')
  const preferred = list('fly-prefer-region')
  return {
    app,
    // "will not fall back" / "Falls back to the next region in the list, or to the nearest region"
    regions: forced.length > 0 ? forced : preferred.length > 0 ? [...preferred, 'any'] : [],
    instance: list('fly-force-instance-id')[0],
    preferInstance: list('fly-prefer-instance-id')[0],
  }
}
