export { playInterleavings } from './main.ts'
export type { InterleavingsAdapter, InterleavingsClient, InterleavingsOptions, InterleavingsPool } from './subject.ts'
