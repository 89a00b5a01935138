import type { Traffic } from './traffic.ts'

// One for all copies of the package.
const key = Symbol.for('flyroute.traffic.v1')
const globals = globalThis as { [key]?: Traffic | undefined }

/** Where this process counts what its requests do; undefined where it does not. */
export function currentTraffic(): Traffic | undefined {
  return globals[key]
}

/** @param begin decides, once in a process */
export function trafficOnce(begin: () => Traffic | undefined): Traffic | undefined {
  if (!Object.hasOwn(globals, key)) globals[key] = begin()
  return globals[key]
}
