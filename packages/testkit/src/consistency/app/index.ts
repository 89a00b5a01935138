export { commonMutations, override, partsOf } from './mutations.ts'
export { type AppRequest, type AppRequests, serveApp } from './serve.ts'
