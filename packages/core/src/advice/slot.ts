import type { Traffic } from './traffic.ts'

interface Slot {
  traffic: Traffic | undefined
  isDecided: boolean
}

// One for all copies of the package.
const key = Symbol.for('flyroute.traffic.v1')
const globals = globalThis as { [key]?: Slot }
globals[key] ??= { traffic: undefined, isDecided: false }
const slot = globals[key]

/** Where this process counts what its requests do; undefined where it does not. */
export function currentTraffic(): Traffic | undefined {
  return slot.traffic
}

/** @param begin decides, once in a process */
export function trafficOnce(begin: () => Traffic | undefined): Traffic | undefined {
  if (!slot.isDecided) {
    slot.isDecided = true
    slot.traffic = begin()
  }
  return slot.traffic
}
