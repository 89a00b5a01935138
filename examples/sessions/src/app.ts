import { replayMiddleware } from '@flyroute/core/node'
import { createPool } from '@flyroute/pg'
import connectPgSimple from 'connect-pg-simple'
import express, { type Express } from 'express'
import session from 'express-session'

declare module 'express-session' {
  interface SessionData {
    user: string
    day: string
    cart: string[]
  }
}

// Glue: a pool that knows the region it runs in, and one middleware ahead of all others.
const pool = createPool()
const replays = replayMiddleware({ databases: [pool] })

export const app: Express = express()
app.use(replays)

// Glue: a store that leaves its table alone while sessions are only read. Who keeps it tidy is the primary's region.
const { inPrimaryRegion } = pool.replication.topology
const Store = connectPgSimple(session)
const store = new Store({ pool, disableTouch: true, pruneSessionInterval: inPrimaryRegion ? 900 : false })

app.use(express.json())
app.use(
  session({
    store,
    secret: process.env.SESSION_SECRET ?? 'only on this machine',
    // Both are the defaults that express-session would rather not have.
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 30 * 86_400_000 },
  }),
)

// Glue: so that a session lives on while its user only reads, it is renewed once a day: one write, not one a request.
app.use(({ session }, _response, next) => {
  const day = new Date().toISOString().slice(0, 10)
  if (session.user !== undefined && session.day !== day) session.day = day
  next()
})

// A write: runs in the primary region. The session is saved ahead of the answer, so that its token travels with it.
app.post('/login', (request, response, next) => {
  request.session.regenerate((failed) => {
    if (failed) return next(failed)
    request.session.user = request.body.user
    request.session.day = new Date().toISOString().slice(0, 10)
    request.session.save((error) => (error ? next(error) : response.status(201).json({ user: request.body.user })))
  })
})

app.post('/cart', (request, response, next) => {
  request.session.cart = [...(request.session.cart ?? []), request.body.item]
  request.session.save((error) => (error ? next(error) : response.status(201).json(request.session.cart)))
})

app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.status(204).end()))
})

// A read: the session comes from the local replica, as fresh as its user's last write.
app.get('/me', ({ session: { user, cart = [] } }, response) => {
  if (user === undefined) response.status(401).json({ error: 'Log in first.' })
  else response.json({ user, cart })
})
