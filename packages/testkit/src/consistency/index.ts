export { Browser } from './browser.ts'
export { findBug } from './find-bug.ts'
export {
  goesOnAfterItsReplay,
  halting,
  loweredToken,
  nothingElse,
  noWaiting,
  oneRow,
  type PlantedBug,
  replayedAfterACommit,
  uncountedFunction,
} from './planted-bug.ts'
export { playAll } from './play.ts'
export { describeVerdict, playIn } from './run.ts'
export { type Scenario, withoutPrimary } from './scenario.ts'
export { failover, otherRegion, writable } from './scenarios/failover.ts'
export { apps, network } from './scenarios/network.ts'
export { World, type WorldKind, type WorldOptions } from './world.ts'
