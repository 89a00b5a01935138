import { describeApp } from '@flyroute/demo/describe-app'

const type = 'application/json; charset=utf-8'

describeApp({
  folder: 'examples/fastify',
  errors: {
    '/nowhere': {
      status: 404,
      type,
      body: '{"message":"Route GET:/nowhere not found","error":"Not Found","statusCode":404}',
    },
    '/broken': { status: 500, type, body: '{"statusCode":500,"error":"Internal Server Error","message":"Broken"}' },
    '/teapot': { status: 418, type, body: `{"statusCode":418,"error":"I'm a Teapot","message":"I am a teapot."}` },
  },
})
