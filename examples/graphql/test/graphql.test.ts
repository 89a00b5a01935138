import type { Call } from '@flyroute/demo/conformance'
import { describeApp } from '@flyroute/demo/describe-app'
import { expect, test } from '@jest/globals'

const graphql = (query: string, variables: object = {}, headers: Record<string, string> = {}): Call => ({
  path: '/graphql',
  init: {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  },
  pick: (body) => Object.values((body as { data: object }).data)[0],
})
const addPost = 'mutation ($title: String!) { addPost(title: $title) { id title views } }'
const type = 'application/json; charset=utf-8'

const stage = describeApp({
  folder: 'examples/graphql',
  calls: {
    list: () => graphql('{ posts { id title views } }'),
    add: (title) => graphql(addPost, { title }),
    view: (id) => graphql('query ($id: Int!) { post(id: $id) { id title views } }', { id }),
    report: () => graphql('{ report { posts views } }'),
    search: (text, remember) =>
      graphql('query ($text: String!, $remember: Boolean!) { search(text: $text, remember: $remember) { title } }', {
        text,
        remember,
      }),
    live: () => graphql('subscription { live }', {}, { accept: 'text/event-stream' }),
    upload: (bytes) =>
      graphql('mutation ($data: String!) { upload(data: $data) { bytes } }', { data: 'x'.repeat(bytes) }),
    careless: () => ({
      ...graphql('{ careless }'),
      pick: (body) => ({ ok: (body as { data: { careless: boolean } }).data.careless }),
    }),
  },
  errors: {
    '/nowhere': { status: 404, type: null, body: '' },
    '/graphql?query={broken}': {
      status: 200,
      type,
      body: '{"errors":[{"message":"Unexpected error.","locations":[{"line":1,"column":2}],"path":["broken"],"extensions":{"code":"INTERNAL_SERVER_ERROR"}}],"data":{"broken":null}}',
    },
    '/graphql?query={teapot}': {
      status: 418,
      type,
      body: '{"errors":[{"message":"I am a teapot.","locations":[{"line":1,"column":2}],"path":["teapot"]}],"data":{"teapot":null}}',
    },
  },
})

test('a mutation that its client announces is replayed before any resolver runs', async () => {
  const { lab } = stage()
  const why = async (headers: Record<string, string>): Promise<unknown> => {
    const visit = await stage().ask(stage().somebody('ams'), graphql(addPost, { title: 'Announced' }, headers))
    expect(visit).toMatchObject({ status: 200, route: 'ams → ord' })
    return lab.journal.entries.find(({ id }) => id === visit.headers.get('fly-request-id'))?.hops[0]?.why
  }
  expect(await why({ 'x-graphql-operation': 'mutation' })).toContain('method')
  expect(await why({})).toContain('insert')
})
