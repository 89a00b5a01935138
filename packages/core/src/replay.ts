export {
  type HeaderValue,
  parseReplayFailure,
  parseReplaySource,
  type ReplayFailure,
  type ReplaySource,
} from './replay/parse.ts'
export { type HttpAnswer, type ReplayResponseOptions, replayResponse } from './replay/response.ts'
export type { ReplayTarget } from './replay/target.ts'
