export { type LateReport, playLateWork } from './play.ts'
export { type LateConnection, type LateSubject, poolSize } from './subject.ts'
