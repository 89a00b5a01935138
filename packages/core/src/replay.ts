export type { ReplayCache, ReplayCacheInvalidation } from './replay/cache.ts'
export {
  type HeaderValue,
  parseReplayFailure,
  parseReplaySource,
  type ReplayFailure,
  type ReplaySource,
} from './replay/parse.ts'
export { type HttpAnswer, type ReplayResponseOptions, replayResponse } from './replay/response.ts'
export type { ReplayRouting } from './replay/routing.ts'
export type { ReplayTarget } from './replay/target.ts'
export type { ReplayTransform } from './replay/transform.ts'
