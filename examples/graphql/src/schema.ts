import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool } from '@flyroute/pg'
import { createGraphQLError, createSchema } from 'graphql-yoga'

// Glue: a pool that knows the region it runs in.
export const pool = createPool()

const typeDefs = /* GraphQL */ `
  type Post {
    id: Int!
    title: String!
    views: Int!
  }
  type Report {
    posts: Int!
    views: Int!
  }
  type Upload {
    bytes: Int!
  }
  type Query {
    posts: [Post!]!
    post(id: Int!): Post
    search(text: String!, remember: Boolean!): [Post!]!
    report: Report!
    careless: Boolean!
    broken: Boolean
    teapot: Boolean
  }
  type Mutation {
    addPost(title: String!): Post!
    upload(data: String!): Upload!
  }
  type Subscription {
    live: String!
  }
`

export const schema = createSchema<{ res: ServerResponse }>({
  typeDefs,
  resolvers: {
    Query: {
      // A read: answered by the local replica, although it is a POST.
      posts: async () => {
        const { rows } = await pool.query('select id, title, views from post order by id desc limit 20')
        return rows
      },

      // A query that writes: its error ends in `errors`, and the request is run again in the primary region all the same.
      post: async (_, { id }: { id: number }) => {
        const { rows } = await pool.query(
          'update post set views = views + 1 where id = $1 returning id, title, views',
          [id],
        )
        return rows[0]
      },

      // A query that only reads, unless its arguments say more.
      search: async (_, { text, remember }: { text: string; remember: boolean }) => {
        const { rows } = await pool.query('select id, title, views from post where title like $1', [`%${text}%`])
        if (remember) await pool.query('insert into search (text) values ($1)', [text])
        return rows
      },

      // A transaction that turns into a write half-way. Nothing here knows about regions.
      report: async () => {
        const client = await pool.connect()
        try {
          await client.query('begin')
          const { rows } = await client.query(
            'select count(*)::int as posts, coalesce(sum(views), 0)::int as views from post',
          )
          await client.query('insert into report (posts, views) values ($1, $2)', [rows[0].posts, rows[0].views])
          await client.query('commit')
          return rows[0]
        } catch (error) {
          await client.query('rollback')
          throw error
        } finally {
          client.release()
        }
      },

      // A resolver that makes light of errors: the refusal is remembered all the same.
      careless: async () => {
        return pool.query("insert into search (text) values ('nothing')").then(
          () => true,
          () => false,
        )
      },

      // Errors of the app's own pass as they are.
      broken: () => {
        throw new Error('Broken')
      },
      teapot: () => {
        throw createGraphQLError('I am a teapot.', { extensions: { http: { status: 418 } } })
      },
    },

    Mutation: {
      // A mutation: a statement of it is a write, and the whole request runs in the primary region.
      addPost: async (_, { title }: { title: string }, { res }) => {
        const { rows } = await pool.query('insert into post (title) values ($1) returning id, title, views', [title])
        res.appendHeader('set-cookie', `last-post=${rows[0].id}`)
        return rows[0]
      },

      // An upload: over a megabyte Fly Proxy cannot replay it, so it runs here, with a connection to the primary.
      upload: async (_, { data }: { data: string }) => {
        const { rows } = await pool.query('insert into upload (bytes) values ($1) returning bytes', [data.length])
        return rows[0]
      },
    },

    Subscription: {
      // A subscription, over server-sent events.
      live: {
        async *subscribe() {
          for (let last = 0, title = ''; title !== 'The end'; await sleep(20)) {
            const { rows } = await pool.query('select id, title from post where id > $1 order by id', [last])
            for (const row of rows) {
              ;({ id: last, title } = row)
              yield { live: title }
            }
          }
        },
      },
    },
  },
})
