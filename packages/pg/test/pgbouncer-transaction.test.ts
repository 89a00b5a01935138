import { describePooled } from './support/describe-pooled.ts'

await describePooled('transaction', { servers: 'a pooler keeps connections to its server' })
