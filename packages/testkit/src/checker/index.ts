export { check, describeFindings, type Promises, type Verdict } from './check.ts'
export type { Finding, History, Operation, ReadStep, Step, SurvivingWrite, WriteStep } from './history.ts'
export { Random } from './random.ts'
export { type Answered, Recorder } from './recorder.ts'
export {
  type PlannedRequest,
  type RequestName,
  type Round,
  Workload,
  type WorkloadOptions,
} from './workload.ts'
