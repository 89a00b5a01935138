import { describePooled } from './support/describe-pooled.ts'

await describePooled('session', { servers: 'a pooler keeps connections to its server' })
