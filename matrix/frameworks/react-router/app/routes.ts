import { index, type RouteConfig, route } from '@react-router/dev/routes'

export default [
  index('routes/home.tsx'),
  route('views/:id', 'routes/views.tsx'),
  route('posts', 'routes/posts.ts'),
  route('posts/:id', 'routes/post.ts'),
  route('report', 'routes/report.ts'),
  route('search', 'routes/search.ts'),
  route('live', 'routes/live.ts'),
  route('uploads', 'routes/uploads.ts'),
  route('careless', 'routes/careless.ts'),
  route('broken', 'routes/broken.ts'),
  route('teapot', 'routes/teapot.ts'),
] satisfies RouteConfig
