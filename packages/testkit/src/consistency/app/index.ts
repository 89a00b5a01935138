export { commonMutations, override, partsOf } from './mutations.ts'
export { type AppStatements, requestsBy } from './requests.ts'
export { type AppRequest, type AppRequests, serveApp } from './serve.ts'
