import { describeApp } from '@flyroute/demo/describe-app'

describeApp({
  folder: 'examples/express-4',
  unmeasured: 'its parser stands ahead of the middleware: what has been read cannot be measured any more',
  errors: {
    '/nowhere': {
      status: 404,
      type: 'text/html; charset=utf-8',
      body: /^<!DOCTYPE html>[^]*<pre>Cannot GET \/nowhere<\/pre>\n<\/body>\n<\/html>\n$/,
    },
    '/broken': { status: 500, type: 'application/json; charset=utf-8', body: '{"error":"Broken"}' },
    '/teapot': { status: 418, type: 'application/json; charset=utf-8', body: '{"error":"I am a teapot."}' },
  },
})
