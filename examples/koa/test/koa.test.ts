import { describeApp } from '@flyroute/demo/describe-app'

const type = 'text/plain; charset=utf-8'

describeApp({
  folder: 'examples/koa',
  errors: {
    '/nowhere': { status: 404, type, body: 'Not Found' },
    '/broken': { status: 500, type, body: 'Internal Server Error' },
    '/teapot': { status: 418, type, body: 'I am a teapot.' },
  },
})
